/** Backups: everything in, everything back, on this PostgreSQL and on the other one; and what happened since is not undone. */
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf, withBackup, type Manifest } from '../db/backupFile.ts';
import type { Restored } from '../db/fromBackup.ts';
import { emptyDatabase, pastGuards, type FreshDatabase } from './setup/database.ts';
import { rehearsal, type Council, type Ended } from './setup/commands.ts';
import { liveCouncil } from './setup/liveCouncil.ts';
import { closeAccount } from '../db/people.ts';
import { remakeBag } from './setup/remadeBag.ts';

const FIRST = '2026-11-22';
const ARCHIVED = '2026-11-30';

let council: Council;
let other: FreshDatabase;
let file: string;

beforeEach(async () => {
  [council, other] = [await rehearsal(), await emptyDatabase()];
  file = path.join(council.folder, 'backup.zip');
});

afterEach(async () => {
  await council.close();
  await other.close();
});

describe('a backup', () => {
  it('holds every table of the catalogue, from one moment, and only its owner can read it', async () => {
    await eventfulLife();
    const said = (await council.done(['backup', file, '--json'])).json<{ sha256: string; rows: number }>();
    const { tables, migrations, audit } = await manifestOf(file);
    const inCatalogue = await council
      .db('pg_tables')
      .where({ schemaname: 'public' })
      .whereNot('tablename', 'like', 'knex%')
      .pluck<string[]>('tablename');
    expect(tables.map((table) => table.name).sort()).toEqual(inCatalogue.sort());
    expect(tables.reduce((sum, table) => sum + table.rows, 0)).toBe(said.rows);
    for (const { name, rows } of tables.filter((table) => table.name !== 'audit_events'))
      expect([name, await countOf(council.db, name)]).toEqual([name, rows]);
    expect(migrations).toEqual(await council.db('knex_migrations').orderBy('id').pluck('name'));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(council.folder)).filter((name) => name.startsWith('.'))).toEqual([]);
    const event = await council.db('audit_events').where({ event: 'database.backed_up' }).first<{ details: string }>('details');
    expect(JSON.parse(event.details)).toEqual({ sha256: said.sha256, ...audit });
  });

  it('overwrites nothing', async () => {
    await council.done('compute');
    await writeFile(file, 'precious');
    await expectRefusal(council.retention(['backup', file]), /is there already, and a backup is not overwritten/);
    expect(await readFile(file, 'utf8')).toBe('precious');
  });

  it('in RETENTION_HOME/backups is deleted by the night after KEEP_DAYS, and nothing else is', async () => {
    const folder = path.join(council.env['RETENTION_HOME'] ?? '', 'backups');
    await council.done(['backup', path.join(folder, 'old.zip')]);
    await council.done(['backup', file]);
    await writeFile(path.join(folder, 'not ours.zip'), 'x');
    const { as_of } = await manifestOf(path.join(folder, 'old.zip'));
    expect(as_of).toBe(FIRST);
    await council.night('2027-02-20');
    expect(await readdir(folder)).toEqual(['not ours.zip', 'old.zip']);
    council.today = '2027-02-21';
    await council.night('2027-02-21');
    expect(await readdir(folder)).toEqual(['not ours.zip']);
    await stat(file);
  });
});

