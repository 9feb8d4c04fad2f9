/** The law of determination told once more, plainly and apart from the product: what any schedule says of any file. */
import type { CaseFile, Subject } from '../../rules/facts.ts';
import type { Rule, Schedule, TimedRule } from '../../rules/schedule.ts';
import { daysInMonth, dayOf, daysOfBirth, isoOf, marchAfter, yearsOn } from './plainDates.ts';

export interface LawAnswer {
  outcome: string;
  rule: string | null;
  anchor_on: string | null;
  retain_until: string | null;
  action: string | null;
  review_on: string | null;
  open: boolean;
  minimumStands: boolean;
  birthDoubtful: boolean;
  dateDoubtful: boolean;
  cautions: string[];
}

/** One (person, category) pair: the rule it falls under, and what that rule says of it. */
interface LawPair {
  subject: Subject | null;
  rule: Rule | null;
  says: 'for ever' | 'cannot be told' | 'has not happened' | { start: string; until: string };
}

/** What the law says of this file as of a day, but for what other records say of it. */
export function byLaw(registered: CaseFile, schedule: Schedule, asOf: string): LawAnswer {
  const file = { ...registered, categories: [...new Set(registered.categories.map((name) => nameNow(name, schedule)))] };
  const pairs = (file.subjects.length > 0 ? file.subjects : [null]).flatMap((subject) =>
    file.categories.map((category) => pairOf(file, subject, category, schedule)),
  );
  const decided = combined(file, pairs, schedule, asOf);
  const due = decided.retain_until !== null && decided.retain_until < asOf;
  const minimum = minimumUntil(file, schedule);
  const minimumStands = due && minimum !== null && minimum >= asOf;
  return {
    ...decided,
    review_on: reviewOf(file, schedule),
    open: file.closedOn === null && schedule.rules.some((rule) => rule.requires_closure && file.categories.includes(rule.category)),
    minimumStands: minimumStands && schedule.statutory_minimum?.effect === 'block',
    birthDoubtful: file.subjects.some(({ dateOfBirth }) => dateOfBirth !== null && doubtfulBirth(dateOfBirth, file, schedule)),
    dateDoubtful: doubtfulDate(file, pairs, schedule),
    cautions: cautionsOf(file, pairs, decided, schedule, asOf, minimumStands),
  };
}

function nameNow(name: string, { categories }: Schedule): string {
  for (const [now, { formerly }] of Object.entries(categories)) if (formerly?.includes(name)) return now;
  return name;
}

/** Categories of such a kind, as the schedule says. */
function isOf(kind: string, file: CaseFile, { categories }: Schedule): boolean {
  return Object.entries(categories).some(([name, { is }]) => is === kind && file.categories.includes(name));
}

function pairOf(file: CaseFile, subject: Subject | null, category: string, schedule: Schedule): LawPair {
  const rows = schedule.rules.filter((rule) => rule.category === category);
  for (const rule of rows) {
    if (!('when' in rule) || rule.when === undefined) continue;
    const { child_placed: placed, any_of: happened, died } = rule.when;
    if (placed === 'no' && file.childPlaced !== false) continue;
    if (happened && !((happened.includes('died') && subject?.dateOfDeath) || (happened.includes('withdrawn') && file.withdrawnOn)))
      continue;
    if (died === undefined) return { subject, rule, says: periodOf(rule, file, subject) };
    const age = ageAtDeath(subject);
    if (age === 'cannot be told') return { subject, rule: null, says: age };
    if (age === died) return { subject, rule, says: periodOf(rule, file, subject) };
  }
  const rule = rows.find((row) => !('when' in row) || row.when === undefined);
  if (!rule) throw new Error(`No row for every other file of ${category}.`);
  return { subject, rule, says: 'permanent' in rule ? 'for ever' : periodOf(rule, file, subject) };
}

function ageAtDeath(subject: Subject | null): string {
  if (!subject?.dateOfDeath) return 'alive';
  if (!subject.dateOfBirth) return 'cannot be told';
  const { first, last } = daysOfBirth(subject.dateOfBirth);
  const { y, m, d } = dayOf(first);
  const from = isoOf({ y: y + 18, m, d: Math.min(d, daysInMonth(y + 18, m)) });
  const to = yearsOn(last, 18);
  if (subject.dateOfDeath < from) return 'before_18';
  if (subject.dateOfDeath > to) return 'after_18';
  return from === to ? 'on_18' : 'cannot be told';
}

