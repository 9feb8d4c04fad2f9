/** The set-based calculation as one statement: every file's rank, action and review date, from the facts as they stand. */
import type { Knex } from 'knex';
import { CONTRADICTIONS, GAPS, WAITS } from '../rules/determine.ts';
import type { IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { isOfKindSql, textArray } from './categorySql.ts';
import { compileSchedule, RANK_CLASS } from './compile.ts';
import { askPrepared } from './prepared.ts';

/** A determination as the set-based calculation has it; no dates, rule or action but where the outcome has them. */
export interface BulkDetermination {
  file_ref: string;
  outcome: string;
  rule: string | null;
  anchor_on: IsoDate | null;
  retain_until: IsoDate | null;
  action: string | null;
  review_on: IsoDate | null;
  reason: string | null;
}

/**
 * Two selects of (file_ref, rank, action, and what the action rests on) that together give every file once: files with at most one subject, joined
 * straight to that person, and files with several, grouped. Apart, and without the review dates, so that both run in
 * parallel. Parameter :asOf; `where` narrows `f`.
 */
export function calculationSql(schedule: Schedule, where = 'true'): [soleSubject: string, severalSubjects: string] {
  const { rank, adultServicesClause } = compileSchedule(schedule);
  const sole = `
    select f.file_ref, x.rank, ${actionSql(schedule, 'x.rank', 'x.clause', 'f')} as action, x.clause, f.categories, f.subject_refs
    from case_files f
    left join people p on p.person_ref = f.subject_refs[1]
    cross join lateral (select ${rank} as rank, ${adultServicesClause} as clause) x
    where cardinality(f.subject_refs) <= 1 and (${where})`;
  const several = `
    select g.file_ref, g.rank, ${actionSql(schedule, 'g.rank', 'g.clause', 'g')} as action, g.clause, g.categories, g.subject_refs
    from (
      select f.file_ref, f.categories, f.subject_refs, max(${rank}) as rank, bool_or(${adultServicesClause}) as clause
      from case_files f
      cross join lateral unnest(f.subject_refs) s
      join people p on p.person_ref = s
      where cardinality(f.subject_refs) > 1 and (${where})
      group by f.file_ref) g`;
  return [sole, several];
}

/** (file_ref, review_on): the latest 18th birthday among the family's children, or the subjects where it has none. */
export function reviewsSql(schedule: Schedule, where = 'true'): string {
  const { reviewed } = compileSchedule(schedule);
  return `
    select f.file_ref,
      case when bool_and(p.birth_latest is not null) and not bool_or(q.incomplete)
        then max(anniversary(p.birth_latest, interval '18 years')) end as review_on
    from case_files f
    left join lateral (select child_ref from families where family_ref = f.family_ref
                       union all
                       select s from unnest(f.subject_refs) s where not exists (select from families where family_ref = f.family_ref)) c on true
    left join people p on p.person_ref = c.child_ref
    cross join lateral (select exists (select from quarantine where source = 'families.csv' and ref = f.family_ref) as incomplete) q
    where (${reviewed}) and (${where})
    group by f.file_ref`;
}

/** Columns of `determinations` out of a rank `x.rank`. */
export function decodedRank(schedule: Schedule): string {
  const { expires, awaiting, gap, contradiction, permanent } = RANK_CLASS;
  const ruleIds = textArray(schedule.rules.map((rule) => rule.id));
  const reason = (words: readonly string[]) => `(${textArray([...words].reverse())})[rank_weight(x.rank)]`;
  return `
    case rank_class(x.rank) when ${expires} then 'expires' when ${awaiting} then 'awaiting' when ${permanent} then 'permanent' else 'undetermined' end as outcome,
    case when rank_class(x.rank) in (${expires}, ${permanent}) then (${ruleIds})[rank_rule_place(x.rank) + 1] end as rule,
    case when rank_class(x.rank) = ${expires} then rank_anchor_on(x.rank) end as anchor_on,
    case when rank_class(x.rank) = ${expires} then rank_retain_until(x.rank) end as retain_until,
    case rank_class(x.rank) when ${awaiting} then ${reason(WAITS)} when ${gap} then ${reason(GAPS)} when ${contradiction} then ${reason(CONTRADICTIONS)} end as reason`;
}

/** What the set-based calculation says of these files now, whatever is stored. */
export async function calculateInBulk(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  fileRefs: readonly string[],
): Promise<BulkDetermination[]> {
  const chosen = 'f.file_ref = any(:fileRefs)';
  const [sole, several] = calculationSql(schedule, chosen);
  return askPrepared<BulkDetermination>(
    db,
    `with reviews as (${reviewsSql(schedule, chosen)}), x as (${sole} union all ${several})
     select x.file_ref, x.action, r.review_on, ${decodedRank(schedule)} from x left join reviews r using (file_ref)`,
    { asOf, fileRefs },
  );
}

/** The action, from a rank and whether the Adult Services clause applies to a row with categories and subjects. */
export function actionSql(schedule: Schedule, rank: string, clause: string, file: string): string {
  return `case when rank_class(${rank}) <> ${RANK_CLASS.expires} then null
      when not ${clause} then 'archive'
      when cardinality(${file}.subject_refs) = 1 and not ${isOfKindSql(schedule, file, 'adoption')} then 'transfer_to_adult_file'
      else 'refer' end`;
}
