/** The bag of a file whose wait is over: the one that waited, or one written anew with what was recorded about the file since. */
import type { Knex } from 'knex';
import { bagRecords, sameRecords, type Archiving } from './archiveItem.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { bagLocation, type VerifiedBag, type WrittenBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import type { CheckedFile } from './crossCheck.ts';
import { beginBag, countBag, packBag } from './packing.ts';

/** A bag that waits, and what it was found to hold when it was read back. */
export interface WaitingBag {
  row: BagRow;
  verified: VerifiedBag;
}

/**
 * Marks the bag that goes into the archive, to be moved to its place once this has committed, and returns it. Call it under the
 * locks of archiving. `db` is for what must outlive a failure of the transaction. The caller clears the bag that was replaced.
 */
export async function archiveWaitingBag(
  trx: Knex.Transaction,
  { db, store }: { db: Knex; store: ArchiveStore },
  waiting: WaitingBag,
  archiving: Archiving,
  checked: CheckedFile,
): Promise<WrittenBag> {
  const { row, verified } = waiting;
  const place = bagLocation('', row.file_ref);
  // What was signed, and the determination it was signed by, stay as they were packed; a later version of the schedule says the same.
  const { determination, 'sign-off': signOff } = verified.records;
  const records = { ...(await bagRecords(trx, checked, archiving)), determination, 'sign-off': signOff };
  if (sameRecords(records, verified.records)) {
    await trx('bags')
      .where({ id: row.id })
      .update({ state: 'archived', move_to: row.location === place ? null : place });
    return { location: row.location, sha256: row.sha256, size: row.size, documents: verified.documents };
  }
  const id = await beginBag(db, store, archiving, bagLocation('renewed', row.file_ref));
  // Or whoever settles bags at this moment would take it for one that no item needs.
  await trx('bags').where({ id }).forUpdate().select('id');
  // From the bag that waited, for it may hold the last copy.
  const bag = await packBag(store, 'renewed', archiving, {
    records,
    documents: verified.documents,
    documentRoot: null,
    fromBag: row.location,
  });
  await countBag(trx, id, bag, { state: 'archived', move_to: place });
  await recordEvent(trx, 'service', 'bag.renewed', { list: row.list_id, file: row.file_ref, bag: bag.sha256, replaces: row.sha256 });
  return bag;
}