describe('a restored database', () => {
  it('takes no token, code or session of before: one that was ended after the backup would live again', async () => {
    const live = await liveCouncil();
    const copy = path.join(live.council.folder, 'backup.zip');
    const home = { DATABASE_URL: other.url, DATABASE_OWNER_URL: other.ownerUrl };
    try {
      await live.council.done(['backup', copy]);
      await live.council.db.transaction((trx) => closeAccount(trx, 'a.khan', { name: 's.lee', roles: ['admin'] }));
      const restored = await live.council.retention(['restore-backup', copy], home);
      expect([restored.exitCode, restored.stderr]).toEqual([3, '']);
      expect(restored.stdout).toContain('Everybody is signed out: tokens, one-time codes and recovery codes have ended.');
      for (const token of [live.khan, live.jones]) {
        const refused = await live.council.retention('lists', { ...home, ...token });
        expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('This token is unknown')]);
      }
      expect(await other.db('user_secrets').whereNull('ended_at')).toEqual([]);
      const { code } = (await live.council.done('users recover s.lee --json', home)).json<{ code: string }>();
      await live.council.done(['users', 'enrol', code], home);
    } finally {
      await live.council.close();
    }
  });

  it('is the one that was backed up: every row, every determination, the same audit', async () => {
    await eventfulLife();
    const before = await pictureOf(council.db);
    const csv = (await council.done('determinations')).stdout;
    await council.done(['backup', file]);
    const restored = await restore(other);
    expect(restored).toMatchObject({ taken_over: [], left: [], not_in_store: [], migrated: [] });
    expect(await pictureOf(other.db)).toEqual(before);
    expect((await at(other, 'determinations')).stdout).toBe(csv);
    expect((await at(other, 'audit verify')).stdout).toContain('The chain is whole');
    const events = await other.db('audit_events').orderBy('seq', 'desc').limit(2).pluck('event');
    expect(events).toEqual(['brake.tripped', 'database.restored']);
  });

  it('lists and archives nothing until an authoriser has released the brake, and then goes on', async () => {
    council.register.child('CF-1');
    await council.night(FIRST);
    await council.approveAndSign(1, FIRST);
    await council.done(['backup', file]);
    await restore(other);
    const stopped = await at(other, ['nightly', '--import', council.extract, '--json'], { asOf: ARCHIVED });
    expect(stopped.json()).toMatchObject({ stopped: [expect.stringContaining('The brake "restored" is on')] });
    expect(await council.bags()).toEqual([]);
    await at(other, ['brake', 'release', 'restored', '--reason', 'holds confirmed'], { asOf: ARCHIVED, as: 'h.grant' });
    await at(other, ['nightly', '--import', council.extract], { asOf: ARCHIVED });
    expect(await council.bags()).toEqual(['CF-1.zip']);
  });

  it('guards and counts as before: triggers are on, and no number is given twice', async () => {
    await eventfulLife();
    const triggers = await triggersOf(council.db);
    await council.done(['backup', file]);
    await restore(other);
    expect(await triggersOf(other.db)).toEqual(triggers);
    await expect(other.db('audit_events').delete()).rejects.toThrow('append-only');
    const sequences = (await manifestOf(file)).sequences.filter((sequence) => sequence.last_value !== null);
    expect(sequences.length).toBeGreaterThan(5);
    for (const { name, last_value } of sequences) {
      const next = await other.db.raw<{ rows: { value: number }[] }>(`select nextval('${name}') as value`);
      expect([name, next.rows[0]?.value]).toEqual([name, (last_value ?? 0) + (name === 'brakes_id_seq' ? 2 : 1)]);
    }
  });

  it('is the same after the way over the embedded PostgreSQL, whatever version either is', async () => {
    await eventfulLife();
    const before = await pictureOf(council.db);
    const csv = (await council.done('determinations')).stdout;
    await council.done(['backup', file]);
    const embedded = { DATABASE_URL: '', RETENTION_HOME: path.join(council.folder, 'embedded home') };
    expect((await council.retention(['restore-backup', file], embedded)).exitCode).toBe(3);
    expect((await council.done('determinations', embedded)).stdout).toBe(csv);
    expect((await council.done('audit verify', embedded)).stdout).toContain('The chain is whole');
    const second = path.join(council.folder, 'second.zip');
    await council.done(['backup', second], embedded);
    await expectRefusal(council.retention(['restore-backup', file], embedded), /This database is not empty/);
    await restore(other, second);
    expect(await pictureOf(other.db)).toEqual(before);
    expect((await at(other, 'determinations')).stdout).toBe(csv);
  });
});

