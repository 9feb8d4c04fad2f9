/** The figures of the last night's report, kept for every page that counts the register: written once a night, by what writes the report. */
import type { Knex } from 'knex';
import { addDays, type IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { readEvents, verifyChain, type ChainState } from './audit.ts';
import { headsNotedByRuns } from './auditPages.ts';
import { requireEqual, retentionFigures, type RetentionFigures } from './figures.ts';
import { comingDue, dueByYear, type ComingFigures, type YearFigures } from './forecast.ts';
import { OVERDUE_BORDERS, overRetained, permanentByRule, type OverRetainedFigures } from './overview.ts';

/** Days ahead of which the report counts. */
export const DAYS_AHEAD = [30, 90, 365] as const;

/** What the figures are, each by its own name. */
export interface NightFigures {
  retention: RetentionFigures;
  /** Of the days of DAYS_AHEAD. */
  coming: ComingFigures[];
  years: YearFigures[];
  /** By the bands of OVERDUE_BORDERS. */
  over_retained: OverRetainedFigures[];
  permanent: { rule: string; files: number }[];
  /** Files by category; one with several counts in each. */
  categories: { category: string; files: number }[];
  /** Whether the audit was whole, and how many heads of earlier reports were found in their places. */
  chain: ChainState & { nights: number };
}

/** Which night figures are of. */
export interface FiguresNight {
  as_of: IsoDate;
  schedule_version: string;
}

/** All of them, in the snapshot given. Throws when they do not add up. */
export async function countNight(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate): Promise<NightFigures> {
  const retention = await retentionFigures(trx, schedule, asOf);
  const heads = await headsNotedByRuns(trx);
  const figures: NightFigures = {
    retention,
    coming: await comingDue(trx, asOf, DAYS_AHEAD),
    years: await dueByYear(trx, asOf),
    over_retained: await overRetained(trx, schedule, asOf, OVERDUE_BORDERS),
    permanent: await permanentByRule(trx),
    categories: await byCategory(trx),
    chain: { ...(await verifyChain(readEvents(trx), heads)), nights: heads.length },
  };
  requireAgreement(figures);
  return figures;
}

/** Keeps them in place of those of the night before. */
export async function keepNight(db: Knex, figures: NightFigures): Promise<void> {
  const { asOf, scheduleVersion } = figures.retention;
  const columns = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, JSON.stringify(value)]));
  const row = { as_of: asOf, schedule_version: scheduleVersion, ...columns };
  await db('night_figures')
    .insert({ only_row: true, ...row })
    .onConflict('only_row')
    .merge({ ...row, made_at: db.fn.now() });
}

/** Some of the figures and the night they are of; null before the first night. */
export async function figuresOfNight<Name extends keyof NightFigures>(
  db: Knex,
  ...names: readonly Name[]
): Promise<(FiguresNight & Pick<NightFigures, Name>) | null> {
  const rows: unknown[] = await db('night_figures').select('as_of', 'schedule_version', ...names);
  return (rows[0] as (FiguresNight & Pick<NightFigures, Name>) | undefined) ?? null;
}

/** The last of the days counted ahead of a night. */
export function daysAheadOf({ as_of }: FiguresNight): { count: number; on: IsoDate }[] {
  return DAYS_AHEAD.map((count) => ({ count, on: addDays(as_of, count) }));
}

async function byCategory(trx: Knex.Transaction): Promise<NightFigures['categories']> {
  const result = await trx.raw<{ rows: NightFigures['categories'] }>(
    'select category, count(*)::int as files from (select unnest(categories) as category from case_files) c group by category order by category',
  );
  return result.rows;
}

/** What several reports count must be the same in each. */
function requireAgreement({ retention: { outcomes, totals }, coming, years, over_retained, permanent }: NightFigures): void {
  const files = (rows: readonly { files: number }[]) => rows.reduce((sum, row) => sum + row.files, 0);
  requireEqual('files with a date', outcomes.expires, files(coming));
  requireEqual('files with a date', outcomes.expires, files(years));
  requireEqual('permanent files', totals.permanent, files(permanent));
  requireEqual('due files on no list', totals.candidates + totals.cannotBeListed, files(over_retained));
}
