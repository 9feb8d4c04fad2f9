/** A random sample to check by hand: twenty files drawn by a seed that stands in the address, so that anybody can draw them again. */
import { randomInt } from 'node:crypto';
import { sampleFiles } from '../../../db/overview.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { shortDate } from '../../../rules/dates.ts';
import { REASON_WORDS } from '../../../rules/words.ts';
import { shownErrors } from '../acting.ts';
import { page, redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { addressOf, clauseOf, csvDownload, fileCell, marks, reportLinks, shownTable } from '../tables.ts';
import { categoryWords } from '../words.ts';

export const sampleRoutes: readonly Route[] = [
  { method: 'GET', url: '/reports/sample', needs: 'read', handler: samplePage },
  { method: 'GET', url: '/reports/sample.csv', needs: 'read', handler: sampleCsv },
];

const FILES = 20;
const SEED = /^[A-Za-z0-9-]{1,40}$/;

async function samplePage(visit: SignedVisit): Promise<Answer> {
  const { query } = visit;
  const seed = query.one('seed').trim();
  if (seed === '') return redirect(addressOf('/reports/sample', { seed: randomInt(1_000_000), rule: query.one('rule') || undefined }));
  const links = reportLinks('/reports/sample');
  if (!SEED.test(seed)) {
    const errors = shownErrors([{ field: 'seed', text: 'Enter a seed of up to 40 letters, digits and dashes, for example 4711' }]);
    return page('reportSample', 'Sample to check', { links, seed, errors, table: null }, 422);
  }
  const { schedule, rule, files } = await readSample(visit, seed);
  return page('reportSample', 'Sample to check', {
    links,
    seed,
    rule,
    size: FILES,
    errors: shownErrors([]),
    table: shownTable(
      `Sample ${seed}`,
      ['File', 'Categories', 'The policy says', 'From', 'Kept until', 'Why there is no date', 'Checked by hand'],
      files.map((file) => [
        fileCell(file.file_ref),
        categoryWords(file.categories),
        clauseOf(schedule, file.rule),
        file.anchor_on && shortDate(file.anchor_on),
        file.outcome === 'permanent' ? 'Permanently' : file.retain_until && shortDate(file.retain_until),
        reasonWords(file.reason),
        '☐',
      ]),
      { csv: addressOf('/reports/sample.csv', { seed, rule }) },
    ),
    rules: [
      { text: 'All rules', href: addressOf('/reports/sample', { seed }), current: rule === undefined },
      ...schedule.rules.map(({ id }) => ({
        text: clauseOf(schedule, id),
        href: addressOf('/reports/sample', { seed, rule: id }),
        current: id === rule,
      })),
    ],
  });
}

async function sampleCsv(visit: SignedVisit): Promise<Answer> {
  const seed = visit.query.one('seed').trim();
  if (!SEED.test(seed)) return samplePage(visit);
  const { schedule, files } = await readSample(visit, seed);
  const columns = [
    'as_of',
    'seed',
    'file_ref',
    'categories',
    'outcome',
    'rule',
    'clause',
    'anchor_on',
    'retain_until',
    'action',
    'reason',
    'blocks',
    'cautions',
    'opened_on',
    'closed_on',
    'schedule_version',
    'date_by_hand',
    'checked_by',
    'rehearsal',
  ] as const;
  const rows = files.map((file) => ({
    ...file,
    ...marks(visit),
    seed,
    clause: clauseOf(schedule, file.rule),
    date_by_hand: null,
    checked_by: null,
  }));
  return csvDownload(visit, `sample-${seed}`, columns, rows);
}

async function readSample({ db, asOf, query }: SignedVisit, seed: string) {
  const schedule = await scheduleInForce(db, asOf);
  const rule = schedule.rules.find(({ id }) => id === query.one('rule'))?.id;
  return { schedule, rule, files: await sampleFiles(db, schedule, asOf, { seed, rule, files: FILES }) };
}

function reasonWords(reason: string | null): string | null {
  return reason === null ? null : ((REASON_WORDS as Partial<Record<string, string>>)[reason] ?? reason);
}