function datesOf(file: CaseFile, subject: Subject | null): Record<string, string | null> {
  return {
    birth: subject?.dateOfBirth ? daysOfBirth(subject.dateOfBirth).last : null,
    death: subject?.dateOfDeath ?? null,
    adoption_order: file.adoptionOrderOn,
    withdrawal: file.withdrawnOn,
    closure: file.closedOn,
    approval_end: file.approvalEndedOn,
    notification: file.notifiedOn,
    financial_year_end: file.lastEntryOn === null ? null : marchAfter(file.lastEntryOn),
  };
}

function triggersOf({ from }: TimedRule): string[] {
  return typeof from === 'string' ? [from] : Object.values(from).flat();
}

function periodOf(rule: TimedRule, file: CaseFile, subject: Subject | null): LawPair['says'] {
  const dates = datesOf(file, subject);
  const there = triggersOf(rule).flatMap((trigger) => dates[trigger] ?? []);
  const missing = triggersOf(rule).filter((trigger) => dates[trigger] === null);
  const oneIsEnough = typeof rule.from !== 'string' && 'latest_known_of' in rule.from;
  if (missing.length > 0 && !(oneIsEnough && there.length > 0)) {
    const mayStillHappen = (trigger: string) => trigger === 'closure' || (trigger === 'approval_end' && file.closedOn === null);
    return missing.every(mayStillHappen) ? 'has not happened' : 'cannot be told';
  }
  const start = there.sort().at(-1) ?? '';
  return { start, until: yearsOn(start, rule.keep_years) };
}

type Decided = Pick<LawAnswer, 'outcome' | 'rule' | 'anchor_on' | 'retain_until' | 'action'>;

function combined(file: CaseFile, pairs: LawPair[], schedule: Schedule, asOf: string): Decided {
  const without = { rule: null, anchor_on: null, retain_until: null, action: null };
  const flagged = file.subjects.some((subject) => subject.posesRiskToChildren === true);
  const forEver = schedule.rules.find(
    (rule) =>
      pairs.some((pair) => pair.says === 'for ever' && pair.rule === rule) ||
      (flagged && 'permanent' in rule && rule.also_when_subject_poses_risk === true),
  );
  if (forEver) return { ...without, outcome: 'permanent', rule: forEver.id };
  if (contradicts(file, asOf) || pairs.some((pair) => pair.says === 'cannot be told')) return { ...without, outcome: 'undetermined' };
  if (pairs.some((pair) => pair.says === 'has not happened')) return { ...without, outcome: 'awaiting' };
  const ends = pairs.map(({ says, rule }) => ({
    ...(says as { start: string; until: string }),
    place: schedule.rules.indexOf(rule as Rule),
  }));
  // Told by one text each: the latest day, then the earliest row, then the latest anchor.
  const order = (end: (typeof ends)[number]) => `${end.until} ${String(99 - end.place).padStart(2, '0')} ${end.start}`;
  const last = ends.reduce((a, b) => (order(b) > order(a) ? b : a));
  const joins = pairs.some(({ rule, subject }) => rule && hasClause(rule) && subject?.knownToAdultServices === true);
  const alone = file.subjects.length === 1 && !isOf('adoption', file, schedule);
  return {
    outcome: 'expires',
    rule: schedule.rules[last.place]?.id ?? '',
    anchor_on: last.start,
    retain_until: last.until,
    action: !joins ? 'archive' : alone ? 'transfer_to_adult_file' : 'refer',
  };
}

function contradicts(file: CaseFile, asOf: string): boolean {
  const order = file.adoptionOrderOn;
  const ofPerson = file.subjects.some(({ dateOfBirth, dateOfDeath }) => {
    const born = dateOfBirth === null ? '0000' : daysOfBirth(dateOfBirth).first;
    return (
      (dateOfDeath ?? '9') < born || (order ?? '9') < born || (order !== null && dateOfDeath !== null && order > dateOfDeath) || born > asOf
    );
  });
  const days = [file.openedOn, file.closedOn, order, file.approvalEndedOn, file.notifiedOn, file.lastEntryOn, file.withdrawnOn];
  const deaths = file.subjects.map((subject) => subject.dateOfDeath);
  return (
    ofPerson ||
    (file.closedOn !== null && file.openedOn !== null && file.closedOn < file.openedOn) ||
    [...days, ...deaths].some((day) => day !== null && day > asOf)
  );
}

