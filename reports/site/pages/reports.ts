/** Reports of counts: retention by rule as the night reports it, what falls due soon, and the forecast by year with its chart. */
import { NotAccountedFor } from '../../../db/compute.ts';
import { inOneMoment, retentionFigures, type RuleFigures } from '../../../db/figures.ts';
import { comingDue, dueByYear, type YearFigures } from '../../../db/forecast.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { addDays } from '../../../rules/dates.ts';
import { BLOCKS } from '../../../rules/checks.ts';
import { BLOCK_WORDS } from '../../../rules/words.ts';
import { accountsInWords, retentionReportRows, RETENTION_COLUMNS } from '../../retentionReport.ts';
import { barChart } from '../chart.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { clauseOf, csvDownload, marks, reportLinks, rulesIn, shownTable, type Cell } from '../tables.ts';

export const reportRoutes: readonly Route[] = [
  { method: 'GET', url: '/reports', needs: 'read', handler: byRulePage },
  { method: 'GET', url: '/reports/retention.csv', needs: 'read', handler: byRuleCsv },
  { method: 'GET', url: '/reports/due', needs: 'read', handler: duePage },
  { method: 'GET', url: '/reports/due.csv', needs: 'read', handler: dueCsv },
  { method: 'GET', url: '/reports/forecast', needs: 'read', handler: forecastPage },
  { method: 'GET', url: '/reports/forecast.csv', needs: 'read', handler: forecastCsv },
];

/** Days ahead of which the report counts. */
export const DAYS_AHEAD = [30, 90, 365] as const;

/** Years of which the chart has a bar of their own; the table has them all. */
const YEARS_DRAWN = 30;

async function byRulePage(visit: SignedVisit): Promise<Answer> {
  const figures = await figuresNow(visit);
  const links = reportLinks('/reports');
  if (figures === null) return page('reports', 'Retention by rule', { links, figures: null });
  const numbers = ({
    files,
    permanent,
    notDue,
    due,
    candidates,
    onList,
    cannotBeListed,
    archived,
  }: Omit<RuleFigures, 'rule' | 'clause'>) => [files, permanent, notDue, due, candidates, onList, cannotBeListed, archived];
  const heads = [
    'Rule',
    '#Files',
    '#Permanent',
    '#Not due yet',
    '#Due',
    '#Can be listed',
    '#On a list',
    '#Cannot be listed',
    '#Archived so far',
  ];
  return page('reports', 'Retention by rule', {
    links,
    figures,
    accounts: accountsInWords(figures),
    byRule: shownTable(
      'Files by the rule that decides',
      heads,
      figures.rules.map((rule) => [rule.clause || rule.rule, ...numbers(rule)]),
      { total: ['All rules', ...numbers(figures.totals)], csv: '/reports/retention.csv' },
    ),
    reasons: shownTable(
      'Files without a date',
      ['Reason', '#Files'],
      figures.reasons.map(({ words, files }) => [words, files]),
    ),
    blocks: shownTable(
      'Due files that are blocked',
      ['Reason', '#Files'],
      BLOCKS.filter((block) => figures.totals.blockedBy[block] > 0).map((block) => [BLOCK_WORDS[block], figures.totals.blockedBy[block]]),
    ),
  });
}

async function byRuleCsv(visit: SignedVisit): Promise<Answer> {
  const figures = await figuresNow(visit);
  if (figures === null) return page('reports', 'Retention by rule', { links: reportLinks('/reports'), figures: null }, 409);
  return csvDownload(visit, 'retention-report', RETENTION_COLUMNS, retentionReportRows(figures, visit.site.kind === 'rehearsal'));
}

/** The night's figures, or null while they do not add up: after an import or a change of the schedule, until the next night. */
async function figuresNow({ db, asOf, site }: SignedVisit) {
  try {
    return await retentionFigures(db, await scheduleInForce(db, asOf), asOf);
  } catch (error) {
    if (!(error instanceof NotAccountedFor)) throw error;
    site.log.warn({ error: error.message }, 'figures.do_not_add_up');
    return null;
  }
}

async function readDue({ db, asOf }: SignedVisit) {
  const schedule = await scheduleInForce(db, asOf);
  const coming = await comingDue(db, asOf, DAYS_AHEAD);
  return rulesIn(schedule, coming).flatMap((rule) =>
    coming.filter((row) => row.rule === rule).map((row) => ({ ...row, clause: clauseOf(schedule, rule) })),
  );
}

