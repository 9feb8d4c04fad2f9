/** The night killed within every step, at a named point each time: what is left is finished, nothing twice and nothing lost. */
import { afterEach, describe, expect, it } from 'vitest';
import { rehearsal, until, type Council } from '../setup/commands.ts';
import { killFrozenAt, killWhen } from '../setup/killed.ts';
import { AUDIT } from '../setup/raced.ts';
import { times } from '../setup/tally.ts';
import {
  anHourPasses,
  archived,
  ARCHIVED_ON,
  DOCUMENTS,
  endState,
  eveOfTheNight,
  finishTheNight,
  nightly,
  partials,
  ref,
  sourcesGone,
  Tries,
  undisturbed,
  WITHDRAWN,
  type Eve,
} from '../setup/undisturbed.ts';

const FILES = 14;
const ARCHIVABLE = FILES - WITHDRAWN;
const SOURCES = 'lock table documents in row exclusive mode';
const councils: Council[] = [];

afterEach(() => Promise.all(councils.splice(0).map((council) => council.close())));

interface Point {
  step: 'start' | 'import' | 'compute' | 're-check' | 'list' | 'archive' | 'report' | 'end';
  /** What has just been done, or is about to be. */
  at: string;
  /** Where it is frozen: each statement takes a lock that the night comes to need. */
  locks?: string[];
  /** Or a state that is awaited. */
  when?: (eve: Eve) => Promise<boolean>;
  extract?: 'without';
  /** One of the few of every test run. */
  everyRun?: true;
}

/** In the order of the night: what one kill lets commit, the next run finds done. */
const POINTS: Point[] = [
  { step: 'start', at: 'it enters itself in the ledger', locks: [writes('runs')] },
  { step: 'import', at: 'the history of changed facts', locks: [writes('fact_changes')] },
  { step: 'import', at: 'people land', locks: [writes('people')] },
  { step: 'import', at: 'files land, people have', locks: [writes('case_files')] },
  { step: 'import', at: 'documents land', locks: [writes('documents')] },
  { step: 'import', at: 'rejected rows go to quarantine', locks: [writes('quarantine')] },
  { step: 'import', at: 'all has landed, the audit is to be told', locks: [AUDIT], everyRun: true },
  { step: 'compute', at: 'the history of determinations', locks: [writes('determination_changes')] },
  { step: 'compute', at: 'determinations are written', locks: [writes('determinations')], everyRun: true },
  { step: 're-check', at: 'it locks the signed list', locks: ['select from disposal_lists where id = 1 for update'] },
  { step: 're-check', at: 'a changed item is withdrawn', locks: [writes('disposal_list_items')], everyRun: true },
  { step: 're-check', at: 'the audit is to be told', locks: [AUDIT], extract: 'without' },
  { step: 'list', at: 'documents are measured', locks: ["select from documents where file_ref = 'CF-new' for update"] },
  { step: 'list', at: 'a list is made', locks: [writes('disposal_lists')], everyRun: true },
  { step: 'list', at: 'items are put on it', locks: [writes('disposal_list_items')] },
  { step: 'list', at: 'the audit is to be told', locks: [AUDIT], extract: 'without' },
  { step: 'archive', at: 'the first bag is about to be begun', locks: [writes('bags')] },
  { step: 'archive', at: 'a bag is being written', when: async ({ council }) => (await partials(council.archive)).length > 0 },
  {
    step: 'archive',
    at: 'a bag is in its place, holds are to be locked',
    locks: ['lock table holds in row exclusive mode'],
    everyRun: true,
  },
  { step: 'archive', at: 'its file is to be locked', locks: [`select from case_files where file_ref = '${ref(0)}' for update`] },
  { step: 'archive', at: 'the record of a file is written', locks: [writes('residual_records')] },
  { step: 'archive', at: 'the removals of its sources are written', locks: [writes('source_removals')] },
  { step: 'archive', at: 'the audit is to be told of the first', locks: [AUDIT], extract: 'without' },
  {
    step: 'archive',
    at: 'some are archived, the next is locked',
    locks: [`select from case_files where file_ref = '${ref(4)}' for update`],
  },
  { step: 'archive', at: 'a later bag is in its place', when: async ({ council }) => (await council.bags()).length >= 8 },
  { step: 'archive', at: 'the last is archived, the certificate is to be issued', locks: [writes('disposal_certificates')] },
  { step: 'archive', at: 'all are archived, no source is gone', locks: [SOURCES] },
  { step: 'archive', at: 'a source is gone and not recorded', locks: [SOURCES, writes('source_removals')], everyRun: true },
  { step: 'archive', at: 'a source is gone, the audit is to be told', locks: [SOURCES, AUDIT] },
  { step: 'archive', at: 'half the sources are gone', when: async (eve) => (await gone(eve)) >= (ARCHIVABLE * DOCUMENTS) / 2 },
  {
    step: 'report',
    at: 'the report is begun',
    locks: ['lock table quarantine in access exclusive mode'],
    extract: 'without',
    everyRun: true,
  },
  { step: 'report', at: 'the report is being written', locks: ['lock table seen_again in access exclusive mode'], extract: 'without' },
  {
    step: 'end',
    at: 'the ledger is to be closed',
    locks: ['lock table quarantine in access exclusive mode', writes('runs')],
    extract: 'without',
    everyRun: true,
  },
  { step: 'end', at: 'the audit is to be told of the night', locks: [AUDIT], extract: 'without' },
];

