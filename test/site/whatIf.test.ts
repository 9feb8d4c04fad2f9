/** What if it were another day: every file of a register of thousands, against the evaluator, which shares nothing with the SQL. */
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { computeDeterminations } from '../../db/compute.ts';
import { retentionFigures } from '../../db/figures.ts';
import { startRun } from '../../db/runs.ts';
import { determine, type Determination } from '../../rules/determine.ts';
import type { CaseFile } from '../../rules/facts.ts';
import { shippedSchedule, type Schedule } from '../../rules/schedule.ts';
import { replaceRegister } from '../setup/bulkRegister.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { inventedFiles } from '../setup/inventedFiles.ts';
import { compute, enterSchedule } from '../setup/register.ts';
import { fc, SEED } from '../setup/seed.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

const FILES = 2000;
/** A day on which the shipped schedule is still in force, and one on which another is. */
const [SAME, OTHER] = ['2028-03-01', '2031-04-01'] as const;

const shipped = shippedSchedule();
/** Adopted already: one period is longer, one shorter. */
const adopted: Schedule = {
  ...shipped,
  version: `${shipped.version}-next`,
  in_force_from: '2030-01-01',
  rules: shipped.rules.map((rule) => {
    if (rule.id === 'child-in-need' && 'keep_years' in rule) return { ...rule, keep_years: 30 };
    if (rule.id === 'financial' && 'keep_years' in rule) return { ...rule, keep_years: 3 };
    return rule;
  }),
};

let council: Council;
let site: SiteUnderTest;
let auditor: Browser;
/** Every file with its determination of today, worked out one by one. */
let files: { file: CaseFile; now: Determination }[];

beforeAll(async () => {
  council = await rehearsal();
  await enterSchedule(council.db, adopted);
  const invented = fc.sample(inventedFiles(council.today), { seed: SEED, numRuns: FILES });
  const registered = await replaceRegister(council.db, invented);
  files = registered.map((file) => ({ file, now: determine(file, shipped, council.today) }));
  await compute(council.db, shipped, council.today);
  site = await siteOf(council, { samplePeople: [{ name: 'auditor', roles: ['auditor'] }] });
  auditor = await site.as('auditor');
}, 60_000);

afterAll(async () => {
  await site.close();
  await council.close();
});

function dueOn(determination: Determination, day: string): boolean {
  return determination.outcome === 'expires' && determination.retainUntil < day;
}

/** What the page calls it when a file goes from one determination to the other. */
function moveOf(now: Determination, then: Determination): string {
  if (now.outcome === 'expires' && then.outcome === 'expires')
    return now.retainUntil === then.retainUntil ? '' : then.retainUntil < now.retainUntil ? 'earlier' : 'later';
  if (then.outcome === 'expires') return now.outcome === 'permanent' ? 'earlier' : 'dated';
  return now.outcome === 'expires' ? (then.outcome === 'permanent' ? 'later' : 'undated') : '';
}

/** References of the files by what becomes of them, worked out one by one. */
function expected(on: string, schedule: Schedule): Record<string, string[]> {
  const found: Record<string, string[]> = { newly_due: [], earlier: [], later: [], dated: [], undated: [], due_now: [], due_then: [] };
  for (const { file, now } of files) {
    const then = determine(file, schedule, on);
    found[moveOf(now, then)]?.push(file.fileRef);
    if (dueOn(now, council.today)) found['due_now']?.push(file.fileRef);
    if (dueOn(then, on)) found['due_then']?.push(file.fileRef);
    if (dueOn(then, on) && !dueOn(now, council.today)) found['newly_due']?.push(file.fileRef);
  }
  return found;
}

async function csv(address: string): Promise<Record<string, string>[]> {
  const { status, html } = await auditor.send('GET', address);
  expect([address, status]).toEqual([address, 200]);
  return parse(html, { columns: true });
}