describe('bags of files that were archived after the backup', () => {
  let letter: string;

  beforeEach(async () => {
    council.register.child('CF-1').child('CF-2').child('CF-3', { categories: 'child_protection' });
    letter = await council.document('CF-1', 'CF-1/letter.txt');
    await council.document('CF-2', 'CF-2/note.txt');
    await council.document('CF-3', 'CF-3/plan.txt');
    council.register.documents.push({ file_ref: 'CF-9', path: 'CF-2/note.txt', sha256: '' });
    council.register.child('CF-9', { closed_on: '' });
    await council.night(FIRST);
  });

  it('signed before it: the file is archived as its bag says, the list complete and certified', async () => {
    await council.approveAndSign(1, FIRST);
    await council.approveAndSign(2, FIRST);
    await council.done(['backup', file]);
    await council.night(ARCHIVED);
    const archived = await archiveOf(council.db);
    const { taken_over, left } = await restore(other);
    expect(left).toEqual([]);
    expect(taken_over).toEqual([
      expect.objectContaining({
        file_ref: 'CF-1',
        bag: 'CF-1.zip',
        archived_on: ARCHIVED,
        list: 1,
        list_from_bags: false,
        sources: { gone: 1, still_there: 0 },
      }),
      expect.objectContaining({ file_ref: 'CF-2', sources: { gone: 0, still_there: 1 } }),
      expect.objectContaining({ file_ref: 'CF-3', list: 2 }),
    ]);
    expect(await archiveOf(other.db)).toEqual(archived);
    await expectTakenOver();
    const certificate = await other.db('disposal_certificates').where({ list_id: 1 }).first<{ content: string }>('content');
    expect(JSON.parse(certificate.content)).toMatchObject({
      expected: 2,
      actual: { archived: 2 },
      files: [{ file_ref: 'CF-1' }, { file_ref: 'CF-2' }],
    });
  });

  it('signed after it: the signature is known from the bags, and the rest of the list is free again', async () => {
    await council.done(['backup', file]);
    const items = (await council.show(1)).items.map((item) => item.file_ref);
    expect(items).toEqual(['CF-1', 'CF-2']);
    await council.done(['decide', '1', '--keep-until', '2027-05-01', '--reason', 'claim', '--files', 'CF-2'], {
      asOf: FIRST,
      as: 'm.jones',
    });
    await council.approveAndSign(1, FIRST);
    const { digest } = await council.show(1);
    await council.night(ARCHIVED);
    const { taken_over } = await restore(other);
    expect(taken_over).toEqual([expect.objectContaining({ file_ref: 'CF-1', list: 1, list_from_bags: true })]);
    expect((await at(other, 'show 1 --json')).json()).toMatchObject({
      state: 'complete',
      signed_by: 'a.khan',
      digest,
      items: [
        { file_ref: 'CF-1', status: 'archived', decided_by: 'm.jones', retain_until: null },
        { file_ref: 'CF-2', status: 'withdrawn' },
      ],
    });
    await expectTakenOver(['CF-1']);
    const certificate = await other.db('disposal_certificates').where({ list_id: 1 }).first<{ content: string }>('content');
    expect(JSON.parse(certificate.content)).toMatchObject({
      actual: { archived: 1 },
      does_not_cover: expect.arrayContaining([expect.stringContaining('restored from a backup')]) as string[],
    });
    await goesOn();
    expect((await at(other, 'lists --json')).json<{ id: number }[]>().map((list) => list.id)).toEqual([3, 2, 1]);
  });

  it('listed after it: the list is entered from the bags, and its number given to no other', async () => {
    council.register.child('CF-4', { categories: 'missing_person', notified_on: '2020-05-05' }, { name: 'Nell Later' });
    await council.done(['backup', file]);
    await council.night('2026-11-23');
    await council.approveAndSign(3, '2026-11-23');
    await council.night('2026-12-01');
    const { taken_over } = await restore(other);
    expect(taken_over).toEqual([
      expect.objectContaining({ file_ref: 'CF-4', list: 3, list_from_bags: true, was_registered: false, archived_on: '2026-12-01' }),
    ]);
    expect((await at(other, 'show 3 --json')).json()).toMatchObject({
      state: 'complete',
      rule: 'missing-person',
      from_bags_on: FIRST,
      items: [{ file_ref: 'CF-4' }],
    });
    await expectTakenOver(['CF-4']);
    expect(await other.db('archive_index').select('file_ref', 'name', 'date_of_birth')).toEqual([
      { file_ref: 'CF-4', name: 'Nell Later', date_of_birth: '2000-01-02' },
    ]);
    council.register.child('CF-5', { categories: 'missing_person', notified_on: '2020-05-06' });
    await goesOn();
    expect((await at(other, 'lists --json')).json<{ id: number }[]>()[0]?.id).toBe(4);
    expect(await other.db('seen_again').select('file_ref', 'differs', 'gone_on')).toEqual([
      { file_ref: 'CF-4', differs: false, gone_on: null },
    ]);
  });

  it('damaged, another’s, or begun in the backup: named and left, and no night removes them', async () => {
    await council.approveAndSign(1, FIRST);
    await council.db('bags').insert({ file_ref: 'CF-2', list_id: 1, location: 'CF-2.zip', begun_on: FIRST });
    await council.done(['backup', file]);
    await pastGuards(council.db, 'bags', (trx) => trx('bags').delete());
    await council.night(ARCHIVED);
    for (const name of ['CF-1.zip', 'CF-2.zip']) await truncate(path.join(council.archive, name), 300);
    await writeFile(path.join(council.archive, 'elsewhere.zip'), 'not a bag');
    const { taken_over, left } = await restore(other);
    expect(taken_over).toEqual([]);
    expect(left).toEqual(
      ['CF-1.zip', 'CF-2.zip', 'elsewhere.zip'].map((bag) => ({ bag, why: expect.stringContaining('it is damaged') as string })),
    );
    await at(other, ['brake', 'release', 'restored', '--reason', 'x'], { asOf: ARCHIVED, as: 'h.grant' });
    await council.retention('nightly', { asOf: ARCHIVED, DATABASE_URL: other.url });
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip', 'elsewhere.zip']);
  });

  it('made anew by somebody, with a document less, another, or one more: named and left, their files still registered', async () => {
    for (const file of ['CF-1', 'CF-2', 'CF-3']) await council.document(file, `${file}/second.txt`);
    await council.night('2026-11-23');
    for (const { id } of await council.lists('for_decision')) await council.approveAndSign(id, '2026-11-23');
    await council.done(['backup', file]);
    await council.night('2026-12-01');
    const anew = (name: string, change: (files: Map<string, Buffer>) => void) => remakeBag(path.join(council.archive, name), change);
    await anew('CF-1.zip', (files) => files.delete('data/documents/CF-1/second.txt'));
    await anew('CF-2.zip', (files) => files.set('data/documents/CF-2/second.txt', Buffer.from('another')));
    await anew('CF-3.zip', (files) => files.set('data/documents/CF-3/third.txt', Buffer.from('one more')));
    expect((await council.retention('doctor --bags')).stdout).toMatch(/Damaged: CF-1\.zip, CF-2\.zip, CF-3\.zip/);
    const { taken_over, left } = await restore(other);
    expect(taken_over).toEqual([]);
    expect(left).toEqual(
      [/1 are missing and 0 are others, and 0/, /0 are missing and 1 are others, and 0/, /0 are missing and 0 are others, and 1/].map(
        (why, index) => ({ bag: `CF-${index + 1}.zip`, why: expect.stringMatching(why) as string }),
      ),
    );
    expect(await other.db('case_files').orderBy('file_ref').pluck('file_ref')).toEqual(['CF-1', 'CF-2', 'CF-3', 'CF-9']);
  });

  it('waiting for a receipt or their paper: wait again where the backup has the signature', async () => {
    council.register.child('TR-1', { categories: 'child_in_care' }, { date_of_birth: '1940-01-01', known_to_adult_services: 'yes' });
    council.register.child('PA-1', { categories: 'missing_person', notified_on: '2020-05-05', medium: 'both' });
    await council.document('PA-1', 'PA-1/scan.txt');
    await council.night('2026-11-23');
    for (const { id } of await council.lists('for_decision')) await council.approveAndSign(id, '2026-11-23');
    await council.done(['backup', file]);
    await council.night('2026-12-01');
    const waiting = await council
      .db('disposal_list_items')
      .where('status', 'like', 'waiting%')
      .orderBy('file_ref')
      .select('file_ref', 'status', 'list_id');
    expect(waiting.length).toBeGreaterThan(0);
    const { taken_over } = await restore(other);
    expect(
      await other.db('disposal_list_items').where('status', 'like', 'waiting%').orderBy('file_ref').select('file_ref', 'status', 'list_id'),
    ).toEqual(waiting);
    expect(
      taken_over
        .filter((bag) => bag.as !== 'archived')
        .map((bag) => bag.file_ref)
        .sort(),
    ).toEqual(waiting.map((item: { file_ref: string }) => item.file_ref));
    await goesOn('2026-12-02');
  });

  it('named by the database but gone from the store: said', async () => {
    await council.approveAndSign(1, FIRST);
    await council.night(ARCHIVED);
    await council.done(['backup', file]);
    await rm(path.join(council.archive, 'CF-2.zip'));
    expect((await restore(other)).not_in_store).toEqual(['CF-2.zip']);
  });

  /** The files are out of the register, found in the archive, and their sources known. */
  async function expectTakenOver(files = ['CF-1', 'CF-2', 'CF-3']): Promise<void> {
    expect(await other.db('case_files').whereIn('file_ref', files)).toEqual([]);
    expect(await other.db('residual_records').orderBy('file_ref').pluck('file_ref')).toEqual(files);
    for (const file of files) {
      const found = await at(other, ['find', '--name', await nameOf(file), '--born', '2000-01-02', '--json'], { as: 'c.bell' });
      expect(found.stdout).toContain(`"${file}"`);
    }
    expect((await at(other, 'audit verify')).stdout).toContain('The chain is whole');
    const removals = await other.db('source_removals').orderBy('id').select('file_ref', 'outcome', 'path');
    if (files.includes('CF-1')) expect(removals[0]).toEqual({ file_ref: 'CF-1', outcome: 'already_gone', path: null });
    if (files.includes('CF-1')) await expect(stat(letter)).rejects.toThrow('ENOENT');
  }

  async function nameOf(fileRef: string): Promise<string> {
    return (await other.db('archive_index').where({ file_ref: fileRef }).first<{ name: string }>('name')).name;
  }

  async function goesOn(asOf = '2026-12-02'): Promise<void> {
    await council.writeExtract();
    await at(other, ['brake', 'release', 'restored', '--reason', 'confirmed'], { asOf, as: 'h.grant' });
    const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf, DATABASE_URL: other.url });
    expect(night.json<{ outcome: string; stopped: string[] }>()).toMatchObject({ outcome: 'succeeded', stopped: [] });
  }

  /** What archiving left behind, but for the numbers of rows and whether a source is removed or found gone. */
  async function archiveOf(db: Knex): Promise<unknown> {
    const of = (table: string, ...columns: string[]) => db(table).orderBy(columns).select(columns);
    return {
      residual: (await db('residual_records').orderBy('file_ref')) as unknown,
      index: await of('archive_index', 'file_ref', 'person_ref', 'name', 'date_of_birth', 'bag_location'),
      items: (await db('disposal_list_items').orderBy(['list_id', 'position'])) as unknown,
      lists: await of('disposal_lists', 'id', 'state', 'digest', 'signed_by'),
      people: (await db('people').orderBy('person_ref')) as unknown,
      left: await of('source_removals', 'file_ref', 'sha256', 'size'),
    };
  }
});

