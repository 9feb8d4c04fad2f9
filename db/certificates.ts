/** The disposal certificate of a completed list: what was moved, when, by whom, under which clause. */
import type { Knex } from 'knex';
import { sha256 } from '../rules/digest.ts';
import type { IsoDate } from '../rules/dates.ts';
import { recordEvent } from './audit.ts';
import type { ItemRow } from './items.ts';
import type { ListRow } from './lists.ts';

export interface Certificate {
  certificate: number;
  issued_on: IsoDate;
  statement: string;
  list: Pick<ListRow, 'id' | 'rule' | 'action' | 'schedule_version' | 'listed_on' | 'signed_by' | 'signed_on' | 'signed_digest'>;
  clause: string;
  /** Files approved, and what became of them; they add up. */
  expected: number;
  actual: { archived: number; transferred: number; withdrawn: number };
  not_covered: { kept: number; referred: number; withdrawn: number };
  files: { file_ref: string; archived_on: IsoDate; bag_sha256: string; documents: number; sources_removed: number }[];
}

/** What every certificate says, so that nobody takes it for a proof of destruction. */
export const CERTIFICATE_STATEMENT =
  'The files named here were moved to the archive under the retention schedule. They are not destroyed: they remain personal data, and must be searched when a person asks for what is held about them.';

/** Writes the certificate of a list whose items are all finished. Holds references only. */
export async function issueCertificate(trx: Knex.Transaction, listId: number, asOf: IsoDate): Promise<Certificate> {
  const list = (await trx<ListRow>('disposal_lists').where({ id: listId }).first()) as ListRow;
  const items = await trx<ItemRow>('disposal_list_items').where({ list_id: listId }).orderBy('position');
  const { rows: files } = await trx.raw<{ rows: (Certificate['files'][number] & { clause: string })[] }>(
    `select r.file_ref, r.archived_on, r.bag_sha256, r.clause,
       (select count(*)::int from source_removals s where s.file_ref = r.file_ref) as documents,
       (select count(*)::int from source_removals s where s.file_ref = r.file_ref and s.outcome in ('removed', 'already_gone')) as sources_removed
     from residual_records r where r.list_id = :listId order by r.file_ref`,
    { listId },
  );
  const count = (status: ItemRow['status'], decision: ItemRow['decision']) =>
    items.filter((item) => item.status === status && item.decision === decision).length;
  const { id, rule, action, schedule_version, listed_on, signed_by, signed_on, signed_digest } = list;
  const certificate: Certificate = {
    certificate: listId,
    issued_on: asOf,
    statement: CERTIFICATE_STATEMENT,
    list: { id, rule, action, schedule_version, listed_on, signed_by, signed_on, signed_digest },
    clause: files[0]?.clause ?? '',
    expected: items.filter((item) => item.decision === 'approved').length,
    actual: {
      archived: count('archived', 'approved'),
      transferred: count('transferred', 'approved'),
      withdrawn: count('withdrawn', 'approved'),
    },
    not_covered: {
      kept: count('kept', 'kept'),
      referred: count('referred', 'referred'),
      withdrawn: items.filter((item) => item.status === 'withdrawn').length,
    },
    files: files.map(({ clause: _clause, ...file }) => file),
  };
  const content = JSON.stringify(certificate);
  await trx('disposal_certificates').insert({ list_id: listId, issued_on: asOf, content, digest: sha256(content) });
  await recordEvent(trx, 'service', 'certificate.issued', { list: listId, digest: sha256(content) });
  return certificate;
}
