/** Bags after they were written: moved to where a decision put them, and cleared when no item needs them, also after a crash. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { BagDamaged, bagFileName, verifyBag } from './bag.ts';
import { systemCode } from './fileIo.ts';
import { isElsewhere } from './lastCopy.ts';
import { StoreProblem } from './storeProblem.ts';

/** A row of bags. */
export interface BagRow {
  id: number;
  file_ref: string;
  list_id: number;
  location: string;
  move_to: string | null;
  /** Null, as the size, while it is only begun. */
  sha256: string;
  size: number;
  state: 'begun' | 'waiting' | 'archived' | 'restored' | 'kept' | 'apart' | 'cleared';
}

/** Where in the store bags lie that hold documents found nowhere else, of files that were taken off their lists. */
export const KEPT_ASIDE = 'kept/';

export interface BagMoves {
  moved: number;
  /** Tried again by the next archive step. */
  failed: number;
}

export interface BagsCleared {
  cleared: number;
  /** Not cleared, for they hold documents that are nowhere else. */
  kept: number;
}

/** What bags are settled by. */
export interface SettlingBags {
  store: ArchiveStore;
  documentRoot: string;
  asOf: IsoDate;
}

/**
 * Puts the bags of one file, or of all, where decisions that have committed say: those that no item needs are cleared, then
 * those on their way moved, which may be to the place of one just cleared.
 */
export async function settleBags(db: Knex, settling: SettlingBags, fileRef?: string): Promise<BagMoves & BagsCleared> {
  const cleared = await clearAbandonedBags(db, settling, fileRef);
  return { ...(await finishBagMoves(db, settling, fileRef)), ...cleared };
}

/**
 * Moves each bag whose row says so to its place. The row was written by the transaction that decided it, so a crash in
 * between leaves a move to do, never a bag nobody knows of.
 */
async function finishBagMoves(db: Knex, { store, asOf }: SettlingBags, fileRef?: string): Promise<BagMoves> {
  const moves: BagMoves = { moved: 0, failed: 0 };
  const due = db('bags').whereNotNull('move_to').orderBy('id').select<{ id: number }[]>('id');
  for (const { id } of await (fileRef === undefined ? due : due.where({ file_ref: fileRef }))) {
    const ended = await db.transaction((trx) => moveBag(trx, store, id, asOf));
    if (ended !== null) moves[ended]++;
  }
  return moves;
}

/**
 * Clears bags that are no part of the archive: begun for an item that is no longer approved, or waiting for one that was
 * withdrawn, or that was archived with another bag, or kept aside from such a one.
 */
async function clearAbandonedBags(db: Knex, settling: SettlingBags, fileRef?: string): Promise<BagsCleared> {
  const counts: BagsCleared = { cleared: 0, kept: 0 };
  for (const { id, state } of await abandonedBags(db, fileRef)) {
    const ended = await clearBag(db, settling, id);
    if (ended === 'cleared') counts.cleared++;
    // Of one that was kept aside before, a person knows.
    else if (state !== 'kept') counts.kept++;
  }
  return counts;
}

/** SQL for a bag `b` with a problem, of moving or of clearing. Of one begun for an item that is still to be archived the item tells. */
export const BAG_PROBLEMS = `b.problem_on is not null and not (b.state = 'begun' and exists (${bindingItem("'approved', 'failed'")}))`;

/**
 * Deletes the bag of this number if it still is none of the archive's, and only when everything in it was found elsewhere: a
 * bag that was begun may have been whole, and its sources gone, when the database came back from a moment before. Where it is
 * `kept` a person is told; one that waited for an item that is no more goes `aside`, so that its file can be bagged anew. Reading a
 * large bag takes a while, so call it under no lock that others wait for.
 */
export async function clearBag(db: Knex, settling: SettlingBags, id: number): Promise<'cleared' | 'kept' | 'aside'> {
  return db.transaction(async (trx) => {
    const bag = await trx<BagRow>('bags').where({ id }).whereIn('state', ['begun', 'waiting', 'kept']).forUpdate().first();
    if (!bag) return 'cleared';
    if ((await settling.store.exists(bag.location)) && !(await isElsewhere(trx, settling, bag))) {
      await noteProblem(trx, id, settling.asOf);
      return (await putAside(trx, bag)) ? 'aside' : 'kept';
    }
    // The row first: where the database refuses, nothing is gone.
    await trx('bags').where({ id }).update({ state: 'cleared', move_to: null, problem_on: null });
    // Never what lies where it was to be moved: when the move failed, that is another's.
    await settling.store.delete(bag.location);
    return 'cleared';
  });
}

/** True when the bag is, or is about to be moved, where no bag of its file is ever written. */
async function putAside(trx: Knex.Transaction, { id, file_ref, list_id, state }: BagRow): Promise<boolean> {
  if (state === 'kept') return true;
  const needed = await trx('disposal_list_items').where({ file_ref, list_id, binding: true }).first<object | undefined>('file_ref');
  if (state !== 'waiting' || needed) return false;
  await trx('bags')
    .where({ id })
    .update({ state: 'kept', move_to: `${KEPT_ASIDE}list-${list_id}/${bagFileName(file_ref)}` });
  return true;
}

/** Another process may be moving it at this moment; that one then does all of it. */
async function moveBag(trx: Knex.Transaction, store: ArchiveStore, id: number, asOf: IsoDate): Promise<keyof BagMoves | null> {
  const bag = await trx<BagRow>('bags').where({ id }).whereNotNull('move_to').forUpdate().skipLocked().first();
  if (!bag?.move_to) return null;
  try {
    if (await store.exists(bag.location)) await store.move(bag.location, bag.move_to);
    // A crash after the move and before this row was changed leaves the bag at its new place alone.
    else await verifyBag(store, bag.move_to, bag);
  } catch (error) {
    if (!(error instanceof StoreProblem) && !(error instanceof BagDamaged) && systemCode(error) === undefined) throw error;
    await noteProblem(trx, id, asOf);
    return 'failed';
  }
  await trx('bags')
    .where({ id })
    .update({ location: bag.move_to, move_to: null, ...(bag.state === 'kept' ? {} : { problem_on: null }) });
  await trx('archive_index').where({ file_ref: bag.file_ref, bag_location: bag.location }).update({ bag_location: bag.move_to });
  return 'moved';
}

async function abandonedBags(db: Knex, fileRef: string | undefined): Promise<BagRow[]> {
  const result = await db.raw<{ rows: BagRow[] }>(
    `select b.* from bags b where (cast(:fileRef as text) is null or b.file_ref = :fileRef)
       and (b.state = 'kept' or (b.state = 'begun' and not exists (${bindingItem("'approved', 'failed'")}))
         or (b.state = 'waiting' and not exists (${bindingItem("'waiting_for_receipt', 'waiting_for_paper'")})))
     order by b.id`,
    { fileRef: fileRef ?? null },
  );
  return result.rows;
}

function bindingItem(statuses: string): string {
  return `select from disposal_list_items i where i.file_ref = b.file_ref and i.binding and i.status in (${statuses})`;
}

async function noteProblem(db: Knex, id: number, asOf: IsoDate): Promise<void> {
  await db('bags').where({ id }).whereNull('problem_on').update({ problem_on: asOf });
}
