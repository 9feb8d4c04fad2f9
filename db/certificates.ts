/** The disposal certificate of a list that has ended: what was moved, when, by whom, under which clause, expected against actual. */
import type { Knex } from 'knex';
import { canonicalJson, sha256 } from '../rules/digest.ts';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';
import { sum } from './counts.ts';
import type { ItemRow } from './items.ts';
import type { ListRow } from './lists.ts';

/** Issued once and never changed. Holds references only. */
export interface Certificate {
  certificate: number;
  rehearsal: boolean;
  issued_on: IsoDate;
  statement: string;
  list: Pick<ListRow, 'id' | 'rule' | 'action' | 'schedule_version' | 'listed_on' | 'signed_by' | 'signed_on' | 'signed_digest'>;
  clause: string;
  /** Files on the list: those moved, kept, referred and withdrawn; they add up. */
  items: number;
  /** Files approved, and what became of them; they add up. */
  expected: number;
  actual: {
    archived: number;
    transferred: number;
    /** Archived, and brought back before the list was complete. */
    restored: number;
    withdrawn: number;
  };
  /** Documents that the register listed when each file was moved, and those in the bags. */
  documents: { expected: number; packed: number };
  /** Files of the list that were not moved. */
  not_covered: { kept: number; referred: number; withdrawn: number };
  does_not_cover: readonly string[];
  files: CertifiedFile[];
}

export interface CertifiedFile {
  file_ref: string;
  archived_on: IsoDate;
  decided_by: string;
  bag_sha256: string;
  adult_file_ref: string | null;
  documents: { expected: number; packed: number };
}

/** A certificate as it is exported, and what has happened since it was issued. */
export interface ShownCertificate {
  certificate: Certificate;
  /** SHA-256 of the certificate's canonical JSON; the audit event `certificate.issued` names it too. */
  digest: string;
  /** What has become of the source documents so far; `waiting` are tried again each night. */
  sources: { removed: number; already_gone: number; waiting: number; restored: number; lying_there_again: number };
  /** Files brought back since. */
  restored_since: { file_ref: string; restored_on: IsoDate }[];
}

/** What every certificate says, so that nobody takes it for a proof of destruction. */
export const CERTIFICATE_STATEMENT =
  'The files named here were moved to the archive under the retention schedule. They are not destroyed: they remain personal data, and must be searched when a person asks for what is held about them.';

export const DOES_NOT_COVER = [
  'Files of the list that were kept, referred or withdrawn; they stay in the register.',
  'The removal of source documents, which follows the move and is reported by itself: retention certificate show LIST.',
  'What the source system, its backups and reports still hold; removals.csv of each night names what is to be deleted there.',
  'Where paper went; that is recorded apart, and restricted.',
  'What Adult Services does with a file that was transferred to them.',
] as const;

/** Added where the register was restored from a backup that is older than the signature. */
const KNOWN_FROM_BAGS =
  'Files of the list that were not archived: the register was restored from a backup that is older than the signature, and what is certified here was read from the bags.';

/** Added where a list was cancelled after some of it had been archived. */
const CANCELLED = 'Files of the list that were not archived when it was cancelled; they were withdrawn, and stay in the register.';

/** Writes the certificate of a list that has ended, its items all finished. */
export async function issueCertificate(trx: Knex.Transaction, listId: number, asOf: IsoDate): Promise<Certificate> {
  const list = (await trx<ListRow>('disposal_lists').where({ id: listId }).first()) as ListRow;
  const items = await trx<ItemRow>('disposal_list_items').where({ list_id: listId }).orderBy('position');
  const moved = await movedFiles(trx, listId);
  const { id, rule, action, schedule_version, listed_on, signed_by, signed_on, signed_digest } = list;
  const files = moved.filter((file) => file.restored_on === null).map(certified);
  const certificate: Certificate = {
    certificate: listId,
    rehearsal: await isRehearsal(trx),
    issued_on: asOf,
    statement: CERTIFICATE_STATEMENT,
    list: { id, rule, action, schedule_version, listed_on, signed_by, signed_on, signed_digest },
    clause: moved[0]?.clause ?? '',
    ...countsOf(items, moved),
    documents: { expected: sum(files.map((file) => file.documents.expected)), packed: sum(files.map((file) => file.documents.packed)) },
    does_not_cover: [
      ...DOES_NOT_COVER,
      ...(list.from_bags_on === null ? [] : [KNOWN_FROM_BAGS]),
      ...(list.state === 'cancelled' ? [CANCELLED] : []),
    ],
    files,
  };
  const content = canonicalJson(certificate);
  await trx('disposal_certificates').insert({ list_id: listId, issued_on: asOf, content, digest: sha256(content) });
  await recordEvent(trx, 'service', 'certificate.issued', { list: listId, digest: sha256(content) });
  return certificate;
}

