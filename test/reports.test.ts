/** Reports: figures that add up and equal a count by hand, CSV that no spreadsheet runs, a page without personal data, a private folder. */
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { Knex } from 'knex';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { candidacySql, EVERY_FILE, findCandidates, type Candidacy } from '../db/candidacy.ts';
import { computeDeterminations } from '../db/compute.ts';
import { openExtract } from '../db/extract.ts';
import { requireSums, retentionFigures, type RetentionFigures, type RuleFigures } from '../db/figures.ts';
import { importExtract } from '../db/import.ts';
import { makeLists } from '../db/lists.ts';
import { scheduleInForce } from '../db/schedules.ts';
import { csvPieces, writeCsv, type CsvRow } from '../reports/csv.ts';
import { removeOldReports, writeNightReport } from '../reports/nightReport.ts';
import { accountsInWords, retentionReportHtml } from '../reports/retentionReport.ts';
import { BLOCKS, type Block } from '../rules/checks.ts';
import type { Schedule } from '../rules/schedule.ts';
import { freshDatabase, pastGuards, type FreshDatabase } from './setup/database.ts';

const AS_OF = '2026-11-22';

const PEOPLE = `person_ref,name,date_of_birth,date_of_death,known_to_adult_services,poses_risk_to_children
P1,Zebedee Quillfeather,1941-03-05,,no,no
P2,Ottoline Marrowby,1990-07-19,,no,no
P3,Peregrine Wimpole,1950-02-11,,yes,no
P4,Araminta Fothergale,1949-08-23,,,yes
P5,Barnaby Thistlewick,,,no,no
P6,Cordelia Umberslade,1944-12-30,,no,no
P7,Lysander Oakapple,1946-10-02,,no,no
P8,=HYPERLINK(1),19/3/48,,no,no
`;
const FILES = `file_ref,categories,subject_refs,family_ref,opened_on,closed_on,adoption_order_on,last_entry_on
F01,child_in_care,P1,,1950-01-01,1958-01-01,,
F02,child_in_care,P1,,1950-01-01,,,
F03,child_protection,P2,FAM1,1999-01-01,2001-01-01,,
F04,child_in_care,P3,,1955-01-01,1966-01-01,,
F05,child_in_need,P4,,1960-01-01,1961-01-01,,
F06,child_in_need,P5,,1960-01-01,1961-01-01,,
F07,adopters,P6,,1990-01-01,,,
F08,child_in_need;child_protection,P7,,1960-01-01,1961-01-01,,
F09,financial,,,,,,2012-05-06
F10,financial,,,,,,2025-05-06
F11,child_in_care,P6,,1950-01-01,1949-01-01,,
F12,child_protection,P7,,1960-01-01,1961-01-01,,
F13,child_protection,P8,,1960-01-01,1961-01-01,,
+F14,child_protection,P2,,2000-13-01,,,
`;

let fresh: FreshDatabase;
let schedule: Schedule;
let home: string;

beforeAll(async () => {
  fresh = await freshDatabase();
  home = await mkdtemp(join(tmpdir(), 'reports-'));
  schedule = await scheduleInForce(fresh.db, AS_OF);
  const runs = await fresh.db('runs').insert({ kind: 'nightly', as_of: AS_OF }).returning('id');
  const runId = (runs[0] as { id: number }).id;
  const folder = join(home, 'extract');
  await mkdir(folder);
  await writeFile(join(folder, 'people.csv'), PEOPLE);
  await writeFile(join(folder, 'files.csv'), FILES);
  const extract = await openExtract(folder, Object.keys(schedule.categories));
  await fresh.db.transaction(async (trx) => {
    await importExtract(trx, extract, { asOf: AS_OF, runId, progress: () => undefined });
    await computeDeterminations(trx, schedule, { asOf: AS_OF, previous: null, runId });
    await placeHold(trx, 'F12');
    const candidates = await findCandidates(trx, schedule, AS_OF);
    const chosen = candidates.filter(({ file_ref }) => file_ref === 'F08' || file_ref === 'F09');
    await makeLists(trx, schedule, chosen, { asOf: AS_OF, runId, listSize: 1 });
    await archiveBefore(trx, 'OLD1');
  });
});

