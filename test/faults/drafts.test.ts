/** Drafts of a schedule, accepted or refused: of each that is accepted both calculations say what the law, told a third time, says. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { calculateInBulk } from '../../db/calculate.ts';
import { checkFiles, type CheckedFile } from '../../db/crossCheck.ts';
import { determine } from '../../rules/determine.ts';
import { parseSchedule, ScheduleError, type Schedule } from '../../rules/schedule.ts';
import { replaceRegister } from '../setup/bulkRegister.ts';
import { freshDatabase, type FreshDatabase } from '../setup/database.ts';
import { inventedFiles } from '../setup/inventedFiles.ts';
import { inventedSchedules } from '../setup/inventedSchedules.ts';
import { byLaw, type LawAnswer } from '../setup/plainLaw.ts';
import { compute, enterSchedule } from '../setup/register.ts';
import { fc, SEED } from '../setup/seed.ts';
import { tally, times } from '../setup/tally.ts';

const TODAY = '2026-11-22';
const DRAFTS = times(12, 600);
const FILES = times(150, 300);

interface Checked extends CheckedFile {
  law: LawAnswer;
}

let database: FreshDatabase;

beforeAll(async () => {
  database = await freshDatabase();
});

afterAll(() => database.close());

it(
  `${DRAFTS} drafts: none that is accepted dates a file earlier than it says, and the calculations agree (seed ${SEED})`,
  { timeout: 7_200_000 },
  async () => {
    const drafts = fc
      .sample(inventedSchedules(), { seed: SEED, numRuns: DRAFTS })
      .flatMap((draft, i) => accepted(draft, `draft-${i}`) ?? []);
    const counts = { compared: 0, dated: 0, differences: 0, early: 0 };
    for (const [i, draft] of drafts.entries()) {
      const checked = await checkedBy(draft, SEED + i);
      const wrong = checked.filter((one) => !agrees(one));
      counts.compared += checked.length;
      counts.dated += checked.filter(({ law }) => law.outcome === 'expires').length;
      counts.differences += wrong.length;
      counts.early += checked.filter(isEarly).length;
      expect(wrong.slice(0, 1), JSON.stringify(draft)).toEqual([]);
    }
    console.info(
      `${DRAFTS} drafts tried, ${drafts.length} accepted; ${counts.compared} files compared, ${counts.dated} of them dated; ${counts.differences} differences, ${counts.early} files dated earlier than the draft says (seed ${SEED})`,
    );
    expect(counts.dated).toBeGreaterThan(0);
    tally({ what: 'drafts of a schedule', tried: DRAFTS, early: counts.early });
  },
);

it('a wrong year, planted, is found: in both calculations by the law, in one of them by the other', async () => {
  const [draft] = fc.sample(inventedSchedules(), { seed: 7, numRuns: 60 }).flatMap((one, i) => accepted(one, `planted-${i}`) ?? []);
  if (!draft) return expect.fail('No draft was accepted.');
  const planted: Schedule = {
    ...draft,
    version: 'planted',
    rules: draft.rules.map((rule) => ('keep_years' in rule && rule.keep_years > 1 ? { ...rule, keep_years: rule.keep_years - 1 } : rule)),
  };
  const checked = await checkedBy(planted, 7, draft);
  expect(checked.filter(isEarly).length).toBeGreaterThan(0);
  expect(checked.filter(({ verdict }) => verdict !== 'agree')).toEqual([]);

  const bulk = await calculateInBulk(
    database.db,
    planted,
    TODAY,
    checked.map(({ caseFile }) => caseFile.fileRef),
  );
  const until = new Map(bulk.map((row) => [row.file_ref, row.retain_until]));
  const differing = checked.filter(({ caseFile }) => {
    const one = determine(caseFile, draft, TODAY);
    return one.outcome === 'expires' && one.retainUntil !== until.get(caseFile.fileRef);
  });
  expect(differing.length).toBeGreaterThan(0);
});

/** Registers invented files and determines them by a schedule; the law is asked of what was drafted. */
async function checkedBy(schedule: Schedule, seed: number, drafted = schedule): Promise<Checked[]> {
  const files = fc.sample(inventedFiles(TODAY), { seed, numRuns: FILES });
  const registered = await replaceRegister(database.db, files);
  await enterSchedule(database.db, schedule);
  await compute(database.db, schedule, TODAY);
  const refs = registered.map((file) => file.fileRef);
  const checked = await checkFiles(database.db, schedule, TODAY, refs);
  expect(checked).toHaveLength(files.length);
  return checked.map((one) => ({ ...one, law: byLaw(one.caseFile, drafted, TODAY) }));
}

/** Both calculations say the same in everything, their words for reasons included, and what the law says. */
function agrees({ verdict, inBulk, oneByOne, law }: Checked): boolean {
  const { reason, ...answer } = inBulk;
  const reasoned = (reason !== null) === ['awaiting', 'undetermined'].includes(answer.outcome);
  return verdict === 'agree' && reasoned && isDeepStrictEqual(inBulk, oneByOne) && isDeepStrictEqual(answer, law);
}

function isEarly({ inBulk, law }: Checked): boolean {
  return inBulk.retain_until !== null && (law.retain_until === null || inBulk.retain_until < law.retain_until);
}

function accepted(draft: object, version: string): Schedule | null {
  try {
    return parseSchedule(JSON.stringify({ ...draft, version }), version);
  } catch (error) {
    if (error instanceof ScheduleError) return null;
    throw error;
  }
}
