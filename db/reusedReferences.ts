/** A reference of an archived file that the source gave to other people's file: blocked until a person says which it is. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { removeFromRegister } from './archiveItem.ts';
import { recordEvent } from './audit.ts';
import { bagFileName } from './bag.ts';
import { ARCHIVED_OF_REFERENCE, type ReferenceVerdict } from './archivedReference.ts';
import { lockRegisteredFile } from './registeredFile.ts';

export interface ReferenceSettled {
  file_ref: string;
  verdict: ReferenceVerdict;
  archived_on: IsoDate;
  list: number;
}

interface ArchivedRecord {
  list_id: number;
  archived_on: IsoDate;
}

/**
 * Ends the block by what a person says. `another_file`: the register's file is one of its own, and what was archived under its
 * reference is kept apart, with its record, its bag and its index. `came_back`: it is the archived file; it leaves the register, and
 * its rows are again counted, compared and named for removal.
 */
export async function settleReference(
  trx: Knex.Transaction,
  fileRef: string,
  { verdict, reason }: { verdict: ReferenceVerdict; reason: string },
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<ReferenceSettled> {
  requirePermission(person, 'confirm');
  // No import lands or judges rows of the file meanwhile.
  await trx.raw("select pg_advisory_xact_lock_shared(hashtext('import'))");
  const { subject_refs } = await lockRegisteredFile(trx, fileRef);
  const archived = await requireReused(trx, fileRef);
  if (reason.trim() === '') throw new Refusal('reason_missing', 'Say how you know which file it is with --reason "…".', { file: fileRef });
  const { list_id, archived_on } = archived;
  await trx('reference_settlements').insert({
    file_ref: fileRef,
    list_id,
    verdict,
    subject_refs,
    settled_by: person.name,
    settled_on: asOf,
    reason: reason.trim(),
  });
  if (verdict === 'another_file') await keepApart(trx, fileRef, list_id, asOf);
  else await removeFromRegister(trx, fileRef);
  await recordEvent(trx, person.name, 'reference.settled', { file: fileRef, list: list_id, verdict });
  return { file_ref: fileRef, verdict, archived_on, list: list_id };
}

/** What comes of what was said, in words. */
export function settledWords({ file_ref, verdict, list }: ReferenceSettled): string {
  return verdict === 'came_back'
    ? `${file_ref} is the file that was archived on list ${list}. It left the register again; removals.csv names it for the source to delete.`
    : `${file_ref} is a file of its own from now on. The one archived on list ${list} is kept apart, and is still found by its people.`;
}

/** References of registered files that are those of archived ones, and nobody has said which. */
export async function reusedReferences(db: Knex): Promise<string[]> {
  const result = await db.raw<{ rows: { file_ref: string }[] }>(
    `select f.file_ref from residual_records r join case_files f using (file_ref) where ${ARCHIVED_OF_REFERENCE} order by f.file_ref`,
  );
  return result.rows.map((row) => row.file_ref);
}

async function requireReused(trx: Knex.Transaction, fileRef: string): Promise<ArchivedRecord> {
  const archived = await trx('residual_records')
    .where({ file_ref: fileRef })
    .whereNull('restored_on')
    .whereNull('kept_apart_on')
    .forUpdate()
    .first<ArchivedRecord | undefined>('list_id', 'archived_on');
  if (archived) return archived;
  throw new Refusal('reference_not_reused', `No archived file has the reference ${fileRef}, so there is nothing to say about it.`, {
    file: fileRef,
  });
}

/** The reference answers to the register's file from now on: the archived one is found by its people, and by its list. */
async function keepApart(trx: Knex.Transaction, fileRef: string, listId: number, asOf: IsoDate): Promise<void> {
  await trx('residual_records').where({ file_ref: fileRef, list_id: listId }).update({ kept_apart_on: asOf });
  await trx('archive_index').where({ file_ref: fileRef, kept_apart_list: null }).update({ kept_apart_list: listId });
  await trx('bags')
    .where({ file_ref: fileRef, list_id: listId, state: 'archived' })
    .update({ state: 'apart', move_to: `apart/list-${listId}/${bagFileName(fileRef)}` });
  await trx('restore_requests').where({ file_ref: fileRef, confirmed_by: null }).update({ replaced: true });
  await trx('seen_again').where({ file_ref: fileRef }).delete();
}
