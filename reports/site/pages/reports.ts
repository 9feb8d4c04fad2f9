/** Reports of counts, as the last night counted: retention by rule, what falls due soon, and the forecast by year with its chart. */
import type { RuleFigures } from '../../../db/figures.ts';
import type { YearFigures } from '../../../db/forecast.ts';
import { DAYS_AHEAD, daysAheadOf, figuresOfNight } from '../../../db/nightFigures.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { BLOCKS } from '../../../rules/checks.ts';
import { BLOCK_WORDS } from '../../../rules/words.ts';
import { accountsInWords, retentionReportRows, RETENTION_COLUMNS } from '../../retentionReport.ts';
import { barChart } from '../chart.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { clauseOf, csvDownload, marksOf, noFigures, reportLinks, rulesIn, shownTable, type Cell } from '../tables.ts';

export const reportRoutes: readonly Route[] = [
  { method: 'GET', url: '/reports', needs: 'read', handler: byRulePage },
  { method: 'GET', url: '/reports/retention.csv', needs: 'read', handler: byRuleCsv },
  { method: 'GET', url: '/reports/due', needs: 'read', handler: duePage },
  { method: 'GET', url: '/reports/due.csv', needs: 'read', handler: dueCsv },
  { method: 'GET', url: '/reports/forecast', needs: 'read', handler: forecastPage },
  { method: 'GET', url: '/reports/forecast.csv', needs: 'read', handler: forecastCsv },
];

/** Years of which the chart has a bar of their own; the table has them all. */
const YEARS_DRAWN = 30;

async function byRulePage(visit: SignedVisit): Promise<Answer> {
  const found = await figuresOfNight(visit.db, 'retention');
  if (found === null) return noFigures('/reports');
  const { retention: figures } = found;
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
    links: reportLinks('/reports'),
    night: found.as_of,
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
  const found = await figuresOfNight(visit.db, 'retention');
  if (found === null) return noFigures('/reports', 409);
  const rows = retentionReportRows(found.retention, visit.site.kind === 'rehearsal');
  return csvDownload({ ...visit, asOf: found.as_of }, 'retention-report', RETENTION_COLUMNS, rows);
}

async function readDue({ db, asOf }: SignedVisit) {
  const found = await figuresOfNight(db, 'coming');
  if (found === null) return null;
  const schedule = await scheduleInForce(db, asOf);
  const rows = rulesIn(schedule, found.coming).flatMap((rule) =>
    found.coming.filter((row) => row.rule === rule).map((row) => ({ ...row, clause: clauseOf(schedule, rule) })),
  );
  return { night: found, rows };
}

async function duePage(visit: SignedVisit): Promise<Answer> {
  const found = await readDue(visit);
  if (found === null) return noFigures('/reports/due');
  const { night, rows } = found;
  const days = daysAheadOf(night).map((day, i) => ({ ...day, files: sumOf(rows.map(({ within }) => within[i])) }));
  return page('reportDue', 'Due soon', {
    links: reportLinks('/reports/due'),
    night: night.as_of,
    // A day that has come since that night cannot be asked about any more.
    asks: days.filter(({ on }) => on > visit.asOf).map(({ on }) => on),
    days,
    table: shownTable(
      'Files that fall due soon, by rule',
      ['Rule', '#Due already', ...DAYS_AHEAD.map((count) => `#Within ${count} days`), '#Later in all'],
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
  const found = await readDue(visit);
  if (found === null) return noFigures('/reports/due', 409);
  const rows = found.rows.map(({ rule, clause, files, due, later, within: [month = 0, quarter = 0, year = 0] }) => ({
    ...marksOf(found.night, visit),
    rule,
    clause,
    files,
    due,
    within_30_days: month,
    within_90_days: quarter,
    within_365_days: year,
    later,
  }));
  return csvDownload({ ...visit, asOf: found.night.as_of }, 'due-soon', columns, rows);
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
  const found = await figuresOfNight(visit.db, 'years');
  if (found === null) return noFigures('/reports/forecast');
  const years = yearsOf(found.years, Number(found.as_of.slice(0, 4)));
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
    night: found.as_of,
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
  const found = await figuresOfNight(visit.db, 'years');
  if (found === null) return noFigures('/reports/forecast', 409);
  const { years: figures, as_of } = found;
  const rules = rulesIn(await scheduleInForce(visit.db, visit.asOf), figures);
  const rows = yearsOf(figures, Number(as_of.slice(0, 4))).map(({ year, files }) => ({
    ...marksOf(found, visit),
    falls_due: year ?? 'due now',
    files,
    ...Object.fromEntries(
      rules.map((rule) => [rule, sumOf(figures.filter((row) => row.year === year && row.rule === rule).map((row) => row.files))]),
    ),
  }));
  return csvDownload<string>({ ...visit, asOf: as_of }, 'forecast', ['as_of', 'falls_due', 'files', ...rules, 'rehearsal'], rows);
}

function sumOf(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce((a: number, b) => a + (b ?? 0), 0);
}