describe('restoring is refused, with nothing changed,', () => {
  beforeEach(async () => {
    council.register.child('CF-1');
    await council.night(FIRST);
    await council.done(['backup', file]);
  });

  it('into a database that is not empty', async () => {
    const before = await pictureOf(council.db);
    await expectRefusal(council.retention(['restore-backup', file]), /This database is not empty .* Point DATABASE_URL at a new database/);
    expect(await pictureOf(council.db)).toEqual(before);
    await other.db.raw('create table shopping (list text)');
    await expectRefusal(council.retention(['restore-backup', file], { DATABASE_URL: other.url }), /it has shopping/);
  });

  it('from a file that is none, is cut short, or was changed by one byte', async () => {
    await expectNotRestored(/There is no file nowhere\.zip/, path.join(council.folder, 'nowhere.zip'));
    const whole = await readFile(file);
    await truncate(file, whole.length - 100);
    await expectNotRestored(/cannot be used: it is no zip, or its end is missing/);
    const at = whole.indexOf('tables/people.copy') + 30;
    await writeFile(file, Buffer.concat([whole.subarray(0, at), Buffer.from([(whole[at] ?? 0) ^ 1]), whole.subarray(at + 1)]));
    await expectNotRestored(/cannot be used/);
    await writeFile(file, 'Dear Sir');
    await expectNotRestored(/it is no zip/);
  });

  it('over folders of another live database', async () => {
    const live = await rehearsal({ RETENTION_REHEARSAL: '', DOCUMENT_ROOT: council.documentRoot });
    await live.done('compute');
    await expectNotRestored(/belongs to another, live database/);
    await live.close();
  });

  it('of a live database, as a rehearsal or as of another day', async () => {
    const live = await rehearsal({ RETENTION_REHEARSAL: '' });
    await live.done('compute');
    const copy = path.join(live.folder, 'copy.zip');
    await live.done(['backup', copy]);
    const to = { DATABASE_URL: other.url, DATABASE_OWNER_URL: other.ownerUrl };
    await expectRefusal(
      live.retention(['restore-backup', copy], { ...to, RETENTION_REHEARSAL: '1' }),
      /this is the backup of a live database/,
    );
    expect((await live.retention(['restore-backup', copy], { ...to, asOf: '2026-01-02' })).exitCode).toBe(2);
    expect(await tablesOf(other.db)).toEqual([]);
    expect((await live.retention(['restore-backup', copy], to)).exitCode).toBe(3);
    await live.done('compute', to);
    await live.close();
  });

  async function expectNotRestored(words: RegExp, from = file): Promise<void> {
    await expectRefusal(
      council.retention(['restore-backup', from], { DATABASE_URL: other.url, DATABASE_OWNER_URL: other.ownerUrl }),
      words,
    );
    expect(await tablesOf(other.db)).toEqual([]);
  }
});

