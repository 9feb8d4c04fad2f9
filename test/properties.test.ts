/** Invented files by the hundred thousand: both calculations agree on every one, and none is due before the policy's words say. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CAUTIONS, CAUTIONS_WHEN_LISTED, statutoryMinimum } from '../rules/checks.ts';
import { CONTRADICTIONS, DISPOSAL_ACTIONS, GAPS, OUTCOMES, WAITS } from '../rules/determine.ts';
import type { CaseFile } from '../rules/facts.ts';
import { shippedSchedule, type Schedule } from '../rules/schedule.ts';
import { checkFiles, type CheckedFile } from '../db/crossCheck.ts';
import { replaceRegister } from './setup/bulkRegister.ts';
import { freshDatabase, type FreshDatabase } from './setup/database.ts';
import { inventedFiles, type InventedFile } from './setup/inventedFiles.ts';
import { daysOn } from './setup/plainDates.ts';
import { lastDaysByPolicy } from './setup/policyWords.ts';
import { byLaw } from './setup/plainLaw.ts';
import { compute, enterSchedule } from './setup/register.ts';
import { fc, SEED } from './setup/seed.ts';

/** RETENTION_PROPERTY_FILES asks for more, never for fewer. */
const FILES = Math.max(100_000, Number(process.env['RETENTION_PROPERTY_FILES'] ?? 0));
const BATCH = 10_000;
/** Business dates around the ends of years, of February and of financial years. */
const DAYS = ['2026-11-22', '2027-02-28', '2027-03-01', '2028-02-29', '2028-03-01', '2026-03-31', '2026-04-01', '2026-12-31', '2027-01-01'];

const shipped = shippedSchedule();
const asCaution: Schedule = {
  ...shipped,
  version: `${shipped.version}-caution`,
  ...(shipped.statutory_minimum ? { statutory_minimum: { ...shipped.statutory_minimum, effect: 'caution' } } : {}),
};

interface Batch {
  seed: number;
  asOf: string;
  schedule: Schedule;
}

/** A file as it was registered, and what was read back and calculated of it. */
type Checked = CheckedFile & { registered: CaseFile };

let database: FreshDatabase;

beforeAll(async () => {
  database = await freshDatabase();
  for (const schedule of [shipped, asCaution]) await enterSchedule(database.db, schedule);
});

afterAll(() => database.close());

it(
  `holds for ${FILES.toLocaleString('en-GB')} invented files (RETENTION_PROPERTY_SEED=${SEED} repeats them)`,
  { timeout: Math.max(1_800_000, FILES * 10) },
  async () => {
    const seen = new Map<string, number>();
    const began = performance.now();
    for (const batch of batches()) {
      const files = fc.sample(fc.tuple(inventedFiles(batch.asOf)), { seed: batch.seed, numRuns: BATCH }).map(([file]) => file);
      const checked = await checkBatch(files, batch);
      const bad = checked.findIndex((one) => faultOf(one, batch) !== null);
      if (bad >= 0) throw new Error(await smallest(batch, bad));
      for (const word of checked.flatMap((one) => traits(one, batch))) seen.set(word, (seen.get(word) ?? 0) + 1);
    }
    console.info(summary(seen, began));
    expect(expectedTraits().filter((word) => !seen.has(word))).toEqual([]);
  },
);

/** Nine of ten by the shipped schedule, the tenth by the one that makes the statutory minimum a caution. */
function batches(): Batch[] {
  return Array.from({ length: Math.ceil(FILES / BATCH) }, (_, i) => ({
    seed: SEED + i,
    asOf: DAYS[i % DAYS.length] ?? '2026-11-22',
    schedule: i % 10 === 9 ? asCaution : shipped,
  }));
}

/** Registers the files in place of those before, and determines them both ways. */
async function checkBatch(files: readonly InventedFile[], { asOf, schedule }: Batch): Promise<Checked[]> {
  const { db } = database;
  const registered = await replaceRegister(db, files);
  const { outcomes } = await compute(db, schedule, asOf);
  expect(Object.values(outcomes).reduce((a, b) => a + b)).toBe(files.length);
  const checked = await checkFiles(
    db,
    schedule,
    asOf,
    registered.map((file) => file.fileRef),
  );
  expect(checked).toHaveLength(files.length);
  return registered.map((file, i) => ({ ...(checked[i] as CheckedFile), registered: file }));
}

