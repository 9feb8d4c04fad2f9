/** The last look at a file before it goes: the locks under which nothing about it changes, and whether it is still free to go. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { checkFiles, type CheckedFile } from './crossCheck.ts';
import { lockHolds } from './holds.ts';
import type { ItemRow } from './items.ts';
import { reasonsToWithdraw } from './recheck.ts';

/** From here on nobody can place a hold, change the facts or record anything about the file until this transaction has ended. */
export async function lockForArchiving(trx: Knex.Transaction, fileRef: string): Promise<void> {
  await lockHolds(trx);
  await trx.raw("select pg_advisory_xact_lock_shared(hashtext('import'))");
  await trx.raw('select from case_files where file_ref = ? for update', [fileRef]);
  // Documents before the audit chain, as removing sources does, so that neither waits for the other for ever.
  await trx.raw('lock table documents in row exclusive mode');
}

/** What both calculations say of the file of an item; or why it may not go: the same question as the nightly re-check. */
export async function stillFree(
  trx: Knex.Transaction,
  schedule: Schedule,
  asOf: IsoDate,
  item: ItemRow,
): Promise<{ reason: string } | { reason: null; checked: CheckedFile }> {
  const reason = (await reasonsToWithdraw(trx, schedule, asOf, [item])).get(item.file_ref);
  const [checked] = await checkFiles(trx, schedule, asOf, [item.file_ref]);
  return reason === undefined && checked ? { reason: null, checked } : { reason: reason ?? 'the file is no longer in the register' };
}