/** What archives, moves, is kept, held, rejected, quarantined and brought about in a week. */
async function eventfulLife(): Promise<void> {
  council.register.child('CF-1').child('CF-2').child('CF-3', { family_ref: 'FAM', location: 'shelf\t7\n"quoted" \\N' });
  council.register
    .child('CF-4', { categories: 'adoption', adoption_order_on: '2006-03-01' })
    .child('CF-5', {}, { date_of_birth: '1999', poses_risk_to_children: 'yes' });
  council.register.families.push({ family_ref: 'FAM', child_ref: 'CF-1-P' });
  await council.document('CF-1', 'CF-1/letter.txt');
  await council.night(FIRST);
  await council.approveAndSign(1, FIRST);
  await council.done(['hold', 'add', '--kind', 'police', '--scope', 'file:CF-3', '--authority', 'DI Archer', '--review-on', '2027-05-22'], {
    as: 'm.jones',
  });
  council.register.change('CF-2-P', { name: 'Änne O’Brien' }).child('CF-6').change('CF-6', { closed_on: 'soon' });
  council.today = ARCHIVED;
  await council.writeExtract();
  await council.retention(['nightly', '--import', council.extract], { asOf: ARCHIVED });
}

async function restore(into: FreshDatabase, from = file): Promise<Restored> {
  const result = await council.retention(['restore-backup', from, '--json'], { DATABASE_URL: into.url, DATABASE_OWNER_URL: into.ownerUrl });
  expect([result.exitCode, result.stderr]).toEqual([3, '']);
  return result.json();
}

