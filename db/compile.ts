/**
 * The schedule compiled to SQL expressions: the set-based calculation. It reads a row `f` of case_files and a row `p` of
 * people (all null where a file has no subject) and shares nothing with the evaluator in `rules/` but schedule and facts.
 */
import { CONTRADICTIONS, GAPS, WAITS, type Gap } from '../rules/determine.ts';
import {
  PLACEHOLDER_BIRTHS,
  rulesOf,
  type Rule,
  type RuleCondition,
  type Schedule,
  type TimedRule,
  type Trigger,
} from '../rules/schedule.ts';
import { inCategory, textArray } from './categorySql.ts';

/** Classes of a rank, from the weakest to the one that wins; see the migration that defines the rank. */
export const RANK_CLASS = { expires: 1, awaiting: 2, gap: 3, contradiction: 4, permanent: 5 } as const;

/** A case file never has more categories than the schedule, so each is one branch of a `greatest`. */
export interface CompiledSchedule {
  schedule: Schedule;
  /** bigint: the greatest rank of this file's pairs with this subject, contradictions and risk included. */
  rank: string;
  /** bigint: the same over the pairs alone, had no death been recorded. */
  rankHadNobodyDied: string;
  /** boolean: the subject is known to Adult Services and has a pair under a rule with that clause. */
  adultServicesClause: string;
  /** boolean: as above, but it is not recorded whether the subject is known. */
  adultServicesUnknown: string;
  /** boolean: the birth is known in part and a rule of this subject reads it. */
  estimatedBirth: string;
  /** boolean: the birth can hardly be that of the child the file is about. */
  doubtfulBirth: string;
  /** boolean: a date that a rule of this subject reads is a placeholder, or an event of the case lies long before it was opened. */
  doubtfulDate: string;
  /** boolean, of `f` alone: the file's categories ask for closure and it is open. */
  open: string;
  /** date or null, of `f` alone: last day the law asks for; infinity where that cannot be told. */
  statutoryMinimum: string;
  /** boolean, of `f` alone: the file is reviewed when the family's youngest child comes of age. */
  reviewed: string;
}

/** Compiles the schedule. Pure text: categories, rule places, years and dates come from the checked schedule alone. */
export function compileSchedule(schedule: Schedule): CompiledSchedule {
  const timed = schedule.rules.filter((rule): rule is TimedRule => !('permanent' in rule));
  const underClause = anyOf(timed.filter((rule) => rule.adult_services_clause).map((rule) => pairIsUnder(schedule, rule)));
  return {
    schedule,
    rank: `greatest(${[riskRank(schedule), ...contradictionRanks(), ...pairRanks(schedule, 'p.date_of_death')].join(',\n    ')})`,
    rankHadNobodyDied: `greatest(${pairRanks(schedule, 'null::date').join(',\n    ')})`,
    adultServicesClause: `coalesce(p.known_to_adult_services and (${underClause}), false)`,
    adultServicesUnknown: `(p.person_ref is not null and p.known_to_adult_services is null and (${underClause}))`,
    estimatedBirth: `coalesce(length(p.date_of_birth) < 10 and (${anyOf(timed.filter((rule) => columnsRead(rule).includes(BIRTH)).map((rule) => pairIsUnder(schedule, rule)))}), false)`,
    doubtfulBirth: doubtfulBirth(schedule),
    doubtfulDate: doubtfulDate(schedule, timed),
    open: `(f.closed_on is null and ${inCategory(schedule, ...unique(schedule.rules.filter((r) => r.requires_closure).map((r) => r.category)))})`,
    statutoryMinimum: statutoryMinimum(schedule),
    reviewed: anyOf(timed.filter((rule) => rule.review).map((rule) => inCategory(schedule, rule.category))),
  };
}

function pairRanks(schedule: Schedule, died: string): string[] {
  return Object.keys(schedule.categories).map(
    (category) => `case when ${inCategory(schedule, category)} then ${categoryRank(schedule, category, died)} end`,
  );
}

function categoryRank(schedule: Schedule, category: string, died: string): string {
  const rules = rulesOf(schedule, category);
  const branches = rules.flatMap((rule) => {
    if (!('when' in rule) || !rule.when) return [];
    return [
      ...(rule.when.died ? [`when ${ageUnclear(rule.when, died)} then ${gapRank('age_at_death_unclear')}`] : []),
      `when ${holds(rule.when, died)} then ${ruleRank(schedule, rule, died)}`,
    ];
  });
  const base = rules.at(-1);
  if (!base) throw new Error(`Category ${category} has no rule.`);
  return branches.length === 0 ? ruleRank(schedule, base, died) : `case ${branches.join(' ')} else ${ruleRank(schedule, base, died)} end`;
}

