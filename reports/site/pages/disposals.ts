/** What left the register, by year and rule, and the certificate of each completed list, to read and to keep. */
import { readCertificate, type Certificate, type ShownCertificate } from '../../../db/certificates.ts';
import { inOneMoment } from '../../../db/figures.ts';
import { certificatePage, disposalsByYear, type CertificateLine } from '../../../db/overview.ts';
import { shortDate } from '../../../rules/dates.ts';
import type { DisposalAction } from '../../../rules/determine.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { ACTION_WORDS } from '../../../rules/words.ts';
import { certificateCounts, COVERED_HEADS, coveredFiles } from '../../certificateTables.ts';
import { download, page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { addressOf, csvDownload, everyRow, fileCell, marks, ON_A_PAGE, reportLinks, shownTable, type Cell } from '../tables.ts';
import { listNumber } from './list.ts';

export const disposalRoutes: readonly Route[] = [
  { method: 'GET', url: '/reports/disposals', needs: 'read', handler: disposalsPage },
  { method: 'GET', url: '/reports/disposals.csv', needs: 'read', handler: disposalsCsv },
  { method: 'GET', url: '/reports/certificates.csv', needs: 'read', handler: certificatesCsv },
  { method: 'GET', url: '/reports/certificates/:list', needs: 'read', handler: certificateShown },
  { method: 'GET', url: '/reports/certificates/:list/certificate.json', needs: 'read', handler: certificateJson },
  { method: 'GET', url: '/reports/certificates/:list/files.csv', needs: 'read', handler: certificateCsv },
];

async function disposalsPage(visit: SignedVisit): Promise<Answer> {
  const { db, query } = visit;
  const before = query.number('before') ?? null;
  const { years, certificates } = await inOneMoment(db, async (trx) => ({
    years: await disposalsByYear(trx),
    certificates: await certificatePage(trx, before, ON_A_PAGE),
  }));
  const sum = (what: 'archived' | 'transferred' | 'restored') => years.reduce((total, row) => total + row[what], 0);
  const left = (row: Record<'archived' | 'transferred' | 'restored', number>) => row.archived + row.transferred - row.restored;
  const all = { archived: sum('archived'), transferred: sum('transferred'), restored: sum('restored') };
  return page('reportDisposals', 'Disposals and certificates', {
    links: reportLinks('/reports/disposals'),
    byYear: shownTable(
      'Files that left the register, by year',
      ['Year', 'Rule', '#To the archive', '#To Adult Services', '#Brought back since', '#Gone from the register'],
      years.map((row) => [String(row.year), row.clause, row.archived, row.transferred, row.restored, left(row)]),
      { total: ['All', null, all.archived, all.transferred, all.restored, left(all)], csv: '/reports/disposals.csv' },
    ),
    certificates: shownTable(
      'Certificates, of the newest lists first',
      ['Certificate', 'Rule', 'Issued on', '#Files', 'Signed off by', 'Signed off on'],
      certificates.rows.map((row) => [
        { text: `Certificate ${row.list}`, href: `/reports/certificates/${row.list}` },
        row.clause,
        shortDate(row.issued_on),
        row.files,
        row.signed_by,
        shortDate(row.signed_on),
      ]),
      { csv: '/reports/certificates.csv' },
    ),
    first: before === null ? null : '/reports/disposals',
    next: certificates.more ? addressOf('/reports/disposals', { before: certificates.rows.at(-1)?.list }) : null,
  });
}

async function disposalsCsv(visit: SignedVisit): Promise<Answer> {
  const columns = ['as_of', 'year', 'rule', 'clause', 'archived', 'transferred', 'restored', 'rehearsal'] as const;
  const rows = (await disposalsByYear(visit.db)).map((row) => ({ ...marks(visit), ...row }));
  return csvDownload(visit, 'disposals', columns, rows);
}

function certificatesCsv(visit: SignedVisit): Answer {
  const columns = ['as_of', 'list', 'issued_on', 'rule', 'clause', 'files', 'signed_by', 'signed_on', 'digest', 'rehearsal'] as const;
  const certificates = everyRow<CertificateLine, number>(
    (before, limit) => certificatePage(visit.db, before ?? null, limit),
    ({ list }) => list,
  );
  async function* rows() {
    for await (const certificate of certificates) yield { ...certificate, ...marks(visit) };
  }
  return csvDownload(visit, 'certificates', columns, rows());
}

async function certificateShown(visit: SignedVisit): Promise<Answer> {
  const number = listNumber(visit);
  const shown = await certificateOf(visit, number);
  if (shown === null) return noCertificate(number);
  const { certificate, digest, sources, restored_since } = shown;
  return page('certificate', `Disposal certificate ${number}`, {
    certificate,
    digest,
    sources,
    restoredSince: restored_since,
    action: ACTION_WORDS[certificate.list.action as DisposalAction],
    counts: shownTable(`What became of the files of list ${number}`, ['Files of the list', '#Files'], certificateCounts(certificate)),
    files: shownTable('Files that this certificate covers', [...COVERED_HEADS], coveredCells(certificate), {
      csv: `/reports/certificates/${number}/files.csv`,
    }),
  });
}

/** The first leads to what is known of the file, the last may be broken anywhere. */
function coveredCells(certificate: Certificate): Cell[][] {
  return coveredFiles(certificate).map((cells) => [fileCell(cells[0] ?? ''), ...cells.slice(1, -1), { digest: cells.at(-1) ?? '' }]);
}

/** The file that `retention certificate verify` reads, as `certificate show --out` writes it. */
async function certificateJson(visit: SignedVisit): Promise<Answer> {
  const number = listNumber(visit);
  const shown = await certificateOf(visit, number);
  if (shown === null) return noCertificate(number);
  const { certificate, digest } = shown;
  return download(`certificate-${number}.json`, 'application/json; charset=utf-8', `${JSON.stringify({ certificate, digest }, null, 2)}\n`);
}

async function certificateCsv(visit: SignedVisit): Promise<Answer> {
  const number = listNumber(visit);
  const shown = await certificateOf(visit, number);
  if (shown === null) return noCertificate(number);
  const columns = [
    'certificate',
    'file_ref',
    'archived_on',
    'decided_by',
    'documents_expected',
    'documents_packed',
    'adult_file_ref',
    'bag_sha256',
    'rehearsal',
  ] as const;
  const rows = shown.certificate.files.map(({ documents, ...file }) => ({
    certificate: number,
    ...file,
    documents_expected: documents.expected,
    documents_packed: documents.packed,
    rehearsal: shown.certificate.rehearsal,
  }));
  return csvDownload(visit, `certificate-${number}`, columns, rows);
}

async function certificateOf({ db }: SignedVisit, number: number): Promise<ShownCertificate | null> {
  try {
    return await readCertificate(db, number);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'no_certificate') return null;
    throw error;
  }
}

function noCertificate(number: number): Answer {
  const paragraphs = [
    `List ${number} has no certificate. One is issued when a list is complete and at least one of its files was moved. See the list, or the certificates there are under Disposals and certificates.`,
  ];
  return page('error', 'There is no such certificate', { paragraphs }, 404);
}
