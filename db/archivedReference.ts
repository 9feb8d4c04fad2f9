/** Which archived file a reference stands for: the one that was not brought back, and not kept apart from a later file of the same reference. */
import type { Knex } from 'knex';

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

/** Where the bags lie, or are about to, of archived files that had this reference before the file that has it now. */
export async function bagsKeptApart(db: Knex, fileRef: string): Promise<string[]> {
  const bags = await db('bags')
    .where({ file_ref: fileRef, state: 'apart' })
    .orderBy('id')
    .select<{ location: string; move_to: string | null }[]>('location', 'move_to');
  return bags.map(({ location, move_to }) => move_to ?? location);
}

/** Which file it is not, where its reference was another file's before; with a space at the end. */
export function apartWords(apart: readonly string[]): string {
  return apart.length === 0
    ? ''
    : `It is the one archived last under this reference; what another file of that reference left is kept apart (${apart.join(', ')}) and does not come back. `;
}
