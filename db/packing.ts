/** Packing the bag of one file: noted before its first byte, and measured when it is whole. */
import type { Knex } from 'knex';
import type { Archiving } from './archiveItem.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { writeBag, type BagContent, type BagFolder, type WrittenBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import { StoreProblem } from './storeProblem.ts';

/** An item that is being archived, with the number of its bag once that is begun. */
export interface Claim extends Archiving {
  bag: number | null;
}

/** Something was recorded or imported about the file while it was packed: it is packed anew, and not under locks that others wait for. */
export class ChangedMeanwhile extends Error {
  override readonly name = 'ChangedMeanwhile';

  constructor() {
    super('Something was recorded about this file each time while it was packed. Nothing was archived; the next archive step tries again.');
  }
}

/** Who records something about a file every few minutes would have it packed for ever. */
const ATTEMPTS_AT_PACKING = 3;

/** Archives one file in a transaction of its own, begun anew where something was recorded about the file while it was packed. */
export async function packingAgain<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS_AT_PACKING; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile) || left === 1) throw error;
    }
  }
}

/**
 * Notes a bag outside the transaction that writes it, so that after a crash its row says what is to be cleared; returns the
 * row's number, which the claim has from then on. Call it with the item locked, and with nothing left of an earlier attempt. Throws StoreProblem `taken`, with
 * nothing noted, when something lies there already.
 */
export async function beginBag(db: Knex, store: ArchiveStore, claim: Claim, location: string): Promise<number> {
  const { item, asOf } = claim;
  // Before the row: what a row marked `begun` names may be cleared, and this bag is not ours to clear.
  if (await store.exists(location)) throw new StoreProblem('taken', location);
  const rows = await db('bags')
    .insert({ file_ref: item.file_ref, list_id: item.list_id, location, begun_on: asOf })
    .returning<{ id: number }[]>('id');
  const { id } = rows[0] as { id: number };
  claim.bag = id;
  return id;
}

/** Writes a bag with these records, and the documents from where the content says; returns it once it was read back. */
export async function packBag(
  store: ArchiveStore,
  folder: BagFolder,
  { item, list, asOf }: Archiving,
  content: Pick<BagContent, 'records' | 'documents' | 'documentRoot' | 'fromBag'>,
): Promise<WrittenBag> {
  return writeBag(store, folder, {
    fileRef: item.file_ref,
    baggingDate: asOf,
    info: { 'Retention-Rule': item.rule, 'Schedule-Version': item.schedule_version, 'Disposal-List': String(list.id) },
    ...content,
  });
}

/** Makes a bag that was begun count, in the transaction that needs it. Throws when somebody cleared it meanwhile. */
export async function countBag(
  trx: Knex.Transaction,
  id: number,
  { sha256, size, documents }: WrittenBag,
  as: Partial<Pick<BagRow, 'move_to'>> & { state: 'waiting' | 'archived' },
): Promise<void> {
  const counted = await trx('bags')
    .where({ id, state: 'begun' })
    .update({ sha256, size, ...as });
  if (counted !== 1) throw new Error(`Bag ${id} was cleared while it was being written. Nothing was archived; run again.`);
  if (as.state === 'waiting') await noteBagDocuments(trx, id, documents);
}

/** So that every night can compare what a bag that waits holds with what the register lists, without reading it. */
export async function noteBagDocuments(trx: Knex, id: number, documents: WrittenBag['documents']): Promise<void> {
  const noted = await trx('bag_documents').where({ bag_id: id }).first<object | undefined>('bag_id');
  const rows = documents.map(({ path, size, sha256 }) => ({ bag_id: id, path, size, sha256 }));
  if (!noted && rows.length > 0) await trx.batchInsert('bag_documents', rows, 500);
}
