/** The bag of a file whose wait is over: the one that waited, or one written anew with what was recorded about the file since. */
import type { Knex } from 'knex';
import { bagRecords, sameRecords } from './archiveItem.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { bagLocation, type VerifiedBag, type WrittenBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import type { CheckedFile } from './crossCheck.ts';
import { beginBag, ChangedMeanwhile, countBag, packBag, type Claim } from './packing.ts';

/** A bag that waits, and what it was found to hold when it was read back. */
export interface WaitingBag {
  row: BagRow;
  verified: VerifiedBag;
}

/** Marks a bag as the one that goes into the archive, under the locks of archiving and with the file as it is there. */
export type ReadyBag = (checked: CheckedFile) => Promise<WrittenBag>;

/**
 * The bag that goes into the archive, packed anew where need be; call it before the locks of archiving, for that takes a while. What
 * it returns is called under them, moves the bag to its place once that has committed, and throws ChangedMeanwhile where something
 * was recorded about the file since. `db` is for what must outlive a failure of the transaction. The caller clears the bag that was
 * replaced, or that was packed in vain.
 */
export async function readyWaitingBag(
  trx: Knex.Transaction,
  outside: { db: Knex; store: ArchiveStore },
  waiting: WaitingBag,
  claim: Claim,
  early: CheckedFile,
): Promise<ReadyBag> {
  const records = await bagRecords(trx, early, claim);
  const isCurrent = sameRecords(records, waiting.verified.records);
  const count = isCurrent ? () => countWaiting(trx, waiting) : await renewedBag(trx, outside, waiting, claim, records);
  return async (late) => {
    if (!sameRecords(await bagRecords(trx, late, claim), records)) throw new ChangedMeanwhile();
    return count();
  };
}

async function countWaiting(trx: Knex.Transaction, { row, verified }: WaitingBag): Promise<WrittenBag> {
  const { id, file_ref, location, sha256, size } = row;
  const place = bagLocation('', file_ref);
  await trx('bags')
    .where({ id })
    .update({ state: 'archived', move_to: location === place ? null : place });
  return { location, sha256, size, documents: verified.documents };
}

/** Packs a bag with these records, from the bag that waited, for that may hold the last copy; what it returns makes it count. */
async function renewedBag(
  trx: Knex.Transaction,
  { db, store }: { db: Knex; store: ArchiveStore },
  { row, verified }: WaitingBag,
  claim: Claim,
  records: Record<string, unknown>,
): Promise<() => Promise<WrittenBag>> {
  const { file_ref, list_id, location, sha256 } = row;
  const id = await beginBag(db, store, claim, bagLocation('renewed', file_ref));
  // Or whoever settles bags at this moment would take it for one that no item needs.
  await trx('bags').where({ id }).forUpdate().select('id');
  // What was signed, and the determination it was signed by, stay as they were packed; a later version of the schedule says the same.
  const { determination, 'sign-off': signOff } = verified.records;
  const bag = await packBag(store, 'renewed', claim, {
    records: { ...records, determination, 'sign-off': signOff },
    documents: verified.documents,
    documentRoot: null,
    fromBag: location,
  });
  return async () => {
    await countBag(trx, id, bag, { state: 'archived', move_to: bagLocation('', file_ref) });
    await recordEvent(trx, 'service', 'bag.renewed', { list: list_id, file: file_ref, bag: bag.sha256, replaces: sha256 });
    return bag;
  };
}