function ruleRank(schedule: Schedule, rule: Rule, died: string): string {
  const place = schedule.rules.indexOf(rule);
  if ('permanent' in rule) return `rank_without_date(${RANK_CLASS.permanent}, 0, ${place})`;
  const { from } = rule;
  const triggers = triggersOf(from);
  const dates = triggers.map((trigger) => triggerColumn(trigger, died));
  const anchor = dates.length === 1 ? dates.join() : `greatest(${dates.join(', ')})`;
  const expiry = `rank_of_expiry(anniversary(${anchor}, interval '${rule.keep_years} years'), ${place}, ${anchor})`;
  const onlyIfNoneIsKnown = typeof from !== 'string' && 'latest_known_of' in from;
  const missing = triggers.map(
    (trigger, i) => `when ${onlyIfNoneIsKnown ? `${anchor} is null` : `${dates[i]} is null`} then ${missingRank(trigger)}`,
  );
  return `case ${weightiestFirst(triggers, missing).join(' ')} else ${expiry} end`;
}

/**
 * A missing date is a gap (class 3), or an event that has not happened (class 2); gaps are asked for first. A missing end of
 * approval is the one or the other; beside a missing closure it can only be an event that has not happened.
 */
function weightiestFirst(triggers: Trigger[], branches: string[]): string[] {
  const weight = (trigger: Trigger) => {
    if (trigger === 'closure') return GAPS.length + WAITS.indexOf('not_closed');
    return triggers.includes('closure') && trigger === 'approval_end'
      ? GAPS.length + WAITS.indexOf('approval_not_ended')
      : GAPS.indexOf(GAP_OF[trigger]);
  };
  return triggers
    .map((trigger, i) => ({ weight: weight(trigger), branch: branches[i] ?? '' }))
    .sort((a, b) => a.weight - b.weight)
    .map((b) => b.branch);
}

const GAP_OF: Record<Exclude<Trigger, 'closure'>, Gap> = {
  birth: 'birth_unknown',
  death: 'death_unknown',
  adoption_order: 'order_unknown',
  withdrawal: 'withdrawal_unknown',
  approval_end: 'approval_end_unknown',
  notification: 'notification_unknown',
  financial_year_end: 'last_entry_unknown',
};

function missingRank(trigger: Trigger): string {
  if (trigger === 'closure') return waitRank('not_closed');
  if (trigger === 'approval_end')
    return `case when f.closed_on is null then ${waitRank('approval_not_ended')} else ${gapRank('approval_end_unknown')} end`;
  return gapRank(GAP_OF[trigger]);
}

function triggersOf(from: TimedRule['from']): Trigger[] {
  if (typeof from === 'string') return [from];
  return 'latest_of' in from ? from.latest_of : from.latest_known_of;
}

function triggerColumn(trigger: Trigger, died: string): string {
  const columns: Record<Trigger, string> = {
    birth: BIRTH,
    death: died,
    adoption_order: 'f.adoption_order_on',
    withdrawal: 'f.withdrawn_on',
    closure: 'f.closed_on',
    approval_end: 'f.approval_ended_on',
    notification: 'f.notified_on',
    financial_year_end: 'financial_year_end(f.last_entry_on)',
  };
  return columns[trigger];
}

function holds(when: RuleCondition, died: string): string {
  const parts = circumstances(when, died);
  if (when.died === 'before_18') parts.push(`coalesce(${died} < ${BIRTHDAY_18.earliest}, false)`);
  if (when.died === 'after_18') parts.push(`coalesce(${died} > ${BIRTHDAY_18.latest}, false)`);
  return `(${parts.join(' and ')})`;
}

/** The death cannot be placed before or after the 18th birthday, because the birth is not known or not exactly. */
function ageUnclear(when: RuleCondition, died: string): string {
  const { earliest, latest } = BIRTHDAY_18;
  const within = `(${earliest} < ${latest} and ${died} between ${earliest} and ${latest})`;
  return `(${[...circumstances(when, died), `${died} is not null`, `(p.birth_latest is null or ${within})`].join(' and ')})`;
}

function circumstances(when: RuleCondition, died: string): string[] {
  const parts: string[] = [];
  if (when.child_placed) parts.push('f.child_placed is false');
  if (when.any_of) parts.push(`(${when.any_of.map((event) => `${event === 'died' ? died : 'f.withdrawn_on'} is not null`).join(' or ')})`);
  return parts;
}

/** Periods run from the last day on which the birth can have been. */
const BIRTH = 'p.birth_latest';

const BIRTHDAY_18 = {
  earliest: "(p.birth_earliest + interval '18 years')::date",
  latest: "anniversary(p.birth_latest, interval '18 years')",
};

/** True when this rule is the one of its category for (f, p). */
function pairIsUnder(schedule: Schedule, rule: TimedRule): string {
  const rules = rulesOf(schedule, rule.category);
  const before = rules.slice(0, rules.indexOf(rule)).flatMap((other) => ('when' in other && other.when ? [other.when] : []));
  const passedOver = before.flatMap((when) => [
    `not ${holds(when, 'p.date_of_death')}`,
    ...(when.died ? [`not ${ageUnclear(when, 'p.date_of_death')}`] : []),
  ]);
  const own = rule.when
    ? [holds(rule.when, 'p.date_of_death'), ...(rule.when.died ? [`not ${ageUnclear(rule.when, 'p.date_of_death')}`] : [])]
    : [];
  return `(${[inCategory(schedule, rule.category), ...passedOver, ...own].join(' and ')})`;
}

