/** Files kept longer than the policy says, on no list, by how long; and the files that are kept permanently. */
import { figuresOfNight } from '../../../db/nightFigures.ts';
import { OVERDUE_BORDERS, overRetainedFiles, permanentFiles, type OverRetainedFigures } from '../../../db/overview.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import type { Schedule } from '../../../rules/schedule.ts';
import { BLOCK_WORDS } from '../../../rules/words.ts';
import { shortDate } from '../../../rules/dates.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';
import {
  addressOf,
  clauseOf,
  csvDownload,
  everyRow,
  fileCell,
  keyFields,
  keyIn,
  marks,
  marksOf,
  noFigures,
  ON_A_PAGE,
  reportLinks,
  rulesIn,
  shownTable,
  type Cell,
} from '../tables.ts';
import { categoryWords } from '../words.ts';

export const overRetainedRoutes: readonly Route[] = [
  { method: 'GET', url: '/reports/over-retained', needs: 'read', handler: overRetainedPage },
  { method: 'GET', url: '/reports/over-retained.csv', needs: 'read', handler: overRetainedCsv },
  { method: 'GET', url: '/reports/over-retained-files.csv', needs: 'read', handler: overRetainedFilesCsv },
  { method: 'GET', url: '/reports/permanent', needs: 'read', handler: permanentPage },
  { method: 'GET', url: '/reports/permanent.csv', needs: 'read', handler: permanentCsv },
  { method: 'GET', url: '/reports/permanent-files.csv', needs: 'read', handler: permanentFilesCsv },
];

/** How long over the last day to be kept; each band begins after the one before. */
const BANDS = [
  { code: 'days-30', words: 'Up to 30 days' },
  { code: 'days-90', words: '31 to 90 days' },
  { code: 'days-365', words: '91 to 365 days' },
  { code: 'years-2', words: '1 to 2 years' },
  { code: 'years-5', words: '2 to 5 years' },
  { code: 'longer', words: 'More than 5 years' },
] as const;

async function overRetainedPage(visit: SignedVisit): Promise<Answer> {
  const { db, asOf } = visit;
  const schedule = await scheduleInForce(db, asOf);
  const { band, rule } = filterOf(visit, schedule);
  const found = await figuresOfNight(db, 'over_retained');
  if (found === null) return noFigures('/reports/over-retained');
  const { over_retained: figures } = found;
  const files = await overRetainedFiles(db, schedule, asOf, { days: daysOf(band), rule, after: keyIn(visit) }, ON_A_PAGE);
  const address = (change: Record<string, string | undefined>) =>
    addressOf('/reports/over-retained', { band: BANDS[band]?.code, rule, ...change });
  const last = files.rows.at(-1);
  const sum = (wanted: (row: OverRetainedFigures) => boolean, what: 'files' | 'candidates' = 'files') =>
    figures.filter(wanted).reduce((total, row) => total + row[what], 0);
  const counted = (wanted: (row: OverRetainedFigures) => boolean): Cell[] => [
    sum(wanted),
    sum(wanted, 'candidates'),
    sum(wanted) - sum(wanted, 'candidates'),
  ];
  return page('reportOverRetained', 'Over-retained', {
    links: reportLinks('/reports/over-retained'),
    night: found.as_of,
    files: sum(() => true),
    byBand: shownTable(
      'Due files on no list, by how long',
      ['Over its date by', '#Files', '#Can be listed', '#Something stands in the way'],
      BANDS.map(({ words }, i) => [words, ...counted((row) => row.band === i)]),
      { total: ['All', ...counted(() => true)] },
    ),
    byRule: shownTable(
      'The same by rule',
      ['Rule', '#Files', ...BANDS.map(({ words }) => `#${words}`)],
      rulesIn(schedule, figures).map((id) => [
        clauseOf(schedule, id),
        sum((row) => row.rule === id),
        ...BANDS.map((_, i) => sum((row) => row.rule === id && row.band === i)),
      ]),
      {
        total: ['All rules', sum(() => true), ...BANDS.map((_, i) => sum((row) => row.band === i))],
        csv: '/reports/over-retained.csv',
      },
    ),
    bands: [
      { text: 'All', href: address({ band: undefined }), current: band === -1 },
      ...BANDS.map(({ code, words }, i) => ({ text: words, href: address({ band: code }), current: i === band })),
    ],
    rules: [
      { text: 'All rules', href: address({ rule: undefined }), current: rule === undefined },
      ...schedule.rules.map(({ id }) => ({ text: clauseOf(schedule, id), href: address({ rule: id }), current: id === rule })),
    ],
    table: shownTable(
      'Over-retained files, the longest over their date first',
      ['File', 'The policy says', 'Kept until', '#Days over', 'Closed on', 'What stands in the way'],
      files.rows.map(({ file_ref, rule: id, retain_until, overdue_days, closed_on, blocks }) => [
        fileCell(file_ref),
        clauseOf(schedule, id),
        retain_until && shortDate(retain_until),
        overdue_days,
        closed_on && shortDate(closed_on),
        blocks.length === 0 ? 'Nothing. A night will list it.' : blocks.map((block) => BLOCK_WORDS[block]).join(' '),
      ]),
      { csv: addressOf('/reports/over-retained-files.csv', { band: BANDS[band]?.code, rule }) },
    ),
    first: keyIn(visit) ? address({}) : null,
    next: files.more && last?.retain_until ? address(keyFields({ retainUntil: last.retain_until, fileRef: last.file_ref })) : null,
  });
}

