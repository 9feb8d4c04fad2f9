/** Compares the two calculations file by file; where they differ the file is blocked and somebody is told. */
import type { Knex } from 'knex';
import { blocksOfFacts, cautionsOfFacts, type Caution } from '../rules/checks.ts';
import type { IsoDate } from '../rules/dates.ts';
import { determine, type Determination } from '../rules/determine.ts';
import type { CaseFile } from '../rules/facts.ts';
import type { Schedule } from '../rules/schedule.ts';
import { calculateInBulk, type BulkDetermination } from './calculate.ts';
import { candidacyOf, type Candidacy } from './candidacy.ts';
import { byFileRef, loadCaseFiles } from './caseFiles.ts';

/** What both calculations say of one file. */
export interface Answer extends Omit<BulkDetermination, 'file_ref'> {
  open: boolean;
  minimumStands: boolean;
  birthDoubtful: boolean;
  dateDoubtful: boolean;
  cautions: string[];
}

export interface CheckedFile {
  caseFile: CaseFile;
  determination: Determination;
  candidacy: Candidacy;
  inBulk: Answer;
  oneByOne: Answer;
  verdict: Verdict;
}

/** `stale`: compute would write another determination than is stored, so nobody knows yet; that is never a disagreement. */
export type Verdict = 'agree' | 'differ' | 'stale';

/** Cautions that come from other records than the file's own facts; only the database knows them. */
const CAUTIONS_OF_STATE: readonly Caution[] = ['sibling_live', 'review_outstanding'];

/** Determines these files by both calculations. A file that is gone or has no determination is left out. */
export async function checkFiles(db: Knex, schedule: Schedule, asOf: IsoDate, fileRefs: readonly string[]): Promise<CheckedFile[]> {
  const caseFiles = await loadCaseFiles(db, fileRefs);
  const bulk = byFileRef(await calculateInBulk(db, schedule, asOf, fileRefs));
  const candidacies = byFileRef(await candidacyOf(db, schedule, asOf, fileRefs));
  return caseFiles.flatMap((caseFile) => {
    const calculated = bulk.get(caseFile.fileRef);
    const candidacy = candidacies.get(caseFile.fileRef);
    if (!calculated || !candidacy) return [];
    const determination = determine(caseFile, schedule, asOf);
    const inBulk = bulkAnswer(calculated, candidacy);
    const oneByOne = evaluatedAnswer(caseFile, determination, schedule, asOf);
    const agree = same(decisive(inBulk), decisive(oneByOne)) && same(dated(candidacy), dated(inBulk));
    const verdict: Verdict = isStale(candidacy, calculated, schedule) ? 'stale' : agree ? 'agree' : 'differ';
    return [{ caseFile, determination, candidacy, inBulk, oneByOne, verdict }];
  });
}

/** Facts landed, a day passed or another version of the schedule came since it was stored. */
function isStale({ recalculated, schedule_version, review_on }: Candidacy, now: BulkDetermination, { version }: Schedule): boolean {
  return !recalculated || schedule_version !== version || review_on !== now.review_on;
}

function bulkAnswer(calculated: BulkDetermination, { blocks, cautions, birth_doubtful, date_doubtful }: Candidacy): Answer {
  return {
    ...dated(calculated),
    reason: calculated.reason,
    open: blocks.includes('open'),
    minimumStands: blocks.includes('statutory_minimum'),
    birthDoubtful: birth_doubtful,
    dateDoubtful: date_doubtful,
    cautions: cautions.filter((caution) => !CAUTIONS_OF_STATE.includes(caution)),
  };
}

function evaluatedAnswer(caseFile: CaseFile, determination: Determination, schedule: Schedule, asOf: IsoDate): Answer {
  const expires = determination.outcome === 'expires' ? determination : null;
  const blocks = blocksOfFacts(caseFile, determination, schedule, asOf);
  return {
    outcome: determination.outcome,
    rule: 'rule' in determination ? determination.rule.id : null,
    anchor_on: expires?.anchorOn ?? null,
    retain_until: expires?.retainUntil ?? null,
    action: expires?.action ?? null,
    review_on: determination.reviewOn,
    reason: 'reason' in determination ? determination.reason : null,
    open: blocks.includes('open'),
    minimumStands: blocks.includes('statutory_minimum'),
    birthDoubtful: blocks.includes('doubtful_birth'),
    dateDoubtful: blocks.includes('doubtful_date'),
    cautions: cautionsOfFacts(caseFile, determination, schedule, asOf),
  };
}

function dated({
  outcome,
  rule,
  anchor_on,
  retain_until,
  action,
  review_on,
}: Omit<BulkDetermination, 'file_ref'>): Omit<BulkDetermination, 'file_ref' | 'reason'> {
  return { outcome, rule, anchor_on, retain_until, action, review_on };
}

/** What a file is disposed of by, or kept by. Reasons and cautions are words beside it: where they differ nobody need stop. */
function decisive({ reason: _reason, cautions: _cautions, ...answer }: Answer): Omit<Answer, 'reason' | 'cautions'> {
  return answer;
}

function same(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