/** The columns that decide under this rule, by its period or by its condition. */
function columnsRead({ from, when }: TimedRule): string[] {
  const columns = triggersOf(from).map((trigger) =>
    trigger === 'financial_year_end' ? 'f.last_entry_on' : triggerColumn(trigger, 'p.date_of_death'),
  );
  if (when?.died) columns.push(BIRTH, 'p.date_of_death');
  for (const event of when?.any_of ?? []) columns.push(event === 'died' ? 'p.date_of_death' : 'f.withdrawn_on');
  return unique(columns);
}

function riskRank(schedule: Schedule): string {
  const place = schedule.rules.findIndex((rule) => 'permanent' in rule && rule.also_when_subject_poses_risk);
  return place < 0 ? 'null::bigint' : `case when p.poses_risk_to_children then rank_without_date(${RANK_CLASS.permanent}, 0, ${place}) end`;
}

/** Contradictory is exactly these; the parameter :asOf is the business date. */
function contradictionRanks(): string[] {
  const found: Record<(typeof CONTRADICTIONS)[number], string> = {
    died_before_birth: 'p.date_of_death < p.birth_earliest',
    order_before_birth: 'f.adoption_order_on < p.birth_earliest',
    order_after_death: 'f.adoption_order_on > p.date_of_death',
    closed_before_opened: 'f.closed_on < f.opened_on',
    date_in_future: `greatest(f.opened_on, f.closed_on, f.adoption_order_on, f.approval_ended_on, f.notified_on, f.last_entry_on, f.withdrawn_on,
      p.birth_earliest, p.date_of_death) > cast(:asOf as date)`,
  };
  return CONTRADICTIONS.map(
    (name, i) => `case when ${found[name]} then rank_without_date(${RANK_CLASS.contradiction}, ${CONTRADICTIONS.length - i}, 63) end`,
  );
}

function doubtfulBirth(schedule: Schedule): string {
  const children = Object.entries(schedule.categories).flatMap(([category, settings]) =>
    settings.child ? [{ category, adult: settings.adult_from_age }] : [],
  );
  if (children.length === 0) return 'false';
  const adultWhenOpened = children.map(
    ({ category, adult }) =>
      `(${inCategory(schedule, category)} and anniversary(p.birth_latest, interval '${adult} years') <= f.opened_on)`,
  );
  const isChilds = inCategory(schedule, ...children.map((child) => child.category));
  return `coalesce(${isChilds} and (${anyOf(adultWhenOpened)}), false)
    or coalesce(${isChilds} and p.birth_latest > f.closed_on, false)
    or coalesce(${isChilds} and p.date_of_birth = any(${textArray(PLACEHOLDER_BIRTHS)}), false)`;
}

function doubtfulDate(schedule: Schedule, timed: TimedRule[]): string {
  const days = `(${schedule.placeholders.map((day) => `date '${day}'`).join(', ')})`;
  const read = timed.flatMap((rule) => {
    const dates = columnsRead(rule).filter((column) => column !== BIRTH);
    if (dates.length === 0) return [];
    return [`(${pairIsUnder(schedule, rule)} and (${anyOf(dates.map((date) => `coalesce(${date} in ${days}, false)`))}))`];
  });
  return `(${anyOf([
    ...read,
    "coalesce(anniversary(least(f.approval_ended_on, f.notified_on, f.last_entry_on, f.withdrawn_on), interval '1 year') < f.opened_on, false)",
  ])})`;
}

function statutoryMinimum(schedule: Schedule): string {
  const { statutory_minimum: minimum } = schedule;
  if (!minimum) return 'null::date';
  const periods = minimum.periods.map(
    (period) => `when ${period.order_from ? `f.adoption_order_on >= date '${period.order_from}'` : 'true'}
      then anniversary(f.adoption_order_on, interval '${period.years} years')`,
  );
  return `case when not ${inCategory(schedule, minimum.category)} then null when f.adoption_order_on is null then 'infinity'::date ${periods.join(' ')} end`;
}

function gapRank(gap: Gap): string {
  return `rank_without_date(${RANK_CLASS.gap}, ${GAPS.length - GAPS.indexOf(gap)}, 63)`;
}

function waitRank(wait: (typeof WAITS)[number]): string {
  return `rank_without_date(${RANK_CLASS.awaiting}, ${WAITS.length - WAITS.indexOf(wait)}, 63)`;
}

function anyOf(conditions: string[]): string {
  return conditions.length === 0 ? 'false' : conditions.join(' or ');
}

function unique(words: string[]): string[] {
  return [...new Set(words)];
}