/** Later than any day where the order is not known; null where the law asks for nothing. */
function minimumUntil(file: CaseFile, { statutory_minimum: minimum }: Schedule): string | null {
  if (!minimum || !file.categories.includes(minimum.category)) return null;
  const order = file.adoptionOrderOn;
  if (order === null) return '9999-12-31';
  const reached = minimum.periods.filter((period) => (period.order_from ?? '0001-01-01') <= order);
  // Written newest first, as the schedule must: the latest of those that the order reaches.
  return reached[0] ? yearsOn(order, reached[0].years) : null;
}

function reviewOf(file: CaseFile, schedule: Schedule): string | null {
  if (!schedule.rules.some((rule) => 'review' in rule && rule.review && file.categories.includes(rule.category))) return null;
  const births = file.familyBirths.length > 0 ? file.familyBirths : file.subjects.map((subject) => subject.dateOfBirth);
  if (file.familyIncomplete || births.length === 0 || births.includes(null)) return null;
  return (
    births
      .map((birth) => yearsOn(daysOfBirth(birth ?? '').last, 18))
      .sort()
      .at(-1) ?? null
  );
}

function doubtfulBirth(birth: string, file: CaseFile, schedule: Schedule): boolean {
  return file.categories.some((category) => {
    const settings = schedule.categories[category];
    if (!settings?.child) return false;
    const last = daysOfBirth(birth).last;
    if (file.openedOn !== null && yearsOn(last, settings.adult_from_age) <= file.openedOn) return true;
    if (file.closedOn !== null && last > file.closedOn) return true;
    return ['0001-01-01', '1753-01-01', '1899-12-30', '1899-12-31', '1900-01-01', '1901-01-01'].includes(birth);
  });
}

function doubtfulDate(file: CaseFile, pairs: LawPair[], schedule: Schedule): boolean {
  const { openedOn } = file;
  const events = [file.approvalEndedOn, file.notifiedOn, file.lastEntryOn, file.withdrawnOn];
  if (openedOn !== null && events.some((day) => day !== null && yearsOn(day, 1) < openedOn)) return true;
  return pairs.some(({ rule, subject }) => {
    if (rule === null || 'permanent' in rule) return false;
    const dates = { ...datesOf(file, subject), financial_year_end: file.lastEntryOn, birth: null };
    const asked = JSON.stringify([triggersOf(rule), rule.when?.died ? 'death' : '', rule.when?.any_of ?? []]);
    const read = Object.entries(dates).filter(
      ([name]) => asked.includes(`"${name}"`) || asked.includes({ death: '"died"', withdrawal: '"withdrawn"' }[name] ?? '"no such"'),
    );
    return read.some(([, day]) => day !== null && schedule.placeholders.includes(day));
  });
}

function cautionsOf(
  file: CaseFile,
  pairs: LawPair[],
  { outcome, rule, retain_until: until }: Decided,
  schedule: Schedule,
  asOf: string,
  minimumStands: boolean,
): string[] {
  const reading = schedule.rules.find((one) => one.id === rule)?.interpretation;
  const readsBirth = (one: Rule) => 'from' in one && (triggersOf(one).includes('birth') || one.when?.died !== undefined);
  const alive = { ...file, subjects: file.subjects.map((subject) => ({ ...subject, dateOfDeath: null })) };
  const shortens = () => {
    const { retain_until: living } = byLaw(alive, schedule, asOf);
    return living === null || living > (until ?? '');
  };
  const said: [boolean, string][] = [
    [reading?.confirmed === false, 'interpretation'],
    [pairs.some(({ rule: own, subject }) => own && readsBirth(own) && (subject?.dateOfBirth?.length ?? 10) < 10), 'estimated_birth'],
    [outcome === 'expires' && file.subjects.some((subject) => subject.dateOfDeath !== null) && shortens(), 'death_shortens'],
    [pairs.some(({ rule: own, subject }) => own && hasClause(own) && subject?.knownToAdultServices === null), 'adult_services_unknown'],
    [file.originalsHeld === true, 'originals_held'],
    [file.subjects.length > 1, 'several_subjects'],
    [isOf('adopters', file, schedule) && file.childPlaced !== false, 'child_placed'],
    [file.medium === 'paper' || file.medium === 'both', 'paper'],
    [minimumStands && schedule.statutory_minimum?.effect === 'caution', 'statutory_minimum'],
  ];
  return said.flatMap(([holds, word]) => (holds ? [word] : []));
}

function hasClause(rule: Rule): boolean {
  return 'adult_services_clause' in rule && rule.adult_services_clause === true;
}