async function duePage(visit: SignedVisit): Promise<Answer> {
  const rows = await readDue(visit);
  const days = DAYS_AHEAD.map((count, i) => ({ count, on: addDays(visit.asOf, count), files: sumOf(rows.map(({ within }) => within[i])) }));
  return page('reportDue', 'Due soon', {
    links: reportLinks('/reports/due'),
    days,
    table: shownTable(
      'Files that fall due soon, by rule',
      ['Rule', '#Due already', ...DAYS_AHEAD.map((count) => `#Within ${count} days`), '#Later than today in all'],
      rows.map(({ clause, due, within, later }) => [clause, due, ...within, later]),
      {
        total: ['All rules', sumOf(rows.map(({ due }) => due)), ...days.map(({ files }) => files), sumOf(rows.map(({ later }) => later))],
        csv: '/reports/due.csv',
      },
    ),
  });
}

async function dueCsv(visit: SignedVisit): Promise<Answer> {
  const columns = [
    'as_of',
    'rule',
    'clause',
    'files',
    'due',
    'within_30_days',
    'within_90_days',
    'within_365_days',
    'later',
    'rehearsal',
  ] as const;
  const rows = (await readDue(visit)).map(({ rule, clause, files, due, later, within: [month = 0, quarter = 0, year = 0] }) => ({
    ...marks(visit),
    rule,
    clause,
    files,
    due,
    within_30_days: month,
    within_90_days: quarter,
    within_365_days: year,
    later,
  }));
  return csvDownload(visit, 'due-soon', columns, rows);
}

/** The years of the forecast: those due now first, then every year from this one to the last that has a file. */
function yearsOf(figures: readonly YearFigures[], thisYear: number): { year: number | null; label: string; files: number }[] {
  const of = (year: number | null) => sumOf(figures.filter((row) => row.year === year).map(({ files }) => files));
  const last = Math.max(thisYear, ...figures.map(({ year }) => year ?? 0));
  const years = Array.from({ length: last - thisYear + 1 }, (_, i) => thisYear + i);
  return [
    { year: null, label: 'Due now', files: of(null) },
    ...years.map((year) => ({ year, label: year === thisYear ? `Rest of ${year}` : String(year), files: of(year) })),
  ];
}

async function forecastPage(visit: SignedVisit): Promise<Answer> {
  const { db, asOf } = visit;
  const figures = await inOneMoment(db, (trx) => dueByYear(trx, asOf));
  const years = yearsOf(figures, Number(asOf.slice(0, 4)));
  const drawn = years.slice(0, 1 + YEARS_DRAWN);
  const beyond = years.slice(1 + YEARS_DRAWN);
  const bars = [
    ...drawn.map(({ label, files }) => ({ label, value: files })),
    ...(beyond.length > 0 ? [{ label: `From ${beyond[0]?.label}`, value: sumOf(beyond.map(({ files }) => files)) }] : []),
  ];
  const total = sumOf(years.map(({ files }) => files));
  const most = drawn.slice(1).reduce((a, b) => (b.files > a.files ? b : a));
  let soFar = 0;
  const rows = years
    .filter(({ files, year }) => files > 0 || year === null)
    .map(({ label, files }): Cell[] => [label, files, (soFar += files)]);
  return page('reportForecast', 'Forecast by year', {
    links: reportLinks('/reports/forecast'),
    total,
    chart: barChart({
      id: 'forecast',
      title: 'Files by the year in which they fall due',
      description: `${total.toLocaleString('en-GB')} files have a date. ${(years[0]?.files ?? 0).toLocaleString('en-GB')} are due now. Of the years drawn, most fall due in ${most.label.replace('Rest', 'the rest')}: ${most.files.toLocaleString('en-GB')}. The table below has the same figures.`,
      bars,
    }),
    table: shownTable('Files by the year in which they fall due', ['Year', '#Files', '#In all by then'], rows, {
      total: ['All files with a date', total, null],
      csv: '/reports/forecast.csv',
    }),
  });
}

/** A column a rule, so that the years can be summed and drawn by rule as well. */
async function forecastCsv(visit: SignedVisit): Promise<Answer> {
  const { db, asOf } = visit;
  const schedule = await scheduleInForce(db, asOf);
  const figures = await dueByYear(db, asOf);
  const rules = rulesIn(schedule, figures);
  const rows = yearsOf(figures, Number(asOf.slice(0, 4))).map(({ year, files }) => ({
    ...marks(visit),
    falls_due: year ?? 'due now',
    files,
    ...Object.fromEntries(
      rules.map((rule) => [rule, sumOf(figures.filter((row) => row.year === year && row.rule === rule).map((row) => row.files))]),
    ),
  }));
  return csvDownload<string>(visit, 'forecast', ['as_of', 'falls_due', 'files', ...rules, 'rehearsal'], rows);
}

function sumOf(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce((a: number, b) => a + (b ?? 0), 0);
}
