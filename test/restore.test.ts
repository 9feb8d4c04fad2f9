/** Bringing an archived file back: two people, a verified bag, documents and facts as they were, and archiving it again. */
import { access, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { pastGuards } from './setup/database.ts';

const listed = '2026-11-22';
const archived = '2026-11-30';
const asked = '2026-12-10';
const keptUntil = '2027-06-30';
const ask = ['restore', 'CF-1', '--keep-until', keptUntil, '--reason', 'claim of the Marlow family'];

let council: Council;
let letter: string;
let before: { rows: unknown; facts: unknown };

beforeEach(async () => {
  council = await rehearsal();
  council.register
    .child(
      'CF-1',
      { location: 'a shelf', family_ref: 'FAM-1', last_entry_on: '2009-01-01' },
      { name: 'Rose Marlow', date_of_death: '2020-02-02' },
    )
    .child('CF-2')
    .child('CF-9', { closed_on: '', family_ref: 'FAM-9' });
  council.register.families.push({ family_ref: 'FAM-1', child_ref: 'CF-1-P' });
  letter = await council.document('CF-1', 'CF-1/deep/a letter.txt', 'Dear child');
  await council.document('CF-1', 'CF-1/scan.bin', Buffer.alloc(300_000, 9));
  await council.document('CF-1', 'CF-1/empty.txt', '');
  await council.night(listed);
  before = { rows: await rowsOfFile(), facts: await council.explain('CF-1', listed) };
  await council.approveAndSign(1, listed);
  await council.night(archived);
  expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
});

afterEach(() => council.close());

describe('asking', () => {
  it('changes nothing until another person confirms, and lapses after 30 days', async () => {
    expect((await council.done([...ask, '--json'], { asOf: asked, as: 'm.jones' })).json()).toEqual({
      file_ref: 'CF-1',
      keep_until: keptUntil,
      lapses_after: '2027-01-09',
      kept_apart: [],
    });
    expect(await council.db('case_files').pluck('file_ref')).toEqual(['CF-9']);
    await council.refused('restore CF-1 --confirm', { asOf: asked, as: 'm.jones' }, 'own_request', /another person/);
    await council.refused('restore CF-1 --confirm', { asOf: '2027-01-10', as: 'a.khan' }, 'request_lapsed', /lapsed after 30 days/);
    await council.refused('restore CF-2 --confirm', { asOf: asked, as: 'a.khan' }, 'restore_not_asked', /Nobody has asked/);
    await council.done('restore CF-1 --confirm', { asOf: '2027-01-09', as: 'a.khan' });
  });

  it('needs an archived file, a day to come, a reason, and a records manager', async () => {
    await council.refused(['restore', 'CF-9', ...ask.slice(2)], { asOf: asked, as: 'm.jones' }, 'not_archived', /in the register/);
    await council.refused(['restore', 'CF-0', ...ask.slice(2)], { asOf: asked, as: 'm.jones' }, 'not_archived', /no such file/);
    await council.refused(
      ['restore', 'CF-1', '--keep-until', asked, '--reason', 'x'],
      { asOf: asked, as: 'm.jones' },
      'keep_until_past',
      /day to come/,
    );
    await council.refused(
      ['restore', 'CF-1', '--keep-until', keptUntil, '--reason', ' '],
      { asOf: asked, as: 'm.jones' },
      'reason_missing',
      /why/,
    );
    await council.done('users add c.ward --role compliance');
    await council.refused(ask, { asOf: asked, as: 'c.ward' }, 'not_permitted', /records_manager/);
    for (const wrong of [
      ['restore', 'CF-1'],
      [...ask, '--confirm'],
    ]) {
      expect((await council.retention(wrong, { asOf: asked, as: 'm.jones' })).exitCode).toBe(2);
    }
  });

  it('again replaces what was asked before', async () => {
    await council.done(ask, { asOf: asked, as: 'm.jones' });
    await council.done(['restore', 'CF-1', '--keep-until', '2028-01-01', '--reason', 'longer'], { asOf: asked, as: 'a.khan' });
    await council.refused('restore CF-1 --confirm', { asOf: asked, as: 'a.khan' }, 'own_request', /a\.khan asked/);
    expect((await council.done('restore CF-1 --confirm --json', { asOf: asked, as: 'm.jones' })).json()).toMatchObject({
      keep_until: '2028-01-01',
    });
  });
});

describe('once confirmed', () => {
  beforeEach(() => council.done(ask, { asOf: asked, as: 'm.jones' }));

  it('the file is as it was: facts, people, family, documents for their owner alone, and one determination', async () => {
    const restored = await council.done('restore CF-1 --confirm --json', { asOf: asked, as: 'a.khan' });
    expect(restored.json()).toMatchObject({
      documents: { written: 3, already_there: 0 },
      people: { put_back: ['CF-1-P'], registered_otherwise: [] },
      bags: { moved: 1, failed: 0 },
    });
    expect(await rowsOfFile()).toEqual(before.rows);
    const explained = await council.explain('CF-1', asked);
    expect(explained).toMatchObject({
      ...(before.facts as object),
      as_of: asked,
      blocks: ['deferred'],
      block_words: [expect.stringContaining('30 June 2027')] as unknown,
      history: [],
    });
    expect([await readFile(letter, 'utf8'), (await stat(letter)).mode & 0o777]).toEqual(['Dear child', 0o600]);
    expect(await readFile(path.join(council.documentRoot, 'CF-1/scan.bin'))).toEqual(Buffer.alloc(300_000, 9));
    await council.expectAccounted();
  });

  it('the record is marked, the index answers no more, and the bag lies in restored/ as evidence', async () => {
    const record = await council.db('residual_records').where({ file_ref: 'CF-1' }).first<{ bag_sha256: string }>();
    await council.done('restore CF-1 --confirm', { asOf: asked, as: 'a.khan' });
    expect(await council.db('residual_records').where({ file_ref: 'CF-1' }).first()).toEqual({ ...record, restored_on: asked });
    expect(await council.db('archive_index').pluck('file_ref')).toEqual(['CF-2']);
    expect(await council.bags()).toEqual(['CF-2.zip']);
    expect((await verifyBag(openArchiveStore(council.archive), 'restored/list-1/CF-1.zip')).sha256).toBe(record.bag_sha256);
    expect((await council.done('certificate show 1 --json')).json()).toMatchObject({
      restored_since: [{ file_ref: 'CF-1', restored_on: asked }],
    });
    const found = (await council.done('find --name marlow --json')).json<{ where: string }[]>();
    expect(found.map((file) => file.where)).toEqual(['register']);
    await council.refused('restore CF-1 --confirm', { asOf: asked, as: 'a.khan' }, 'not_archived', /in the register/);
  });

  it('an extract that has it is an ordinary one; after the day it is listed, archived again and can be restored again', async () => {
    await council.night('2026-12-09');
    await council.done('restore CF-1 --confirm', { asOf: asked, as: 'a.khan' });
    const next = await council.night('2026-12-11');
    expect(next.steps['import']).toMatchObject({
      rows: {
        'files.csv': { archived: 1, unchanged: 2, changed: 0 },
        'documents.csv': { unchanged: 3, added: 0, changed: 0 },
        'people.csv': { changed: 0, unchanged: 2 },
      },
    });
    expect(await council.db('seen_again').pluck('file_ref')).toEqual(['CF-2']);
    expect((await council.explain('CF-1', keptUntil)).blocks).toEqual(['deferred']);

    await council.night('2027-06-25');
    await council.night('2027-07-01');
    const second = await council.itemOf('CF-1');
    expect(second).toMatchObject({ status: 'pending' });
    await council.approveAndSign(second.list, '2027-07-01');
    await council.night('2027-07-09');
    expect(await council.bags()).toEqual(['CF-1.zip', 'CF-2.zip']);
    await expect(access(letter)).rejects.toThrow('ENOENT');
    expect(await council.db('residual_records').where({ file_ref: 'CF-1' }).orderBy('list_id').pluck('restored_on')).toEqual([asked, null]);
    expect(await council.db('restore_requests').pluck('reason')).toEqual([null]);
    expect((await council.done(`certificate show ${second.list} --json`)).json()).toMatchObject({
      sources: { removed: 3 },
      certificate: { actual: { archived: 1 } },
    });
    await council.night('2027-07-10');
    expect((await readFile(path.join(council.folder, 'home/reports/2027-07-10/removals.csv'), 'utf8')).match(/^CF-1,/gm)).toHaveLength(1);

    await council.done(['restore', 'CF-1', '--keep-until', '2028-01-01', '--reason', 'again'], { asOf: '2027-07-11', as: 'm.jones' });
    await council.done('restore CF-1 --confirm', { asOf: '2027-07-11', as: 'a.khan' });
    await council.expectAccounted();
  });

  it('a file that the latest extract lacks comes back free of that block: its source has not had it again', async () => {
    council.register.files.delete('CF-1');
    council.register.documents.length = 0;
    await council.night('2026-12-09');
    await council.done('restore CF-1 --confirm', { asOf: asked, as: 'a.khan' });
    expect((await council.explain('CF-1', asked)).blocks).toEqual(['deferred']);
  });

  it('a person registered again meanwhile stays as registered, and that is said', async () => {
    council.register.child('CF-7', { subject_refs: 'CF-1-P', closed_on: '' }, {});
    council.register.change('CF-1-P', { date_of_birth: '2000-01-05' });
    await council.night('2026-12-09');
    const restored = await council.done('restore CF-1 --confirm --json', { asOf: asked, as: 'a.khan' });
    expect(restored.json()).toMatchObject({ people: { put_back: [], registered_otherwise: ['CF-1-P'] } });
    expect(await council.db('people').where({ person_ref: 'CF-1-P' }).pluck('date_of_birth')).toEqual(['2000-01-05']);
    expect(await council.explain('CF-1', asked)).toMatchObject({ retain_until: '2025-01-05' });
    await council.expectAccounted();
  });
});

describe('nothing is restored, and nothing is left behind,', () => {
  beforeEach(() => council.done(ask, { asOf: asked, as: 'm.jones' }));

  it('where another file lies in the place of a document; the same one there is taken as it is', async () => {
    const scan = path.join(council.documentRoot, 'CF-1/scan.bin');
    await put(scan, 'not the scan');
    await fails(/Another file lies/);
    expect(await readFile(scan, 'utf8')).toBe('not the scan');
    await expect(access(letter)).rejects.toThrow('ENOENT');
    await put(scan, Buffer.alloc(300_000, 9));
    const restored = await council.done('restore CF-1 --confirm --json', { asOf: asked, as: 'a.khan' });
    expect(restored.json()).toMatchObject({ documents: { written: 2, already_there: 1 } });
  });

  it('where a symbolic link leads out of the document root', async () => {
    const elsewhere = path.join(council.folder, 'elsewhere');
    await mkdir(elsewhere);
    await mkdir(council.documentRoot, { recursive: true });
    await symlink(elsewhere, path.join(council.documentRoot, 'CF-1'));
    await fails(/symbolic link/);
    await expect(access(path.join(elsewhere, 'deep'))).rejects.toThrow('ENOENT');
  });

  it('from a bag that is damaged or missing', async () => {
    const bag = path.join(council.archive, 'CF-1.zip');
    const bytes = await readFile(bag);
    await writeFile(bag, Buffer.concat([bytes, Buffer.from('x')]));
    await fails(/is damaged/);
    await rm(bag);
    await fails(/not in the archive store/);
  });

  it('where the database refuses: the documents written go again', async () => {
    await council.db.raw("alter table deferrals add constraint no_more check (note <> 'claim of the Marlow family')");
    const failed = await fails(/database refused/);
    expect(failed.includes('Marlow')).toBe(false);
    await expect(access(letter)).rejects.toThrow('ENOENT');
  });

  it('where the database refuses at the very commit: the documents written go again, and confirming once more brings all back', async () => {
    await council.db.raw(`create function never() returns trigger language plpgsql as $$ begin raise division_by_zero; end $$`);
    await council.db.raw(
      'create constraint trigger at_the_end after insert on deferrals deferrable initially deferred for each row execute function never()',
    );
    await fails(/database refused/);
    await expect(access(letter)).rejects.toThrow('ENOENT');
    await council.db.raw('drop trigger at_the_end on deferrals');
    const restored = await council.done('restore CF-1 --confirm --json', { asOf: asked, as: 'a.khan' });
    expect(restored.json()).toMatchObject({ documents: { written: 3, already_there: 0 } });
  });

  async function fails(words: RegExp): Promise<string> {
    const result = await council.retention('restore CF-1 --confirm', { asOf: asked, as: 'a.khan' });
    expect([result.exitCode, result.stderr]).toEqual([1, expect.stringMatching(words)]);
    expect(await council.db('case_files').pluck('file_ref')).toEqual(['CF-9']);
    await council.expectAccounted();
    return result.stderr;
  }
});

it('sources still to be removed are kept, and the next nights leave them alone', async () => {
  const keep = await council.document('CF-9', 'shared.txt', 'about both');
  const stays = { file_ref: 'CF-1', list_id: 1, path: 'shared.txt', sha256: 'ab'.repeat(32), size: 10, outcome: 'failed', error: 'x' };
  await pastGuards(council.db, 'source_removals', (trx) => trx('source_removals').insert(stays));
  await council.done(ask, { asOf: asked, as: 'm.jones' });
  await council.done('restore CF-1 --confirm', { asOf: asked, as: 'a.khan' });
  expect(await council.db('source_removals').where({ outcome: 'restored' }).pluck('path')).toEqual([null]);
  await council.night('2026-12-11');
  for (const file of [keep, letter]) await expect(access(file)).resolves.toBeUndefined();
});

async function put(file: string, content: string | Buffer): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** Everything of CF-1 in the register except which import or restore brought it and when it was determined. */
async function rowsOfFile(): Promise<unknown> {
  const {
    import_id: _import,
    restored_on: _back,
    ...file
  } = await council.db('case_files').where({ file_ref: 'CF-1' }).first<Record<string, unknown>>();
  const { determined_on: _on, ...determination } = await council
    .db('determinations')
    .where({ file_ref: 'CF-1' })
    .first<Record<string, unknown>>();
  const people = await council.db('people').where({ person_ref: 'CF-1-P' });
  const rows = await council.db('documents').where({ file_ref: 'CF-1' }).orderBy('path').select<Record<string, unknown>[]>();
  const documents = rows.map(({ restored_on: _on, ...document }) => document);
  return { file, determination, people, documents, families: await council.db('families') };
}
