/** What falls due in days and years to come, and what another day would change: over all files at once, from what is known now. */
import type { Knex } from 'knex';
import { addDays, type IsoDate } from '../rules/dates.ts';
import type { Outcome } from '../rules/determine.ts';
import type { Schedule } from '../rules/schedule.ts';
import { calculationSql, decodedRank } from './calculate.ts';
import { DUE_FILES } from './candidacy.ts';
import type { Page } from './listPages.ts';

/** The files of a rule that have a date: files = due + later. */
export interface ComingFigures {
  rule: string;
  files: number;
  due: number;
  later: number;
  /** Of `later`, those due within so many days, in the order asked; each counts those before it too. */
  within: number[];
}

/** Files with a date, by rule, and how many of them fall due within these days after `asOf`. */
export async function comingDue(db: Knex, asOf: IsoDate, days: readonly number[]): Promise<ComingFigures[]> {
  const counts = days.map(
    (_, i) => `count(*) filter (where not (${DUE_FILES}) and eligible_from <= cast(:day${i} as date))::int as within${i}`,
  );
  const result = await db.raw<{ rows: ({ rule: string; files: number; due: number } & Record<string, number>)[] }>(
    `select rule, count(*)::int as files, ${[`count(*) filter (where ${DUE_FILES})::int as due`, ...counts].join(', ')}
     from determinations d where outcome = 'expires' group by rule order by rule`,
    { asOf, ...Object.fromEntries(days.map((day, i) => [`day${i}`, addDays(asOf, day)])) },
  );
  return result.rows.map((row) => ({
    rule: row.rule,
    files: row.files,
    due: row.due,
    later: row.files - row.due,
    within: days.map((_, i) => row[`within${i}`] ?? 0),
  }));
}

/** Files of a rule by when they fall due; `year` is null for those that are due now. */
export interface YearFigures {
  year: number | null;
  rule: string;
  files: number;
}

/** Every file with a date once: due now, or in the calendar year in which it falls due. By year and rule, years without a file left out. */
export async function dueByYear(db: Knex, asOf: IsoDate): Promise<YearFigures[]> {
  const result = await db.raw<{ rows: YearFigures[] }>(
    `select case when not (${DUE_FILES}) then extract(year from eligible_from)::int end as year, rule, count(*)::int as files
     from determinations d where outcome = 'expires' group by 1, 2 order by 1 nulls first, 2`,
    { asOf },
  );
  return result.rows;
}

/** What becomes of a date: earlier or later than now, a date where there was none, or none where there was one. */
export const DATE_MOVES = ['earlier', 'later', 'dated', 'undated'] as const;
export type DateMove = (typeof DATE_MOVES)[number];

/** A day to come, and the schedule that is in force on it as far as is known now. */
export interface OtherDay {
  asOf: IsoDate;
  on: IsoDate;
  schedule: Schedule;
}

export type MoveFigures = Record<DateMove | 'due_now' | 'due_then' | 'newly_due', number> & { rule: string };

/** By rule, those of no file left out: files due now, due on that day, newly due by then, and whose date would move. A date that is lost counts under its rule of now. */
export async function otherDayByRule(db: Knex, day: OtherDay): Promise<MoveFigures[]> {
  const moved = DATE_MOVES.map((move) => `coalesce(sum(v.files) filter (where v.move = '${move}'), 0)::int as ${move}`);
  const result = await db.raw<{ rows: MoveFigures[] }>(
    `with ${comparedSql(day.schedule)},
     alike as (select rule_now, rule_then, is_due_now, is_due_then, move, count(*) as files from compared group by 1, 2, 3, 4, 5)
     select v.rule, coalesce(sum(v.files) filter (where v.due_now), 0)::int as due_now,
       coalesce(sum(v.files) filter (where v.due_then), 0)::int as due_then,
       coalesce(sum(v.files) filter (where v.newly_due), 0)::int as newly_due, ${moved.join(', ')}
     from alike a cross join lateral (values
       (a.rule_now, a.files, a.is_due_now, false, false, case when a.move = 'undated' then a.move end),
       (a.rule_then, a.files, false, a.is_due_then, a.is_due_then and not a.is_due_now, case when a.move <> 'undated' then a.move end)
     ) v (rule, files, due_now, due_then, newly_due, move)
     where v.rule is not null group by v.rule
     having bool_or(v.due_now or v.due_then or v.move is not null) order by v.rule`,
    bindingsOf(day),
  );
  return result.rows;
}

