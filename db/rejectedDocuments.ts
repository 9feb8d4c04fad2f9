/** Rejected rows of documents.csv: which files each may be about. Such a file keeps its documents, and is blocked as quarantined. */
import type { Knex } from 'knex';
import { countOf } from './counts.ts';

/**
 * Judges each rejected row once, in the temporary table `rejected_documents`: `ref` where it is the reference of a file that there
 * is or was, and `of_any` where nothing tells whose it is, because no reference can be read, or the row cannot be told into cells
 * and what stands first in it is the reference of no file.
 */
export async function judgeRejectedDocuments(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`
    create temp table rejected_documents on commit drop as
    select line, path, case when whose then ref end as ref, not whose and (ref is null or untold) as of_any
    from (
      select line, min(ref) as ref, min(path) as path, bool_or(column_name is null) as untold,
        exists (select from case_files f where f.file_ref = min(q.ref)) or exists (select from staged_files f where f.file_ref = min(q.ref))
          or exists (select from residual_records r where r.file_ref = min(q.ref)) as whose
      from staged_rejects q where source = 'documents.csv' group by line) row`);
  await trx.raw('create index on rejected_documents (ref); create index on rejected_documents (path); analyze rejected_documents');
}

/** SQL for whether no rejected row may be the document `alias`. */
export function rejectedRowsSpare(alias: string): string {
  return `not exists (select from rejected_documents q where q.ref = ${alias}.file_ref)
    and not exists (select from rejected_documents q where q.ref is null and q.path = ${alias}.path)
    and not exists (select from rejected_documents q where q.of_any and q.path is null)`;
}

/**
 * Notes, when all rows have landed, which rows of the quarantine may be any file's, and of which files the others may be: those that
 * have the document. Returns how many rows may be any file's.
 */
export async function noteWhoseTheyMayBe(trx: Knex.Transaction): Promise<number> {
  await trx.raw('delete from quarantined_documents');
  await trx.raw(`insert into quarantined_documents (file_ref, line)
    select d.file_ref, min(q.line) from rejected_documents q join documents d on d.path = q.path where q.ref is null group by d.file_ref`);
  await trx.raw(`
    update quarantine k set of_any_file = true from rejected_documents q
    where k.source = 'documents.csv' and k.line = q.line and q.of_any and not exists (select from documents d where d.path = q.path)`);
  return countOf(trx, 'select count(distinct line) from quarantine where of_any_file');
}
