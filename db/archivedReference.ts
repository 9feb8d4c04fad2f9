/** Which archived file a reference stands for: the one that was not brought back, and not kept apart from a later file of the same reference. */

/** What a person may say of an archived file's reference that came again with other people. */
export const REFERENCE_VERDICTS = ['came_back', 'another_file'] as const;
export type ReferenceVerdict = (typeof REFERENCE_VERDICTS)[number];

/** SQL condition on `r` (residual_records). */
export const ARCHIVED_OF_REFERENCE = 'r.restored_on is null and r.kept_apart_on is null';

/** SQL for whether the registered file of `alias` bears the reference of an archived one; not of itself, while it is being archived. */
export function referenceReusedSql(alias: string): string {
  return `exists (select from residual_records r where r.file_ref = ${alias}.file_ref and ${ARCHIVED_OF_REFERENCE}
      and not exists (select from disposal_list_items i where i.list_id = r.list_id and i.file_ref = r.file_ref and i.binding))`;
}

/** SQL condition that joins `i` (archive_index) with the record `r` of the very file it is about. */
export const RECORD_OF_INDEX = `r.file_ref = i.file_ref and r.restored_on is null
  and (case when i.kept_apart_list is null then r.kept_apart_on is null else r.list_id = i.kept_apart_list end)`;
