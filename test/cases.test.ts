/** The worked cases through both calculations: one file at a time, and all at once inside a real database. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLOCKS, blocksOfFacts, CAUTIONS, CAUTIONS_WHEN_LISTED, cautionsOfFacts } from '../rules/checks.ts';
import { CONTRADICTIONS, determine, DISPOSAL_ACTIONS, GAPS, isDue, OUTCOMES, WAITS } from '../rules/determine.ts';
import type { CaseFile } from '../rules/facts.ts';
import { shippedSchedule } from '../rules/schedule.ts';
import { candidacyOf, findCandidates, type Candidacy } from '../db/candidacy.ts';
import { loadCaseFiles } from '../db/caseFiles.ts';
import { checkFiles } from '../db/crossCheck.ts';
import { freshDatabase, type FreshDatabase } from './setup/database.ts';
import { enterSchedule, compute, fileRow, importRows, personRow } from './setup/register.ts';
import { CASES_AS_OF as asOf, readWorkedCases, type ExpectedAnswer } from './setup/workedCases.ts';

const schedule = shippedSchedule();
const tables = readWorkedCases();
const cases = [...tables.values()].flat();
const fileRefs = cases.map((worked) => worked.id);
/** Only the database knows these: they come from other files, and from what people have done. */
const CAUTIONS_OF_STATE = ['sibling_live', 'review_outstanding'];

let database: FreshDatabase;
let stored: Map<string, Candidacy>;

beforeAll(async () => {
  database = await freshDatabase();
  const { db } = database;
  await enterSchedule(db, schedule);
  const children = cases.flatMap(({ caseFile, familyChildren }) =>
    familyChildren.map((child) => ({ family_ref: caseFile.familyRef ?? '', child_ref: child.personRef })),
  );
  const people = cases.flatMap(({ caseFile, familyChildren }) => [...caseFile.subjects, ...familyChildren].map(personRow));
  const imported = await importRows(
    db,
    { people, files: cases.map(({ caseFile }) => fileRow(caseFile)), families: children },
    schedule,
    asOf,
  );
  expect(imported.quarantined).toBe(0);
  await compute(db, schedule, asOf);
  stored = new Map((await candidacyOf(db, schedule, asOf, fileRefs)).map((row) => [row.file_ref, row]));
});

afterAll(() => database.close());

for (const [table, worked] of tables) {
  describe(table, () => {
    for (const { id, sentence, caseFile, expected } of worked) {
      it(`${id}: ${sentence}`, () => {
        const { blocks, cautions, ...dates } = expected;
        expect(evaluated(caseFile)).toEqual({
          ...dates,
          blocks,
          cautions: cautions.filter((caution) => !CAUTIONS_OF_STATE.includes(caution)),
        });
        expect(inDatabase(id)).toEqual(expected);
      });
    }
  });
}

describe('the cases as a whole', () => {
  it('are numbered each by its own, the 66 agreed at the start among them', () => {
    expect(new Set(fileRefs).size).toBe(fileRefs.length);
    expect(fileRefs.filter((id) => id.startsWith('W')).sort()).toEqual(
      Array.from({ length: 66 }, (_, i) => `W${String(i + 1).padStart(3, '0')}`),
    );
  });

  it('have one that each rule of the schedule decides', () => {
    const decided = new Set(cases.map(({ expected }) => expected.rule));
    expect(schedule.rules.map((rule) => rule.id).filter((id) => !decided.has(id))).toEqual([]);
  });

  it('have one for each outcome, reason and action, and each block and caution that follows from facts', () => {
    const seen = new Set(
      cases.flatMap(({ expected }) => [
        expected.outcome,
        expected.reason,
        expected.action,
        ...expected.blocks,
        ...expected.cautions.map((word) => `caution ${word}`),
      ]),
    );
    // No rule of the shipped schedule runs from a death or a withdrawal that may be missing, nor makes the minimum a caution.
    const reasons = [...CONTRADICTIONS, ...GAPS, ...WAITS].filter(
      (reason) => reason !== 'death_unknown' && reason !== 'withdrawal_unknown',
    );
    const blocks = BLOCKS.filter((block) => ['open', 'referred', 'statutory_minimum', 'doubtful_birth', 'doubtful_date'].includes(block));
    const cautions = CAUTIONS.filter((caution) => ![...CAUTIONS_WHEN_LISTED, 'statutory_minimum'].includes(caution)).map(
      (word) => `caution ${word}`,
    );
    expect([...OUTCOMES, ...reasons, ...DISPOSAL_ACTIONS, ...blocks, ...cautions].filter((word) => !seen.has(word))).toEqual([]);
  });

  it('are read back from the register as they were imported', async () => {
    const loaded = await loadCaseFiles(database.db, fileRefs);
    expect(loaded).toEqual(cases.map(({ caseFile }) => caseFile));
  });

  it('come out alike by both calculations', async () => {
    const checked = await checkFiles(database.db, schedule, asOf, fileRefs);
    expect(checked).toHaveLength(cases.length);
    expect(
      checked
        .filter((file) => file.verdict !== 'agree')
        .map(({ caseFile, inBulk, oneByOne }) => ({ file: caseFile.fileRef, inBulk, oneByOne })),
    ).toEqual([]);
  });

  it('give as candidates exactly those that are due and blocked by nothing', async () => {
    const byHand = cases.filter(
      ({ expected }) => expected.eligible_from !== null && expected.eligible_from <= asOf && expected.blocks.length === 0,
    );
    const found = await findCandidates(database.db, schedule, asOf);
    expect(found.map((candidate) => candidate.file_ref).sort()).toEqual(byHand.map(({ id }) => id).sort());
    expect(byHand.every(({ caseFile }) => isDue(determine(caseFile, schedule, asOf), asOf))).toBe(true);
  });
});

function evaluated(caseFile: CaseFile): ExpectedAnswer {
  const determination = determine(caseFile, schedule, asOf);
  const expires = determination.outcome === 'expires' ? determination : null;
  return {
    outcome: determination.outcome,
    reason: 'reason' in determination ? determination.reason : null,
    rule: 'rule' in determination ? determination.rule.id : null,
    anchor_on: expires?.anchorOn ?? null,
    retain_until: expires?.retainUntil ?? null,
    eligible_from: expires?.eligibleFrom ?? null,
    action: expires?.action ?? null,
    review_on: determination.reviewOn,
    blocks: blocksOfFacts(caseFile, determination, schedule, asOf),
    cautions: cautionsOfFacts(caseFile, determination, schedule, asOf),
  };
}

function inDatabase(id: string): ExpectedAnswer | undefined {
  const row = stored.get(id);
  if (!row) return undefined;
  const { outcome, reason, rule, anchor_on, retain_until, eligible_from, action, review_on, blocks, cautions } = row;
  return { outcome, reason, rule, anchor_on, retain_until, eligible_from, action, review_on, blocks, cautions };
}