async function overRetainedCsv(visit: SignedVisit): Promise<Answer> {
  const { db, asOf } = visit;
  const schedule = await scheduleInForce(db, asOf);
  const columns = ['as_of', 'rule', 'clause', 'over_days_from', 'over_days_to', 'files', 'candidates', 'rehearsal'] as const;
  const found = await figuresOfNight(db, 'over_retained');
  if (found === null) return noFigures('/reports/over-retained', 409);
  const rows = found.over_retained.map(({ rule, band, files, candidates }) => ({
    ...marksOf(found, visit),
    rule,
    clause: clauseOf(schedule, rule),
    over_days_from: (daysOf(band)?.over ?? 0) + 1,
    over_days_to: daysOf(band)?.upTo ?? null,
    files,
    candidates,
  }));
  return csvDownload({ ...visit, asOf: found.as_of }, 'over-retained', columns, rows);
}

async function overRetainedFilesCsv(visit: SignedVisit): Promise<Answer> {
  const { db, asOf } = visit;
  const schedule = await scheduleInForce(db, asOf);
  const { band, rule } = filterOf(visit, schedule);
  const columns = [
    'as_of',
    'file_ref',
    'rule',
    'clause',
    'anchor_on',
    'retain_until',
    'overdue_days',
    'closed_on',
    'action',
    'blocks',
    'cautions',
    'rehearsal',
  ] as const;
  const files = everyRow(
    (after: { retainUntil: string; fileRef: string } | undefined, limit) =>
      overRetainedFiles(db, schedule, asOf, { days: daysOf(band), rule, after }, limit),
    (row) => ({ retainUntil: row.retain_until ?? 'infinity', fileRef: row.file_ref }),
  );
  async function* rows() {
    for await (const file of files) yield { ...file, ...marks(visit), clause: clauseOf(schedule, file.rule) };
  }
  return csvDownload(visit, 'over-retained-files', columns, rows());
}

async function permanentPage(visit: SignedVisit): Promise<Answer> {
  const { db, asOf, query } = visit;
  const schedule = await scheduleInForce(db, asOf);
  const after = query.one('after_file') || null;
  const found = await figuresOfNight(db, 'permanent');
  if (found === null) return noFigures('/reports/permanent');
  const { permanent: byRule } = found;
  const files = await permanentFiles(db, after, ON_A_PAGE);
  return page('reportPermanent', 'Permanent', {
    links: reportLinks('/reports/permanent'),
    night: found.as_of,
    files: byRule.reduce((sum, row) => sum + row.files, 0),
    byRule: shownTable(
      'Files kept permanently, by rule',
      ['Rule', '#Files'],
      byRule.map((row) => [clauseOf(schedule, row.rule), row.files]),
      { csv: '/reports/permanent.csv' },
    ),
    table: shownTable(
      'Files kept permanently, by reference',
      ['File', 'Categories', 'Opened on', 'Closed on'],
      files.rows.map(({ file_ref, categories, opened_on, closed_on }) => [
        fileCell(file_ref),
        categoryWords(categories),
        opened_on && shortDate(opened_on),
        closed_on && shortDate(closed_on),
      ]),
      { csv: '/reports/permanent-files.csv' },
    ),
    first: after === null ? null : '/reports/permanent',
    next: files.more ? addressOf('/reports/permanent', { after_file: files.rows.at(-1)?.file_ref }) : null,
  });
}

async function permanentCsv(visit: SignedVisit): Promise<Answer> {
  const found = await figuresOfNight(visit.db, 'permanent');
  if (found === null) return noFigures('/reports/permanent', 409);
  const schedule = await scheduleInForce(visit.db, visit.asOf);
  const rows = found.permanent.map((row) => ({ ...marksOf(found, visit), ...row, clause: clauseOf(schedule, row.rule) }));
  return csvDownload({ ...visit, asOf: found.as_of }, 'permanent', ['as_of', 'rule', 'clause', 'files', 'rehearsal'] as const, rows);
}

function permanentFilesCsv(visit: SignedVisit): Answer {
  const columns = ['as_of', 'file_ref', 'rule', 'categories', 'opened_on', 'closed_on', 'rehearsal'] as const;
  const files = everyRow(
    (after: string | undefined, limit) => permanentFiles(visit.db, after ?? null, limit),
    (row) => row.file_ref,
  );
  async function* rows() {
    for await (const file of files) yield { ...file, ...marks(visit) };
  }
  return csvDownload(visit, 'permanent-files', columns, rows());
}

/** The place of the band asked for, -1 for all; and the rule. */
function filterOf({ query }: SignedVisit, { rules }: Schedule): { band: number; rule: string | undefined } {
  return {
    band: BANDS.findIndex(({ code }) => code === query.one('band')),
    rule: rules.find(({ id }) => id === query.one('rule'))?.id,
  };
}

/** The days of the band at that place; undefined for all. */
function daysOf(band: number): { over: number; upTo: number | null } | undefined {
  return BANDS[band] && { over: OVERDUE_BORDERS[band - 1] ?? 0, upTo: OVERDUE_BORDERS[band] ?? null };
}