afterAll(async () => {
  await fresh.close();
  await rm(home, { recursive: true });
});

describe('the figures', () => {
  test('equal a count by hand over every file', async () => {
    const figures = await retentionFigures(fresh.db, schedule, AS_OF);
    const { rows } = await fresh.db.raw<{ rows: Candidacy[] }>(candidacySql(schedule, EVERY_FILE), { asOf: AS_OF });
    expect(figures.files).toBe(rows.length);
    for (const rule of figures.rules) expect([rule.rule, countByHand(rows, rule.rule)]).toEqual([rule.rule, counted(rule)]);
    for (const { outcome, reason, files } of figures.reasons)
      expect(files).toBe(rows.filter((row) => row.outcome === outcome && row.reason === reason).length);
    expect(figures.reasons.reduce((sum, { files }) => sum + files, 0)).toBe(rows.filter((row) => row.reason !== null).length);
  });

  test('tell this register as it is', async () => {
    const { outcomes, totals, lists, archived, stillAtSource, quarantinedRows } = await retentionFigures(fresh.db, schedule, AS_OF);
    expect(outcomes).toEqual({ expires: 8, awaiting: 1, undetermined: 2, permanent: 1 });
    expect(totals).toMatchObject({ files: 9, permanent: 1, notDue: 1, onList: 2, listed: 2, archived: 1 });
    expect(totals.blockedBy).toMatchObject({ open: 1, hold: 1, listed: 2, disagreement: 0 });
    expect(lists.find(({ state }) => state === 'for_decision')).toEqual({ state: 'for_decision', lists: 2, files: 2, unfinished: 2 });
    expect({ archived, stillAtSource, quarantinedRows }).toEqual({ archived: 1, stillAtSource: 1, quarantinedRows: 3 });
  });

  test('count a file from the first day it is due, and not the day before', async () => {
    const due = async (asOf: string) => (await retentionFigures(fresh.db, schedule, asOf)).totals.due;
    expect((await due('2032-04-01')) - (await due('2032-03-31'))).toBe(1);
  });

  test('are refused when they do not add up', async () => {
    const figures = await retentionFigures(fresh.db, schedule, AS_OF);
    const [first, ...others] = figures.rules;
    if (!first) throw new Error('The schedule has no rule.');
    expect(() => requireSums({ ...figures, files: figures.files + 1 })).toThrow(/Not accounted for/);
    expect(() => requireSums({ ...figures, rules: [{ ...first, candidates: first.candidates + 1 }, ...others] })).toThrow(/child-in-care/);
  });

  test('are refused while a file is under a rule that the schedule does not have', async () => {
    const wrong = fresh.db.transaction(async (trx) => {
      await trx('determinations').where({ file_ref: 'F10' }).update({ rule: 'no-such-rule' });
      await retentionFigures(trx, schedule, AS_OF);
    });
    await expect(wrong).rejects.toThrow(/retention compute/);
  });

  test('keep what was archived under a rule that is no longer in the schedule', async () => {
    const later = { ...schedule, rules: schedule.rules.map((rule) => (rule.id === 'missing-person' ? { ...rule, id: 'missing' } : rule)) };
    const figures = await retentionFigures(fresh.db, later, AS_OF);
    expect(figures.rules.at(-1)).toMatchObject({ rule: 'missing-person', clause: 'Missing: 1 year', files: 0, archived: 1 });
  });
});