describe('the night killed at every named point', () => {
  it('ends, after one run more, as if nothing had happened', { timeout: 600_000 }, async () => {
    const eve = await anEve();
    const points: Tries[] = [];
    for (const point of POINTS.filter(({ everyRun }) => everyRun ?? times(0, 1) === 1)) {
      await killAt(eve, point);
      const tries = new Tries(`the night killed in ${point.step}: ${point.at}`);
      await tries.check(eve);
      points.push(tries);
    }
    await anHourPasses(eve.council.archive);
    await finishTheNight(eve);
    expect(await endState(eve.council)).toEqual(await undisturbed(FILES));
    expect(await gone(eve)).toBe(ARCHIVABLE * DOCUMENTS);
    expect(await eve.council.db('runs').where({ outcome: 'running' })).toEqual([]);
    await eve.council.expectAccounted();
    for (const tries of points) tries.tell();
  });
});

describe('a night killed in the middle of archiving', () => {
  it('needs no help by a person, and does not undo a hold that is placed before the next run', { timeout: 120_000 }, async () => {
    const { council } = await anEve();
    await killWhen(council, nightly(council), 'some are archived', async () => (await council.bags()).length >= 5);
    const before = await council.db('residual_records').pluck<string[]>('file_ref');
    const hold = ['hold', 'add', '--kind', 'inquiry', '--scope', 'everything', '--authority', 'Judge', '--review-on', '2027-11-22'];
    await council.done(hold, { asOf: ARCHIVED_ON, as: 'm.jones' });
    council.register.child('CF-later').files.delete('CF-spoilt');
    await council.night('2026-12-01');
    expect(await council.db('residual_records').pluck('file_ref')).toEqual(before);
    expect(await council.bags()).toEqual(before.map((fileRef) => `${fileRef}.zip`).sort());
    expect(await council.explain('CF-later', '2026-12-01')).toMatchObject({ outcome: 'expires' });
    expect(await council.db('runs').orderBy('id').pluck('outcome')).toEqual(['succeeded', 'interrupted', 'succeeded']);
  });
});

describe('a night killed after its import has landed', () => {
  it('leaves it to the next one to tell what needs a person', { timeout: 120_000 }, async () => {
    const council = await rehearsal();
    councils.push(council);
    council.register.child('CF-1').child('CF-spoilt', { opened_on: '31/02/2004' });
    await council.writeExtract();
    await killFrozenAt(council, nightly(council), [writes('determinations')]);
    const [next, later] = [await council.retention(nightly(council)), await council.retention(nightly(council))];
    expect([next.exitCode, next.stdout]).toEqual([3, expect.stringContaining('newly in quarantine')]);
    expect(later.exitCode).toBe(0);
  });
});

describe('two processes that archive at once', () => {
  it('share the work: both end well, and every file is archived once', { timeout: 120_000 }, async () => {
    const eve = await anEve(8);
    const { council } = eve;
    expect(await council.retention(['import', council.extract], { asOf: ARCHIVED_ON })).toMatchObject({ exitCode: 3 });
    for (const step of ['compute', 'recheck']) await council.done(step, { asOf: ARCHIVED_ON });
    // Each holds what it may of the first two files, siblings' files of one child, and waits for its turn in the audit.
    const blocker = await council.db.transaction();
    await blocker.raw(AUDIT);
    const both = [council.spawn(['archive', '--as-of', ARCHIVED_ON]), council.spawn(['archive', '--as-of', ARCHIVED_ON])];
    await until(async () => (await waitingForTheirTurn(council)) === 2, 'both are about to mark a file');
    await blocker.rollback();
    for (const { exit } of both) expect(await exit).toMatchObject({ exitCode: 0 });
    const tries = new Tries('two processes that archive at once');
    await tries.check(eve);
    expect(await archived(council)).toBe(8 - WITHDRAWN);
    expect(
      await council.db('people').whereIn(
        'person_ref',
        eve.archivable.map((fileRef) => `${fileRef}-P`),
      ),
    ).toEqual([]);
    expect(await gone(eve)).toBe((8 - WITHDRAWN) * DOCUMENTS);
    tries.tell();
  });
});

/** A share lock lets the night read a table, and makes it wait where it writes to it. */
function writes(table: string): string {
  return `lock table ${table} in share mode`;
}

async function anEve(files = FILES): Promise<Eve> {
  const eve = await eveOfTheNight(files);
  councils.push(eve.council);
  return eve;
}

async function killAt(eve: Eve, { locks, when, at, extract }: Point): Promise<void> {
  const argv = nightly(eve.council, extract);
  if (locks) await killFrozenAt(eve.council, argv, locks);
  else if (when) await killWhen(eve.council, argv, at, () => when(eve));
}

async function gone({ council, originals }: Eve): Promise<number> {
  return (await sourcesGone(council, [...originals.keys()])).length;
}

async function waitingForTheirTurn(council: Council): Promise<number> {
  const result = await council.db.raw<{ rows: object[] }>(
    `select from pg_locks l where l.locktype = 'advisory' and not l.granted and l.database = (select oid from pg_database where datname = current_database())`,
  );
  return result.rows.length;
}
