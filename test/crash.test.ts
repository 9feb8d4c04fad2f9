/** A night killed in the middle of archiving, again and again: what is left is finished, nothing twice and nothing lost. */
import { access, readdir, utimes } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openArchiveStore } from '../db/archiveStore.ts';
import { verifyBag } from '../db/bag.ts';
import { rehearsal, until, type Council, type Register, type Spawned } from './setup/commands.ts';

const FILES = 36;
const DOCUMENTS = 3;
const ARCHIVED_ON = '2026-11-30';
const councils: Council[] = [];

afterEach(() => Promise.all(councils.splice(0).map((council) => council.close())));

/** Where the process is when it is killed; `archive` by itself or within the night. */
const MOMENTS: [when: string, how: 'archive' | 'nightly', reached: (council: Council) => Promise<boolean>][] = [
  ['the first bag is being written', 'archive', async (council) => (await partials(council)).length > 0],
  ['a bag is begun', 'archive', async (council) => (await archived(council)) >= 3 && (await begun(council))],
  ['a bag is in its place, perhaps not yet on record', 'archive', async (council) => (await council.bags()).length >= 7],
  ['a file is on record as archived', 'nightly', async (council) => (await archived(council)) >= 11],
  ['the next bag is in its place', 'nightly', async (council) => (await council.bags()).length >= 16],
  ['two thirds are archived', 'archive', async (council) => (await archived(council)) >= 24],
  ['the first source is gone', 'nightly', async (council) => (await sourcesGone(council)).length >= 1],
  ['half the sources are gone', 'archive', async (council) => (await sourcesGone(council)).length >= (FILES * DOCUMENTS) / 2],
];

describe('archiving killed at any moment', () => {
  it(`ends, after ${MOMENTS.length} kills and one run more, as if nothing had happened`, { timeout: 300_000 }, async () => {
    const [killed, undisturbed] = await Promise.all([signedOff(), signedOff()]);
    for (const [when, how, reached] of MOMENTS) {
      await killWhen(killed, how, when, reached);
      await expectNothingLost(killed);
    }
    await anHourPasses(killed);
    await killed.night(ARCHIVED_ON);
    await undisturbed.night(ARCHIVED_ON);

    expect(await endState(killed)).toEqual(await endState(undisturbed));
    expect(await killed.bags()).toEqual(Array.from({ length: FILES }, (_, i) => `${ref(i)}.zip`));
    expect(await partials(killed)).toEqual([]);
    expect(await sourcesGone(killed)).toHaveLength(FILES * DOCUMENTS);
    await expectNothingLost(killed);
    expect(await killed.db('runs').where({ outcome: 'running' })).toEqual([]);
    expect(await killed.db('audit_events').where({ event: 'item.archived' }).count()).toEqual([{ count: FILES }]);
    expect(await killed.db('audit_events').where({ event: 'certificate.issued' }).count()).toEqual([{ count: 1 }]);
  });

  it('needs no help by a person: the night after it lists, archives and reports as ever', { timeout: 120_000 }, async () => {
    const council = await signedOff();
    await killWhen(council, 'nightly', 'some are archived', async () => (await archived(council)) >= 5);
    council.register.child('CF-new');
    await council.night('2026-12-01');
    expect(await archived(council)).toBe(FILES);
    expect(await council.itemOf('CF-new')).toMatchObject({ list: 2, status: 'pending' });
    expect(await council.db('runs').orderBy('id').pluck('outcome')).toEqual(['succeeded', 'interrupted', 'succeeded']);
  });

  it('does not undo a hold that is placed before the next run', { timeout: 120_000 }, async () => {
    const council = await signedOff();
    await killWhen(council, 'archive', 'a bag is begun', async () => (await archived(council)) >= 5 && (await begun(council)));
    const before = await council.db('residual_records').pluck('file_ref');
    const hold = ['hold', 'add', '--kind', 'inquiry', '--scope', 'everything', '--authority', 'Judge', '--review-on', '2027-11-22'];
    await council.done(hold, { asOf: ARCHIVED_ON, as: 'm.jones' });
    await council.night(ARCHIVED_ON);
    expect(await council.db('residual_records').pluck('file_ref')).toEqual(before);
    expect(await council.bags()).toEqual(before.map((fileRef: string) => `${fileRef}.zip`).sort());
    await expectNothingLost(council);
  });
});

describe('two processes that archive at once', () => {
  it('share the work: both end well, and every file is archived once', { timeout: 120_000 }, async () => {
    const council = await signedOff(6, (register) => {
      register.change(ref(1), { subject_refs: `${ref(0)}-P` }).people.delete(`${ref(1)}-P`);
    });
    const blocker = await council.db.transaction();
    // Each holds what it may of the first two files, siblings' files of one child, and waits for its turn in the audit.
    await blocker.raw("select pg_advisory_xact_lock(hashtext('audit_events'))");
    const both = [council.spawn(['archive', '--as-of', ARCHIVED_ON]), council.spawn(['archive', '--as-of', ARCHIVED_ON])];
    await until(async () => (await waitingForTheirTurn(council)) === 2, 'both are about to mark a file');
    await blocker.rollback();
    for (const { exit } of both) expect(await exit).toMatchObject({ exitCode: 0 });
    expect(await archived(council)).toBe(6);
    expect(await council.db('people')).toEqual([]);
    expect(await sourcesGone(council)).toHaveLength(6 * DOCUMENTS);
    expect(await council.db('audit_events').where({ event: 'item.archived' }).count()).toEqual([{ count: 6 }]);
    await expectNothingLost(council);
    await council.expectAccounted();
  });
});