describe('CSV', () => {
  async function csvOf<Column extends string>(columns: readonly Column[], rows: CsvRow<Column>[]): Promise<string> {
    let text = '';
    for await (const piece of csvPieces(columns, rows)) text += piece;
    return text;
  }

  test('has no cell that a spreadsheet would run', async () => {
    const dangerous = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'];
    const text = await csvOf(
      ['cell'],
      dangerous.map((cell) => ({ cell })),
    );
    const back = parse<{ cell: string }>(text, { columns: true });
    expect(back.map(({ cell }) => cell)).toEqual(dangerous.map((cell) => `'${cell}`));
  });

  test('reads back as it was: quotes, commas, lines, lists, yes and no, nothing, negative numbers', async () => {
    const row = { a: 'say "no", then\r\nyes', b: ['x', 'y'], c: true, d: false, e: null, f: -3, g: '2026-11-22' };
    const text = await csvOf(['a', 'b', 'c', 'd', 'e', 'f', 'g'], [row]);
    expect(parse(text, { columns: true })).toEqual([{ a: row.a, b: 'x;y', c: 'yes', d: 'no', e: '', f: '-3', g: '2026-11-22' }]);
    expect(text.endsWith('\n')).toBe(true);
  });

  test('of a source that fails half-way leaves the file as it was, and nothing beside it', async () => {
    const folder = await mkdtemp(join(home, 'csv-'));
    const path = join(folder, 'numbers.csv');
    await writeCsv(path, ['n'], [{ n: 1 }]);
    function* failing(): Generator<{ n: number }> {
      for (let n = 0; n < 5000; n++) yield { n };
      throw new Error('the connection was lost');
    }
    await expect(writeCsv(path, ['n'], failing())).rejects.toThrow('the connection was lost');
    expect(await readFile(path, 'utf8')).toBe('n\n1\n');
    expect(await readdir(folder)).toEqual(['numbers.csv']);
  });

  test('writes many rows as they come, and says how many', async () => {
    const path = join(home, 'many.csv');
    const rows = Array.from({ length: 4321 }, (_, n) => ({ n }));
    expect(await writeCsv(path, ['n'], rows)).toBe(4321);
    expect(await readFile(path, 'utf8')).toBe(`n\n${rows.map(({ n }) => `${n}\n`).join('')}`);
  });
});