/** The certificate of a list, with what has become of sources and files since. Throws a Refusal where there is none. */
export async function readCertificate(db: Knex, listId: number): Promise<ShownCertificate> {
  const issued = await db('disposal_certificates')
    .where({ list_id: listId })
    .first<{ content: string; digest: string } | undefined>('content', 'digest');
  if (!issued) throw await noCertificate(db, listId);
  const certificate = JSON.parse(issued.content) as Certificate;
  const restored = await db('residual_records')
    .where({ list_id: listId })
    .whereNotNull('restored_on')
    .whereIn(
      'file_ref',
      certificate.files.map((file) => file.file_ref),
    )
    .orderBy('file_ref')
    .select<ShownCertificate['restored_since']>('file_ref', 'restored_on');
  return { certificate, digest: issued.digest, sources: await sourcesOf(db, listId), restored_since: restored };
}

interface MovedFile extends Omit<CertifiedFile, 'documents'> {
  clause: string;
  action: string;
  documents_expected: number;
  documents_packed: number;
  restored_on: IsoDate | null;
}

async function movedFiles(trx: Knex.Transaction, listId: number): Promise<MovedFile[]> {
  return trx('residual_records').where({ list_id: listId }).orderBy('file_ref').select<MovedFile[]>();
}

function certified({ file_ref, archived_on, decided_by, bag_sha256, adult_file_ref, ...moved }: MovedFile): CertifiedFile {
  const documents = { expected: moved.documents_expected, packed: moved.documents_packed };
  return { file_ref, archived_on, decided_by, bag_sha256, adult_file_ref, documents };
}

function countsOf(
  items: readonly ItemRow[],
  moved: readonly MovedFile[],
): Pick<Certificate, 'items' | 'expected' | 'actual' | 'not_covered'> {
  const restored = new Set(moved.filter((file) => file.restored_on !== null).map((file) => file.file_ref));
  const count = (status: ItemRow['status'], among: readonly ItemRow[]) => among.filter((item) => item.status === status).length;
  const approved = items.filter((item) => item.decision === 'approved' && !restored.has(item.file_ref));
  return {
    items: items.length,
    expected: approved.length + restored.size,
    actual: {
      archived: count('archived', approved),
      transferred: count('transferred', approved),
      restored: restored.size,
      withdrawn: count('withdrawn', approved),
    },
    not_covered: { kept: count('kept', items), referred: count('referred', items), withdrawn: count('withdrawn', items) },
  };
}

async function sourcesOf(db: Knex, listId: number): Promise<ShownCertificate['sources']> {
  const { rows } = await db.raw<{ rows: [ShownCertificate['sources']] }>(
    `select count(*) filter (where outcome = 'removed')::int as removed, count(*) filter (where outcome = 'already_gone')::int as already_gone,
       count(*) filter (where outcome in ('to_remove', 'failed'))::int as waiting, count(*) filter (where outcome = 'restored')::int as restored,
       count(*) filter (where back_on is not null)::int as lying_there_again
     from source_removals where list_id = :listId`,
    { listId },
  );
  return rows[0];
}

async function isRehearsal(trx: Knex.Transaction): Promise<boolean> {
  const installation = await trx('installation').first<{ kind: string } | undefined>('kind');
  return installation?.kind === 'rehearsal';
}

async function noCertificate(db: Knex, listId: number): Promise<Refusal> {
  const list = await db<ListRow>('disposal_lists').where({ id: listId }).first();
  const why = !list
    ? `there is no disposal list ${listId}`
    : list.state === 'complete' || list.state === 'cancelled'
      ? 'none of its files was moved to the archive'
      : `it is ${list.state.replaceAll('_', ' ')}, and a certificate is issued when a list has ended`;
  return new Refusal(
    'no_certificate',
    `List ${listId} has no certificate: ${why}. "retention lists" shows which are complete or cancelled, and may have one.`,
    {
      list: listId,
    },
  );
}