/** What is wrong with the answer for one file, or null. */
function faultOf({ registered, caseFile, candidacy, inBulk, oneByOne, verdict }: Checked, { schedule, asOf }: Batch): string | null {
  if (!isDeepStrictEqual(caseFile, registered)) return 'the file was not read back as it was registered';
  if (verdict !== 'agree' || JSON.stringify(inBulk) !== JSON.stringify(oneByOne)) return 'the two calculations differ';
  const { reason: _reason, ...answer } = inBulk;
  const law = byLaw(caseFile, schedule, asOf);
  if (!isDeepStrictEqual(answer, law)) return `the law, told apart, says ${JSON.stringify(law)}`;
  const { outcome, retain_until, eligible_from } = candidacy;
  const byPolicy = lastDaysByPolicy(caseFile);
  if (outcome !== 'expires') return eligible_from === null ? null : `${outcome}, and yet there is a date`;
  if (eligible_from === null || retain_until === null || eligible_from !== daysOn(retain_until, 1))
    return 'eligible_from is not the day after retain_until';
  if (byPolicy.includes(null)) return 'a date, though the policy gives none for want of a fact';
  if (byPolicy.some((last) => last !== null && eligible_from <= last))
    return `eligible_from ${eligible_from} is not after ${byPolicy.join(', ')}`;
  return null;
}

/** Shrinks the file at this place of the batch to the smallest that still shows a fault, and says everything of it. */
async function smallest(batch: Batch, place: number): Promise<string> {
  let said = '';
  const shown = fc.asyncProperty(inventedFiles(batch.asOf), async (file) => {
    const [checked] = await checkBatch([file], batch);
    const fault = checked ? faultOf(checked, batch) : 'it was not determined';
    if (fault)
      said = JSON.stringify(
        { fault, caseFile: checked?.caseFile, inBulk: checked?.inBulk, oneByOne: checked?.oneByOne, stored: checked?.candidacy },
        null,
        1,
      );
    return fault === null;
  });
  await fc.check(shown, { seed: batch.seed, path: String(place), numRuns: 1 });
  return `As of ${batch.asOf}, schedule ${batch.schedule.version}, RETENTION_PROPERTY_SEED=${SEED}: ${said || 'the fault shows only beside other files'}`;
}

/** Everything a run must have met, so that agreement means something. */
function expectedTraits(): string[] {
  // No rule of the shipped schedule runs from a death or a withdrawal that may be missing.
  const reasons = [...CONTRADICTIONS, ...GAPS, ...WAITS].filter((reason) => reason !== 'death_unknown' && reason !== 'withdrawal_unknown');
  const cautions = CAUTIONS.filter((caution) => ![...CAUTIONS_WHEN_LISTED, 'sibling_live'].includes(caution)).map(
    (caution) => `caution ${caution}`,
  );
  const blocks = ['open', 'referred', 'statutory_minimum', 'doubtful_birth', 'doubtful_date'].map((block) => `block ${block}`);
  const days = [
    'first day of eligibility',
    'last day of keeping',
    'anchor on 29 February',
    'kept until 1 March for want of a 29 February',
    'two pairs end together',
    'last day of the statutory minimum',
  ];
  return [
    ...OUTCOMES,
    ...shipped.rules.map((rule) => rule.id),
    ...reasons,
    ...DISPOSAL_ACTIONS,
    ...cautions,
    ...blocks,
    ...days,
    'candidate',
    'review',
  ];
}

function traits({ caseFile, candidacy, determination }: Checked, { asOf, schedule }: Batch): string[] {
  const { outcome, rule, reason, action, blocks, cautions, anchor_on, retain_until, eligible_from, review_on } = candidacy;
  const ends = determination.pairs.flatMap((pair) =>
    pair.outcome === 'expires' && pair.retainUntil === retain_until ? [pair.rule.id + pair.anchorOn] : [],
  );
  const special: [boolean, string][] = [
    [eligible_from === asOf, 'first day of eligibility'],
    [retain_until === asOf, 'last day of keeping'],
    [anchor_on?.slice(5) === '02-29', 'anchor on 29 February'],
    [anchor_on?.slice(5) === '02-29' && retain_until?.slice(5) === '03-01', 'kept until 1 March for want of a 29 February'],
    [new Set(ends).size > 1, 'two pairs end together'],
    [eligible_from !== null && eligible_from <= asOf && blocks.length === 0, 'candidate'],
    [statutoryMinimum(caseFile, schedule)?.until === asOf && blocks.includes('statutory_minimum'), 'last day of the statutory minimum'],
    [review_on !== null, 'review'],
  ];
  const words = [outcome, rule, reason, action].filter((word) => word !== null);
  return [
    ...words,
    ...blocks.map((block) => `block ${block}`),
    ...cautions.map((caution) => `caution ${caution}`),
    ...special.filter(([holds]) => holds).map(([, word]) => word),
  ];
}

function summary(seen: Map<string, number>, began: number): string {
  const files = OUTCOMES.reduce((sum, outcome) => sum + (seen.get(outcome) ?? 0), 0);
  const counts = [...seen].sort((a, b) => b[1] - a[1]).map(([word, count]) => `${word} ${count}`);
  return `${files} invented files in ${((performance.now() - began) / 1000).toFixed(0)} s, seed ${SEED}: ${counts.join(', ')}.`;
}