describe('the page', () => {
  const surroundings = { rehearsal: false, lost: null, audit: { events: 3, head: 'f'.repeat(64) } };

  test('says that every file is accounted for, in words', async () => {
    const figures = await retentionFigures(fresh.db, schedule, AS_OF);
    expect(accountsInWords(figures)).toBe(
      '12 files are in the register: 8 have a date, 1 is kept permanently, 1 waits for an event and 2 cannot be determined. That adds up: every file is accounted for.',
    );
  });

  test('is accessible and self-contained, and shows every rule in the policy’s words', async () => {
    const html = retentionReportHtml(await retentionFigures(fresh.db, schedule, AS_OF), { ...surroundings, schedule });
    expect(html.startsWith('<!doctype html>\n<html lang="en-GB">')).toBe(true);
    expect(html).not.toMatch(/<script|<link|<img|src=|https?:|url\(/);
    expect(html.match(/<table/g)).toHaveLength((html.match(/<caption/g) ?? []).length);
    expect(html).not.toMatch(/<th(?![^>]*scope=)[ >]/);
    expect(html).toContain('f'.repeat(64));
    for (const rule of schedule.rules) expect(html).toContain(rule.clause[1]);
  });

  test('says that it is a rehearsal, on one only', async () => {
    const figures = await retentionFigures(fresh.db, schedule, AS_OF);
    expect(retentionReportHtml(figures, { ...surroundings, schedule, rehearsal: true })).toMatch(
      /<title>Rehearsal: .*<strong>Rehearsal\.<\/strong>/s,
    );
    expect(retentionReportHtml(figures, { ...surroundings, schedule })).not.toContain('Rehearsal');
  });

  test('says in words why nothing is listed, and escapes what it is given', async () => {
    const figures: RetentionFigures = {
      ...(await retentionFigures(fresh.db, schedule, AS_OF)),
      brakes: [{ name: 'volume', tripped_on: '2026-11-21', details: { newly_due: 4120, predicted: 31, other: 'Zebedee' } }],
    };
    const html = retentionReportHtml(figures, { ...surroundings, schedule: { ...schedule, source: '<b>bold</b>' } });
    expect(html).toContain('More files became due than the night before predicted: 4,120, not 31.');
    expect(html).not.toContain('Zebedee');
    expect(html).toContain('&lt;b&gt;bold&lt;/b&gt;');
  });
});

describe('the morning’s folder', () => {
  const written = async (name: string) => {
    const folder = join(home, 'reports', name);
    return await writeNightReport(fresh.db, schedule, { asOf: AS_OF, folder, rehearsal: true, lost: null });
  };

  test('holds what is promised, for its owner alone', async () => {
    const { folder, files } = await written('2026-11-22');
    expect(files).toEqual([
      'retention-report.html',
      'retention-report.csv',
      'audit-head.json',
      'lists/list-1.csv',
      'lists/list-2.csv',
      'removals.csv',
      'rejects.csv',
    ]);
    for (const name of ['.', 'lists']) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o700);
    for (const file of files) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).sort()).toEqual([
      'audit-head.json',
      'lists',
      'rejects.csv',
      'removals.csv',
      'retention-report.csv',
      'retention-report.html',
    ]);
  });

  test('tells nobody’s name or birth, and runs no formula', async () => {
    const { folder, files } = await written('private');
    const names = [...PEOPLE.matchAll(/^P\d,(\w+) (\w+),/gm)].flatMap(([, first, last]) => [first, last]);
    const births = [...PEOPLE.matchAll(/,(\d{4})-(\d\d)-(\d\d),/g)].flatMap(([, y, m, d]) => [`${y}-${m}-${d}`, `${d}/${m}/${y}`]);
    expect(names).toContain('Quillfeather');
    for (const file of files) {
      const text = await readFile(join(folder, file), 'utf8');
      for (const name of names) expect(text).not.toContain(name);
      // A list tells the anchor of its files, and for some rules that is a birth: it is what people decide on.
      if (!file.startsWith('lists/')) for (const birth of births) expect(text).not.toContain(birth);
      if (file.endsWith('.html')) expect(text).not.toMatch(/\b(F\d\d|P\d|FAM1)\b/);
    }
    expect(await table(folder, 'rejects.csv')).toContainEqual(
      expect.objectContaining({ file: 'files.csv', reference: "'+F14", column: 'opened_on' }),
    );
  });

  test('has each open list with what people decide on', async () => {
    const { folder } = await written('lists');
    const [row, ...others] = await table(folder, 'lists/list-2.csv');
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      list: '2',
      state: 'for_decision',
      file_ref: 'F09',
      rule: 'financial',
      clause: 'Financial: 6 years from the end of financial year',
      anchor_on: '2013-03-31',
      retain_until: '2019-03-31',
      overdue_days: '2793',
      closed_on: '',
      action: 'archive',
      decision: '',
      status: 'pending',
      rehearsal: 'yes',
    });
    expect(row?.['digest']).toMatch(/^[0-9a-f]{64}$/);
  });

  test('has the figures of the page as a table that adds up', async () => {
    const { folder } = await written('table');
    const rows = await table(folder, 'retention-report.csv');
    const files = (line: string) => rows.filter((row) => row['line'] === line).reduce((sum, row) => sum + Number(row['files']), 0);
    expect(files('rule') + files('no_date')).toBe(files('register'));
    expect(await table(folder, 'removals.csv')).toEqual([
      {
        file_ref: 'OLD1',
        archived_on: '2026-10-01',
        first_seen_on: '2026-11-01',
        last_seen_on: '2026-11-22',
        differs: 'yes',
        rehearsal: 'yes',
      },
    ]);
  });

  test('is replaced by another run; a list that is closed goes, what is not ours stays', async () => {
    const { folder } = await written('again');
    await writeFile(join(folder, 'lists', 'list-99.csv'), 'closed since');
    await writeFile(join(folder, 'lists', 'notes.txt'), 'mine');
    await writeFile(join(folder, 'rejects.csv'), 'old');
    await written('again');
    expect((await readdir(join(folder, 'lists'))).sort()).toEqual(['list-1.csv', 'list-2.csv', 'notes.txt']);
    expect(await readFile(join(folder, 'rejects.csv'), 'utf8')).toMatch(/^file,line,reference,column,reason,rehearsal\n/);
  });

  test('is deleted after the days it is kept, and nothing else is', async () => {
    const reports = await mkdtemp(join(home, 'old-'));
    for (const name of ['2026-08-23', '2026-08-24', '2026-11-22', 'lists', '2026-02-30'])
      await mkdir(join(reports, name, 'lists'), { recursive: true });
    await symlink(home, join(reports, '2020-01-01'));
    await writeFile(join(reports, '2020-01-02'), 'a file');
    expect(await removeOldReports(reports, AS_OF, 90)).toEqual(['2026-08-23']);
    expect((await readdir(reports)).sort()).toEqual(['2020-01-01', '2020-01-02', '2026-02-30', '2026-08-24', '2026-11-22', 'lists']);
    expect(await removeOldReports(join(reports, 'none'), AS_OF, 90)).toEqual([]);
  });
});

