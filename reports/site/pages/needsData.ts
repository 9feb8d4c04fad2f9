/** Needs data: files without a date by reason, and rows of the latest extract that were not read; what the case management system must put right. */
import {
  rejectedBySource,
  rejectedLines,
  undeterminedByReason,
  undeterminedFiles,
  type MissingReason,
  type RejectedLine,
} from '../../../db/needsData.ts';
import { CONTRADICTIONS, GAPS } from '../../../rules/determine.ts';
import { REASON_WORDS } from '../../../rules/words.ts';
import { REJECTS_COLUMNS } from '../../nightReport.ts';
import { page, type Answer, type Fields, type Route, type SignedVisit } from '../page.ts';
import { addressOf, csvDownload, everyRow, marks, ON_A_PAGE } from '../tables.ts';
import { categoryWords } from '../words.ts';

export const needsDataRoutes: readonly Route[] = [
  { method: 'GET', url: '/needs-data', needs: 'read', handler: overview },
  { method: 'GET', url: '/needs-data/files', needs: 'read', handler: filesPage },
  { method: 'GET', url: '/needs-data/rows', needs: 'read', handler: rowsPage },
  { method: 'GET', url: '/needs-data/files.csv', needs: 'read', handler: filesCsv },
  { method: 'GET', url: '/needs-data/rows.csv', needs: 'read', handler: rowsCsv },
];

const FILES_COLUMNS = ['file_ref', 'categories', 'kind', 'reason', 'words', 'since', 'as_of', 'rehearsal'] as const;

const REASONS: readonly MissingReason[] = [...CONTRADICTIONS, ...GAPS];

async function overview({ db }: SignedVisit): Promise<Answer> {
  const reasons = (await undeterminedByReason(db)).map((one) => ({ ...one, words: REASON_WORDS[one.reason] }));
  return page('needsData', 'Needs data', {
    contradictions: reasons.filter(({ reason }) => isContradiction(reason)),
    missing: reasons.filter(({ reason }) => !isContradiction(reason)),
    files: reasons.reduce((sum, { files }) => sum + files, 0),
    sources: await rejectedBySource(db),
  });
}

async function filesPage({ db, query }: SignedVisit): Promise<Answer> {
  const reason = reasonIn(query);
  const after = textIn(query, 'after');
  const { rows, more } = await undeterminedFiles(db, { reason, after }, ON_A_PAGE);
  const address = (which: { reason?: string | undefined; after?: string | undefined }) => addressOf('/needs-data/files', which);
  return page('needsDataFiles', 'Files without a date', {
    rows: rows.map((row) => ({ ...row, categories: categoryWords(row.categories), words: REASON_WORDS[row.reason] })),
    filters: [
      { text: 'All', href: address({}), current: reason === undefined },
      ...(reason === undefined ? [] : [{ text: REASON_WORDS[reason], href: address({ reason }), current: true }]),
    ],
    csv: addressOf('/needs-data/files.csv', { reason }),
    first: after === undefined ? null : address({ reason }),
    next: more ? address({ reason, after: rows.at(-1)?.file_ref }) : null,
  });
}

async function rowsPage({ db, query }: SignedVisit): Promise<Answer> {
  const source = textIn(query, 'source');
  const after = afterIn(query);
  const { rows, more } = await rejectedLines(db, { source, after }, ON_A_PAGE);
  const last = rows.at(-1);
  const address = (which: { source?: string | undefined; afterSource?: string; afterLine?: number }) =>
    addressOf('/needs-data/rows', which);
  return page('needsDataRows', 'Rows that were not read', {
    rows: rows.flatMap(({ faults, ...row }) => faults.map((fault) => ({ ...row, ...fault }))),
    filters: [
      { text: 'All', href: address({}), current: source === undefined },
      ...(await rejectedBySource(db)).map((one) => ({
        text: `${one.source} (${one.lines.toLocaleString('en-GB')})`,
        href: address({ source: one.source }),
        current: one.source === source,
      })),
    ],
    csv: addressOf('/needs-data/rows.csv', { source }),
    first: after === undefined ? null : address({ source }),
    next: more && last ? address({ source, afterSource: last.source, afterLine: last.line }) : null,
  });
}

function filesCsv(visit: SignedVisit): Answer {
  const reason = reasonIn(visit.query);
  const files = everyRow(
    (after: string | undefined, limit) => undeterminedFiles(visit.db, { reason, after }, limit),
    (row) => row.file_ref,
  );
  async function* rows() {
    for await (const file of files) {
      const kind = isContradiction(file.reason) ? 'contradiction' : 'missing';
      yield { ...file, kind, words: REASON_WORDS[file.reason], ...marks(visit) };
    }
  }
  return csvDownload(visit, 'needs-data-files', FILES_COLUMNS, rows());
}

function rowsCsv(visit: SignedVisit): Answer {
  const source = textIn(visit.query, 'source');
  const rejected = everyRow(
    (after: Pick<RejectedLine, 'source' | 'line'> | undefined, limit) => rejectedLines(visit.db, { source, after }, limit),
    (row) => row,
  );
  async function* rows() {
    for await (const { source: file, line, ref: reference, faults } of rejected)
      for (const fault of faults) yield { file, line, reference, ...fault, rehearsal: marks(visit).rehearsal };
  }
  return csvDownload(visit, 'needs-data-rows', REJECTS_COLUMNS, rows());
}

function isContradiction(reason: MissingReason): boolean {
  return CONTRADICTIONS.some((word) => word === reason);
}

function reasonIn(query: Fields): MissingReason | undefined {
  return REASONS.find((word) => word === query.one('reason'));
}

/** What the database can hold: no reference has a control character, and a zero byte is no text to it. */
function textIn(query: Fields, name: string): string | undefined {
  const text = query.one(name);
  return text === '' || /\p{Cc}/u.test(text) ? undefined : text;
}

function afterIn(query: Fields): Pick<RejectedLine, 'source' | 'line'> | undefined {
  const [source, line] = [textIn(query, 'afterSource'), query.number('afterLine')];
  return source === undefined || line === undefined ? undefined : { source, line };
}
