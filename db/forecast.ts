/** What falls due in days and years to come: over all files at once, from what is known now. */
import type { Knex } from 'knex';
import { addDays, type IsoDate } from '../rules/dates.ts';
import { DUE_FILES } from './candidacy.ts';

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