type Counted = Pick<
  RuleFigures,
  'files' | 'permanent' | 'notDue' | 'due' | 'candidates' | 'blocked' | 'onList' | 'cannotBeListed' | 'blockedBy'
>;

/** What the figures should be, counted row by row in plain loops. */
function countByHand(rows: readonly Candidacy[], rule: string): Counted {
  const own = rows.filter((row) => row.rule === rule);
  const due = own.filter(({ outcome, eligible_from }) => outcome === 'expires' && eligible_from !== null && eligible_from <= AS_OF);
  const blocked = due.filter(({ blocks }) => blocks.length > 0);
  return {
    files: own.length,
    permanent: own.filter(({ outcome }) => outcome === 'permanent').length,
    notDue: own.filter(({ outcome, eligible_from }) => outcome === 'expires' && eligible_from !== null && eligible_from > AS_OF).length,
    due: due.length,
    candidates: due.length - blocked.length,
    blocked: blocked.length,
    onList: blocked.filter(({ blocks }) => blocks.includes('listed')).length,
    cannotBeListed: blocked.filter(({ blocks }) => !blocks.includes('listed')).length,
    blockedBy: Object.fromEntries(BLOCKS.map((block) => [block, due.filter(({ blocks }) => blocks.includes(block)).length])) as Record<
      Block,
      number
    >,
  };
}

function counted({ files, permanent, notDue, due, candidates, blocked, onList, cannotBeListed, blockedBy }: RuleFigures): Counted {
  return { files, permanent, notDue, due, candidates, blocked, onList, cannotBeListed, blockedBy };
}

async function placeHold(trx: Knex, fileRef: string): Promise<void> {
  const hold = {
    kind: 'police',
    scope: 'file',
    scope_ref: fileRef,
    authority: 'DCI Nobody',
    review_on: '2027-01-01',
    placed_by: 'rm',
    placed_on: AS_OF,
  };
  await trx('holds').insert(hold);
}

/** A file archived long ago under the rule for missing persons, which the source system still has. */
async function archiveBefore(db: Knex, fileRef: string): Promise<void> {
  const record = {
    file_ref: fileRef,
    list_id: 1,
    rule: 'missing-person',
    clause: 'Missing: 1 year',
    schedule_version: schedule.version,
    anchor_year: 2010,
    retain_year: 2011,
    action: 'archive',
    decided_by: 'rm',
    signed_by: 'head',
    signed_on: '2026-09-20',
    archived_on: '2026-10-01',
    bag_sha256: 'a'.repeat(64),
    facts_digest: 'b'.repeat(64),
    documents_expected: 0,
    documents_packed: 0,
  };
  await pastGuards(db, 'residual_records', (trx) => trx('residual_records').insert(record));
  await db('seen_again').insert({
    file_ref: fileRef,
    first_seen_on: '2026-11-01',
    last_seen_on: AS_OF,
    differs: true,
    digest: 'c'.repeat(64),
  });
}

async function table(folder: string, file: string): Promise<Record<string, string>[]> {
  return parse(await readFile(join(folder, file), 'utf8'), { columns: true });
}