it.each([
  { on: SAME, schedule: shipped },
  { on: OTHER, schedule: adopted },
])(`says of every file what the evaluator says of it on $on (RETENTION_PROPERTY_SEED=${SEED})`, async ({ on, schedule }) => {
  const wanted = expected(on, schedule);
  const rules = await csv(`/what-if/rules.csv?on=${on}`);
  const sum = (column: string) => rules.reduce((total, row) => total + Number(row[column]), 0);
  for (const [which, refs] of Object.entries(wanted)) {
    expect(sum(which), which).toBe(refs.length);
    if (which.startsWith('due')) continue;
    const rows = await csv(`/what-if/files.csv?on=${on}&show=${which}`);
    expect(rows.map((row) => row['file_ref']).sort(), which).toEqual(refs.sort());
  }
  expect(wanted['newly_due']?.length).toBeGreaterThan(20);
  if (schedule === adopted) expect([wanted['earlier'], wanted['later']].every((refs) => (refs?.length ?? 0) > 5)).toBe(true);
});

it('goes on by key, each file once and the oldest date first', async () => {
  const seen: string[] = [];
  let next: string | undefined = `/what-if?on=${OTHER}&show=newly_due`;
  for (let pages = 0; next !== undefined && pages < 100; pages++) {
    const { html } = await auditor.open(next);
    const refs = [...html.matchAll(/href="\/files\?ref=([^"]*)"/g)].map(([, ref = '']) => ref);
    expect(refs.length).toBeLessThanOrEqual(50);
    seen.push(...refs);
    next = /href="([^"]*)" rel="next"/.exec(html)?.[1]?.replaceAll('&amp;', '&');
  }
  expect(seen).toEqual((await csv(`/what-if/files.csv?on=${OTHER}&show=newly_due`)).map((row) => row['file_ref']));
  expect(seen.length).toBeGreaterThan(50);
});

it('says which version of the table it goes by, and that a draft is for later', async () => {
  const other = await auditor.open(`/what-if?on=${OTHER}`);
  expect(other.text).toContain(`another version of the policy’s table is in force, ${adopted.version}, from 1 January 2030.`);
  const same = await auditor.open(`/what-if?on=${SAME}`);
  expect(same.text).toContain('No other version of the policy’s table is adopted for that day');
  expect(same.text).toContain('A draft of the policy’s table cannot be tried here yet: that is for later work.');
});

it('asks for a day to come, says what is wrong with another, and keeps what was typed', async () => {
  const cases: [address: string, words: string][] = [
    ['/what-if?day=31&month=2&year=2030', 'Enter a day, for example 1 4 2030'],
    ['/what-if?day=&month=4&year=2030', 'Enter a day, for example 1 4 2030'],
    ['/what-if?on=soon', 'Enter a day, for example 1 4 2030'],
    ['/what-if?day=22&month=11&year=2026', 'Enter a day to come: after 22/11/2026'],
    ['/what-if/files.csv?on=2020-01-01', 'Enter a day to come: after 22/11/2026'],
  ];
  for (const [address, words] of cases) {
    const { status, html, text } = await auditor.send('GET', address);
    expect([address, status, text]).toEqual([address, 422, expect.stringContaining(words)]);
    expect(html, address).toContain('href="#day"');
    const year = /year=(\d+)/.exec(address)?.[1];
    if (year !== undefined) expect(html, address).toContain(`value="${year}"`);
  }
  await auditor.open('/what-if?day=1&month=3&year=2028');
  expect(auditor.path).toBe(`/what-if?on=${SAME}`);
});

it('foretold, by rule, what is due when that day comes and everything is worked out again', async () => {
  for (const { on, schedule } of [
    { on: SAME, schedule: shipped },
    { on: OTHER, schedule: adopted },
  ]) {
    const foretold = await csv(`/what-if/rules.csv?on=${on}`);
    const came = await council.db.transaction(async (trx) => {
      await computeDeterminations(trx, schedule, { asOf: on, previous: null, runId: await startRun(trx, 'compute', on) });
      return retentionFigures(trx, schedule, on);
    });
    const due = (rule: string) => Number(foretold.find((row) => row['rule'] === rule)?.['due_then'] ?? 0);
    expect(came.rules.map(({ rule }) => [rule, due(rule)])).toEqual(came.rules.map((row) => [row.rule, row.due]));
  }
});
