/** The last look at a file before it goes: the locks under which nothing about it changes, and whether it is still free to go. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import { checkFiles, type CheckedFile } from './crossCheck.ts';
import { lockHolds } from './holds.ts';
import type { ItemRow } from './items.ts';
import { reasonsToWithdraw } from './recheck.ts';
import { COMPUTE_FIRST } from './runs.ts';
import { blockedWords, isWaiting, readWaits } from './waitingItems.ts';

/** From here on nobody can place a hold, change the facts or record anything about the file until this transaction has ended. */
export async function lockForArchiving(trx: Knex.Transaction, fileRef: string): Promise<void> {
  await lockHolds(trx);
  await trx.raw("select pg_advisory_xact_lock_shared(hashtext('import'))");
  await trx.raw('select from case_files where file_ref = ? for update', [fileRef]);
  // Documents before the audit chain, as removing sources does, so that neither waits for the other for ever.
  await trx.raw('lock table documents in row exclusive mode');
}

/**
 * What both calculations say of the file of an item; or why it may not go: the same question as the nightly re-check. `passes`
 * says of one that waits that nothing of it was altered, so that its wait can end when this is over. Throws a Refusal where it must be
 * computed first.
 */
export async function stillFree(
  trx: Knex.Transaction,
  schedule: Schedule,
  asOf: IsoDate,
  item: ItemRow,
): Promise<{ reason: string; passes: boolean } | { reason: null; checked: CheckedFile }> {
  const reason = (await reasonsToWithdraw(trx, schedule, asOf, [item])).get(item.file_ref);
  const [checked] = await checkFiles(trx, schedule, asOf, [item.file_ref]);
  if (reason !== undefined || !checked) return { reason: reason ?? 'the file is no longer in the register', passes: false };
  if (checked.verdict === 'stale') throw new Refusal('compute_first', COMPUTE_FIRST, { file: item.file_ref });
  const passing = isWaiting(item) ? await whatKeepsWaiting(trx, asOf, item, checked) : null;
  return passing === null ? { reason: null, checked } : { reason: passing, passes: true };
}

async function whatKeepsWaiting(trx: Knex.Transaction, asOf: IsoDate, item: ItemRow, { candidacy }: CheckedFile): Promise<string | null> {
  const blocks = candidacy.blocks.filter((block) => block !== 'listed');
  if (blocks.length > 0) return blockedWords(blocks);
  return (await readWaits(trx, [item], asOf)).get(item.file_ref)?.away ?? null;
}