/** A list of all files, each with documents, signed and past its cooling-off on ARCHIVED_ON. */
async function signedOff(files = FILES, also: (register: Register) => void = () => {}): Promise<Council> {
  const council = await rehearsal();
  councils.push(council);
  for (let i = 0; i < files; i++) {
    council.register.child(ref(i));
    for (let n = 0; n < DOCUMENTS; n++) await council.document(ref(i), `${ref(i)}/page ${n}.bin`, Buffer.alloc(40_000, i * DOCUMENTS + n));
  }
  also(council.register);
  await council.night('2026-11-22');
  await council.approveAndSign(1, '2026-11-22');
  return council;
}

/** Runs it as a process, kills it at the moment, and waits until the database has noticed. */
async function killWhen(
  council: Council,
  how: 'archive' | 'nightly',
  when: string,
  reached: (council: Council) => Promise<boolean>,
): Promise<void> {
  const started = council.spawn([how, '--as-of', ARCHIVED_ON]);
  await until(async () => {
    if (started.child.exitCode !== null) throw new Error(`It ended before ${when}: ${started.said.stderr}`);
    return reached(council);
  }, when);
  await kill(started);
  await until(async () => !(await isHeld(council)), 'the database has noticed');
}

async function kill({ child, exit }: Spawned): Promise<void> {
  expect(child.kill('SIGKILL')).toBe(true);
  await exit;
  expect(child.signalCode).toBe('SIGKILL');
}

/** Whether a dead process still holds the lock of the night, or rows or tables of the register. */
async function isHeld(council: Council): Promise<boolean> {
  const result = await council.db.raw<{ rows: object[] }>(
    `select from pg_locks l where l.database = (select oid from pg_database where datname = current_database()) and l.pid <> pg_backend_pid()`,
  );
  return result.rows.length > 0;
}

async function waitingForTheirTurn(council: Council): Promise<number> {
  const result = await council.db.raw<{ rows: object[] }>(
    `select from pg_locks l where l.locktype = 'advisory' and not l.granted and l.database = (select oid from pg_database where datname = current_database())`,
  );
  return result.rows.length;
}

/** Whatever the moment: a source that is gone lies in a bag that can be read back, and every record has its bag. */
async function expectNothingLost(council: Council): Promise<void> {
  const store = openArchiveStore(council.archive);
  const records = await council.db('residual_records').select<{ file_ref: string; bag_sha256: string }[]>('file_ref', 'bag_sha256');
  const packed = new Set<string>();
  for (const { file_ref, bag_sha256 } of records) {
    const bag = await verifyBag(store, `${file_ref}.zip`);
    expect([bag.sha256, bag.documents.length]).toEqual([bag_sha256, DOCUMENTS]);
    for (const document of bag.documents) packed.add(document.path);
  }
  expect((await sourcesGone(council)).filter((name) => !packed.has(name))).toEqual([]);
}

/** Everything that is to be the same, however often it was killed; of a source only that it is gone, and no instants. */
async function endState(council: Council): Promise<unknown> {
  const rows = async (table: string, ...columns: string[]) => {
    const found = await council.db(table).select<object[]>(...(columns.length > 0 ? columns : ['*']));
    return found.map((row) => JSON.stringify(row)).sort();
  };
  return {
    register: await rows('case_files', 'file_ref'),
    people: await rows('people', 'person_ref'),
    records: await rows('residual_records'),
    index: await rows('archive_index', 'file_ref', 'person_ref', 'name', 'date_of_birth', 'bag_location'),
    bags: await council.db('bags').where({ state: 'archived' }).select('file_ref', 'location', 'sha256', 'size').orderBy('file_ref'),
    lists: await rows('disposal_lists', 'id', 'state', 'digest', 'signed_by', 'ended_on'),
    items: await rows('disposal_list_items'),
    removals: await rows('source_removals', 'file_ref', 'sha256', 'size', 'path', 'error', 'removed_on'),
    certificates: await rows('disposal_certificates', 'list_id', 'issued_on', 'content', 'digest'),
  };
}

/** A store clears what a dead process left half-written once it is an hour old: younger, it may be a living one's. */
async function anHourPasses(council: Council): Promise<void> {
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  for (const name of await partials(council)) await utimes(path.join(council.archive, '.partial', name), longAgo, longAgo);
}

async function partials(council: Council): Promise<string[]> {
  return readdir(path.join(council.archive, '.partial')).catch(() => []);
}

async function archived(council: Council): Promise<number> {
  return (await council.db('residual_records').pluck('file_ref')).length;
}

async function begun(council: Council): Promise<boolean> {
  return (await council.db('bags').where({ state: 'begun' }).first<object | undefined>('id')) !== undefined;
}

async function sourcesGone(council: Council): Promise<string[]> {
  const names = council.register.documents.map((row) => row['path'] ?? '');
  const there = await Promise.all(
    names.map((name) =>
      access(path.join(council.documentRoot, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return names.filter((_, i) => !there[i]);
}

function ref(i: number): string {
  return `CF-${String(i).padStart(2, '0')}`;
}