async function at(database: FreshDatabase, command: string | string[], options: { asOf?: string; as?: string } = {}): Promise<Ended> {
  return council.done(command, { ...options, DATABASE_URL: database.url });
}

/** Every row of every table but what backing up and restoring add: events, the brake, and that it was told. */
async function pictureOf(db: Knex): Promise<Record<string, string[]>> {
  const added = ['database.backed_up', 'database.restored', 'brake.tripped', '(brake,'];
  const picture: Record<string, string[]> = {};
  for (const table of (await tablesOf(db)).filter((name) => !name.startsWith('knex') && name !== 'brakes')) {
    const { rows } = await db.raw<{ rows: { row: string }[] }>(`select t::text as row from ${table} t order by 1`);
    picture[table] = rows.map((row) => row.row).filter((row) => !added.some((event) => row.includes(event)));
  }
  return picture;
}

async function tablesOf(db: Knex): Promise<string[]> {
  return db('pg_tables').where({ schemaname: 'public' }).orderBy('tablename').pluck('tablename');
}

async function triggersOf(db: Knex): Promise<unknown> {
  const { rows } = await db.raw<{ rows: unknown[] }>(
    'select tgrelid::regclass::text as "table", tgname, tgenabled from pg_trigger where not tgisinternal order by 1, 2',
  );
  return rows;
}

async function countOf(db: Knex, table: string): Promise<number> {
  return Number((await db(table).count())[0]?.['count']);
}

async function manifestOf(backup: string): Promise<Manifest> {
  const { store, location } = placeOf(backup);
  return withBackup(store, location, ({ manifest }) => Promise.resolve(manifest));
}

async function expectRefusal(command: Promise<Ended>, words: RegExp): Promise<void> {
  const { exitCode, stdout, stderr } = await command;
  expect([exitCode, stderr, stdout]).toEqual([1, expect.stringMatching(words), '']);
}