export const OTHER_DAY_FILES = ['newly_due', ...DATE_MOVES] as const;
export type OtherDayFiles = (typeof OTHER_DAY_FILES)[number];

export interface OtherDayFile {
  file_ref: string;
  outcome_now: Outcome;
  outcome_then: Outcome;
  rule_now: string | null;
  rule_then: string | null;
  retain_until_now: IsoDate | null;
  retain_until_then: IsoDate | null;
  move: DateMove | null;
}

/** The last day a file is kept, and its reference: the key by which tables go on. */
export interface FileKey {
  retainUntil: IsoDate;
  fileRef: string;
}

/** Files that would be newly due on that day, or whose date would move so; the oldest date first. */
export async function otherDayFiles(
  db: Knex,
  day: OtherDay,
  { which, rule, after }: { which: OtherDayFiles; rule?: string | undefined; after?: FileKey | undefined },
  limit: number,
): Promise<Page<OtherDayFile>> {
  const wanted = which === 'newly_due' ? 'is_due_then and not is_due_now' : `move = '${which}'`;
  const result = await db.raw<{ rows: OtherDayFile[] }>(
    `with ${comparedSql(day.schedule)}
     select file_ref, outcome_now, outcome_then, rule_now, rule_then, retain_until_now, retain_until_then, move from compared
     where ${wanted} and (cast(:rule as text) is null or coalesce(rule_then, rule_now) = :rule)
       and (cast(:after as date) is null or (${KEY}, file_ref) > (cast(:after as date), :afterRef))
     order by ${KEY}, file_ref limit :limit`,
    { ...bindingsOf(day), rule: rule ?? null, after: after?.retainUntil ?? null, afterRef: after?.fileRef ?? '', limit: limit + 1 },
  );
  return { rows: result.rows.slice(0, limit), more: result.rows.length > limit };
}

/** The key of a file in the order of `otherDayFiles`. */
export function otherDayKey({ retain_until_then, retain_until_now, file_ref }: OtherDayFile): FileKey {
  return { retainUntil: retain_until_then ?? retain_until_now ?? 'infinity', fileRef: file_ref };
}

const KEY = "coalesce(retain_until_then, retain_until_now, 'infinity')";

function bindingsOf({ asOf, on, schedule }: OtherDay): { asOf: IsoDate; today: IsoDate; version: string } {
  // The calculation reads :asOf as the day it works for, which here is the day to come.
  return { asOf: on, today: asOf, version: schedule.version };
}

/**
 * The table expression `compared`: every file with its determination of now and of then. Only files that another day can
 * change are calculated anew: those determined by another version of the schedule, and those with a date in the future.
 */
function comparedSql(schedule: Schedule): string {
  const changeable = `exists (select from determinations d where d.file_ref = f.file_ref
    and (d.schedule_version <> :version or d.reason = 'date_in_future'))`;
  const [sole, several] = calculationSql(schedule, changeable);
  return `
    recalculated as materialized (select x.file_ref, ${decodedRank(schedule)} from (${sole} union all ${several}) x),
    compared as (
      select *,
        case
          when outcome_then = 'expires' and (retain_until_then < retain_until_now or outcome_now = 'permanent') then 'earlier'
          when outcome_now = 'expires' and (retain_until_then > retain_until_now or outcome_then = 'permanent') then 'later'
          when outcome_then = 'expires' and outcome_now <> 'expires' then 'dated'
          when outcome_now = 'expires' and outcome_then <> 'expires' then 'undated'
        end as move,
        coalesce(retain_until_now < cast(:today as date), false) as is_due_now,
        coalesce(retain_until_then < cast(:asOf as date), false) as is_due_then
      from (
        select d.file_ref, d.outcome as outcome_now, d.rule as rule_now, d.retain_until as retain_until_now,
          coalesce(r.outcome, d.outcome) as outcome_then,
          case when r.file_ref is null then d.rule else r.rule end as rule_then,
          case when r.file_ref is null then d.retain_until else r.retain_until end as retain_until_then
        from determinations d left join recalculated r on r.file_ref = d.file_ref) sides)`;
}
