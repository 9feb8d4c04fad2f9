/**
 * One file's determination, read straight from the schedule: the readable calculation. The set-based one in `db/` shares
 * nothing with it but the schedule and the facts, and the two must agree.
 */
import { anniversary, birthdaySpan, dayAfter, financialYearEnd, possibleDays, type IsoDate } from './dates.ts';
import { categoriesOf, namesOfKind } from './categories.ts';
import { caseDates, type CaseFile, type Category, type Subject } from './facts.ts';
import { rulesOf, type PermanentRule, type Rule, type RuleCondition, type Schedule, type TimedRule, type Trigger } from './schedule.ts';

export const OUTCOMES = ['expires', 'awaiting', 'undetermined', 'permanent'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const DISPOSAL_ACTIONS = ['archive', 'transfer_to_adult_file', 'refer'] as const;
export type DisposalAction = (typeof DISPOSAL_ACTIONS)[number];

/** Facts that contradict each other, the weightiest first. */
export const CONTRADICTIONS = [
  'died_before_birth',
  'order_before_birth',
  'order_after_death',
  'closed_before_opened',
  'date_in_future',
] as const;
export type Contradiction = (typeof CONTRADICTIONS)[number];

/** Facts that a rule needs and the register lacks, the weightiest first. */
export const GAPS = [
  'age_at_death_unclear',
  'birth_unknown',
  'death_unknown',
  'order_unknown',
  'withdrawal_unknown',
  'notification_unknown',
  'last_entry_unknown',
  'approval_end_unknown',
] as const;
export type Gap = (typeof GAPS)[number];

/** Events that have not happened yet, the weightiest first. */
export const WAITS = ['not_closed', 'approval_not_ended'] as const;
export type Wait = (typeof WAITS)[number];

/** What the schedule says of one (subject, category) pair. */
export type Pair = { subject: Subject | null; category: Category } & PairResult;
export type PairResult =
  | { outcome: 'permanent'; rule: PermanentRule }
  | { outcome: 'undetermined'; rule: TimedRule | null; reason: Gap }
  | { outcome: 'awaiting'; rule: TimedRule; reason: Wait }
  | ExpiringPair;
export interface ExpiringPair {
  outcome: 'expires';
  rule: TimedRule;
  anchor: Trigger;
  anchorOn: IsoDate;
  retainUntil: IsoDate;
}

/** What the schedule says of one file. Only `expires` has dates and an action. */
export type Determination = { scheduleVersion: string; reviewOn: IsoDate | null; pairs: Pair[] } & (
  | { outcome: 'permanent'; rule: PermanentRule; flagged: boolean }
  | { outcome: 'undetermined'; reason: Contradiction | Gap; contradictions: Contradiction[] }
  | { outcome: 'awaiting'; reason: Wait }
  | ExpiringDetermination
);
export interface ExpiringDetermination {
  outcome: 'expires';
  rule: TimedRule;
  anchor: Trigger;
  anchorOn: IsoDate;
  retainUntil: IsoDate;
  eligibleFrom: IsoDate;
  action: DisposalAction;
}

/** The determination of `file` as of a day: never throws, for what cannot be told is an outcome of its own. */
export function determine(file: CaseFile, schedule: Schedule, asOf: IsoDate): Determination {
  const pairs = determinePairs(file, schedule);
  const base = { scheduleVersion: schedule.version, reviewOn: reviewOn(file, schedule), pairs };

  const permanent = permanentRule(file, pairs, schedule);
  if (permanent) return { ...base, outcome: 'permanent', ...permanent };

  const contradictions = contradictionsIn(file, asOf);
  if (contradictions[0]) return { ...base, outcome: 'undetermined', reason: contradictions[0], contradictions };

  const gap = first(
    GAPS,
    pairs.map((pair) => (pair.outcome === 'undetermined' ? pair.reason : null)),
  );
  if (gap) return { ...base, outcome: 'undetermined', reason: gap, contradictions };

  const wait = first(
    WAITS,
    pairs.map((pair) => (pair.outcome === 'awaiting' ? pair.reason : null)),
  );
  if (wait) return { ...base, outcome: 'awaiting', reason: wait };

  const { rule, anchor, anchorOn, retainUntil } = longest(pairs, schedule);
  return {
    ...base,
    outcome: 'expires',
    rule,
    anchor,
    anchorOn,
    retainUntil,
    eligibleFrom: dayAfter(retainUntil),
    action: actionFor(file, pairs, schedule),
  };
}

/** True when the file may be considered for disposal on `asOf`, blocks aside. */
export function isDue(determination: Determination, asOf: IsoDate): determination is Determination & ExpiringDetermination {
  return determination.outcome === 'expires' && determination.eligibleFrom <= asOf;
}

/** The events whose dates decide under this rule: each that its period may run from, and each that its condition asks about. */
export function datesRead(rule: Rule): Trigger[] {
  if ('permanent' in rule) return [];
  const { died, any_of: happened = [] } = rule.when ?? {};
  const asked: Trigger[] = happened.map((event) => (event === 'died' ? 'death' : 'withdrawal'));
  return [...new Set<Trigger>([...triggersOf(rule), ...(died ? (['birth', 'death'] as const) : []), ...asked])];
}

function determinePairs(file: CaseFile, schedule: Schedule): Pair[] {
  const subjects = file.subjects.length > 0 ? file.subjects : [null];
  return subjects.flatMap((subject) =>
    categoriesOf(file, schedule).map((category) => ({ subject, category, ...determinePair(file, subject, category, schedule) })),
  );
}

function determinePair(file: CaseFile, subject: Subject | null, category: Category, schedule: Schedule): PairResult {
  for (const rule of rulesOf(schedule, category)) {
    if ('permanent' in rule) return { outcome: 'permanent', rule };
    const applies = rule.when ? conditionHolds(rule.when, file, subject) : true;
    if (applies === 'unclear') return { outcome: 'undetermined', rule: null, reason: 'age_at_death_unclear' };
    if (applies) return runFrom(rule, file, subject);
  }
  throw new Error(`Category "${category}" of file ${file.fileRef} is not in schedule ${schedule.version}.`);
}

function conditionHolds(when: RuleCondition, file: CaseFile, subject: Subject | null): boolean | 'unclear' {
  if (when.child_placed === 'no' && file.childPlaced !== false) return false;
  if (when.any_of && !when.any_of.some((event) => (event === 'died' ? subject?.dateOfDeath : file.withdrawnOn))) return false;
  if (!when.died) return true;
  const died = diedRelativeTo18(subject);
  return died === 'unclear' ? 'unclear' : died === when.died;
}

function diedRelativeTo18(subject: Subject | null): 'before_18' | 'on_18' | 'after_18' | 'alive' | 'unclear' {
  if (!subject?.dateOfDeath) return 'alive';
  if (!subject.dateOfBirth) return 'unclear';
  const { earliest, latest } = birthdaySpan(subject.dateOfBirth, 18);
  if (subject.dateOfDeath < earliest) return 'before_18';
  if (subject.dateOfDeath > latest) return 'after_18';
  return earliest === latest ? 'on_18' : 'unclear';
}

function runFrom(rule: TimedRule, file: CaseFile, subject: Subject | null): PairResult {
  const { from } = rule;
  const dated = triggersOf(rule).map((trigger) => ({ trigger, on: triggerDate(trigger, file, subject) }));
  const known = dated.filter((event): event is { trigger: Trigger; on: IsoDate } => event.on !== null);
  const mustAllBeKnown = typeof from === 'string' || 'latest_of' in from;

  const missing = dated.filter((event) => event.on === null).map((event) => event.trigger);
  if (known.length === 0 || (mustAllBeKnown && missing.length > 0)) return withoutAnchor(rule, missing, file);

  const latest = known.reduce((a, b) => (b.on > a.on ? b : a));
  return { outcome: 'expires', rule, anchor: latest.trigger, anchorOn: latest.on, retainUntil: anniversary(latest.on, rule.keep_years) };
}

function triggersOf({ from }: TimedRule): Trigger[] {
  if (typeof from === 'string') return [from];
  return 'latest_of' in from ? from.latest_of : from.latest_known_of;
}

function triggerDate(trigger: Trigger, file: CaseFile, subject: Subject | null): IsoDate | null {
  switch (trigger) {
    case 'birth':
      return subject?.dateOfBirth ? possibleDays(subject.dateOfBirth).latest : null;
    case 'death':
      return subject?.dateOfDeath ?? null;
    case 'adoption_order':
      return file.adoptionOrderOn;
    case 'withdrawal':
      return file.withdrawnOn;
    case 'closure':
      return file.closedOn;
    case 'approval_end':
      return file.approvalEndedOn;
    case 'notification':
      return file.notifiedOn;
    case 'financial_year_end':
      return file.lastEntryOn ? financialYearEnd(file.lastEntryOn) : null;
  }
}

/** A missing date is a gap, unless the event may simply not have happened yet. */
function withoutAnchor(rule: TimedRule, missing: Trigger[], file: CaseFile): PairResult {
  const open = file.closedOn === null;
  const gaps: Record<Trigger, Gap | null> = {
    birth: 'birth_unknown',
    death: 'death_unknown',
    adoption_order: 'order_unknown',
    withdrawal: 'withdrawal_unknown',
    closure: null,
    approval_end: open ? null : 'approval_end_unknown',
    notification: 'notification_unknown',
    financial_year_end: 'last_entry_unknown',
  };
  const gap = first(
    GAPS,
    missing.map((trigger) => gaps[trigger]),
  );
  if (gap) return { outcome: 'undetermined', rule, reason: gap };
  return { outcome: 'awaiting', rule, reason: missing.includes('closure') ? 'not_closed' : 'approval_not_ended' };
}

function permanentRule(file: CaseFile, pairs: Pair[], schedule: Schedule): { rule: PermanentRule; flagged: boolean } | null {
  const flagged = file.subjects.some((subject) => subject.posesRiskToChildren);
  const byPair = new Set(pairs.flatMap((pair) => (pair.outcome === 'permanent' ? [pair.rule] : [])));
  for (const rule of schedule.rules) {
    if (!('permanent' in rule)) continue;
    const byFlag = flagged && rule.also_when_subject_poses_risk === true;
    if (byPair.has(rule) || byFlag) return { rule, flagged };
  }
  return null;
}

function contradictionsIn(file: CaseFile, asOf: IsoDate): Contradiction[] {
  const found: (Contradiction | null)[] = file.subjects.flatMap((subject) => subjectContradictions(subject, file.adoptionOrderOn));
  if (file.openedOn && file.closedOn && file.closedOn < file.openedOn) found.push('closed_before_opened');
  if (recordedDates(file).some((date) => date > asOf)) found.push('date_in_future');
  return CONTRADICTIONS.filter((contradiction) => found.includes(contradiction));
}

function subjectContradictions({ dateOfBirth, dateOfDeath }: Subject, orderOn: IsoDate | null): (Contradiction | null)[] {
  const born = dateOfBirth ? possibleDays(dateOfBirth).earliest : null;
  return [
    born && dateOfDeath && dateOfDeath < born ? 'died_before_birth' : null,
    born && orderOn && orderOn < born ? 'order_before_birth' : null,
    dateOfDeath && orderOn && orderOn > dateOfDeath ? 'order_after_death' : null,
  ];
}

function recordedDates(file: CaseFile): IsoDate[] {
  const dates = caseDates(file);
  for (const subject of file.subjects) {
    dates.push(subject.dateOfDeath, subject.dateOfBirth ? possibleDays(subject.dateOfBirth).earliest : null);
  }
  return dates.filter((date) => date !== null);
}

/** The longest pair decides; ties go to the earlier row of the table, then to the later anchor. */
function longest(pairs: Pair[], schedule: Schedule): ExpiringPair {
  const expiring = pairs.filter((pair): pair is Pair & ExpiringPair => pair.outcome === 'expires');
  const [decides] = [...expiring].sort(
    (a, b) =>
      compare(b.retainUntil, a.retainUntil) ||
      schedule.rules.indexOf(a.rule) - schedule.rules.indexOf(b.rule) ||
      compare(b.anchorOn, a.anchorOn),
  );
  if (!decides) throw new Error('A file without a category cannot be determined.');
  return decides;
}

function actionFor(file: CaseFile, pairs: Pair[], schedule: Schedule): DisposalAction {
  const clauseApplies = pairs.some(
    (pair) => pair.outcome === 'expires' && pair.rule.adult_services_clause && pair.subject?.knownToAdultServices,
  );
  if (!clauseApplies) return 'archive';
  const adoptions = namesOfKind(schedule, 'adoption');
  const ofAdoption = file.categories.some((category) => adoptions.includes(category));
  return file.subjects.length === 1 && !ofAdoption ? 'transfer_to_adult_file' : 'refer';
}

/** The latest 18th birthday among the family's children, or among the subjects where no children are recorded. */
function reviewOn(file: CaseFile, schedule: Schedule): IsoDate | null {
  const categories = categoriesOf(file, schedule);
  const reviewed = schedule.rules.some((rule) => 'review' in rule && rule.review && categories.includes(rule.category));
  if (!reviewed || file.familyIncomplete) return null;
  const births = file.familyBirths.length > 0 ? file.familyBirths : file.subjects.map((subject) => subject.dateOfBirth);
  const birthdays = births.map((birth) => (birth ? birthdaySpan(birth, 18).latest : null));
  if (birthdays.includes(null)) return null;
  return birthdays.reduce((latest, day) => (latest === null || (day !== null && day > latest) ? day : latest), null);
}

function first<T extends string>(order: readonly T[], found: (T | null)[]): T | null {
  return order.find((candidate) => found.includes(candidate)) ?? null;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
