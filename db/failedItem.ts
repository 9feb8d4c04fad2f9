/** An item that could not be archived: whether the fault is its own, and what is recorded of it then. */
import type { Knex } from 'knex';
import { ATTEMPTS_BEFORE_WITHDRAWAL } from '../rules/workflow.ts';
import type { Archiving } from './archiveItem.ts';
import { recordEvent } from './audit.ts';
import { BagDamaged } from './bag.ts';
import { brakesOn } from './brakes.ts';
import { DocumentProblem } from './documentRoot.ts';
import { systemCode } from './fileIo.ts';
import { BagInTheWay } from './foundBag.ts';
import { guardRefusal } from './guardRefusal.ts';
import type { ItemRow } from './items.ts';
import { settleList, withdrawItems } from './lists.ts';
import { ChangedMeanwhile } from './packing.ts';
import { StoreProblem } from './storeProblem.ts';

/** What failed of one item: a word for the audit, and the reason that people are shown. */
export interface FaultOfItem {
  problem: string;
  reason: string;
}

/** What an archive store does not take of one file, and would of another. */
const STORE_TAKES_NOT: Readonly<Record<string, string>> = {
  EFBIG:
    'The bag of this file is larger than one file may be in the archive store. Raise the limit of its disk, its share or the service account',
  ENAMETOOLONG: 'The archive store does not take a name as long as that of the bag of this file. Use a store that takes 255 bytes',
};
const ITEM_FAULTS = [StoreProblem, BagDamaged, BagInTheWay, ChangedMeanwhile];

/**
 * A fault of this item alone fails it, and the rest goes on; anything else (the database is gone, a full disk) ends the run. So
 * does what a guard refuses while a brake is on, for it would refuse every item.
 */
export async function faultOfItem(db: Knex, error: unknown): Promise<FaultOfItem | null> {
  if (error instanceof DocumentProblem) return { problem: error.problem, reason: error.message };
  if (ITEM_FAULTS.some((fault) => error instanceof fault)) return { problem: (error as Error).name, reason: (error as Error).message };
  const code = systemCode(error) ?? '';
  const refused = STORE_TAKES_NOT[code];
  if (refused !== undefined) return { problem: code, reason: `${refused} (${code}). Nothing of this file was removed.` };
  const reason = guardRefusal(error);
  return reason === null || (await brakesOn(db)).length > 0 ? null : { problem: 'refused', reason };
}

/** Fails the item, and after some nights takes it off. `withdrawn` where somebody has done so meanwhile. */
export async function recordFailure(db: Knex, { item, asOf }: Archiving, fault: FaultOfItem): Promise<'failed' | 'withdrawn'> {
  const key = { list_id: item.list_id, file_ref: item.file_ref };
  return db.transaction(async (trx) => {
    // Since the rollback let go of it another process may have archived it, or somebody have taken it off.
    const now = await trx<ItemRow>('disposal_list_items').where(key).forUpdate().first();
    if (now?.status !== 'approved' && now?.status !== 'failed') return 'withdrawn';
    const attempts = now.status === 'failed' && now.status_on === asOf ? now.attempts : now.attempts + 1;
    await trx('disposal_list_items').where(key).update({ status: 'failed', status_reason: fault.reason, status_on: asOf, attempts });
    await recordEvent(trx, 'service', 'item.failed', { list: item.list_id, file: item.file_ref, problem: fault.problem, attempts });
    if (attempts >= ATTEMPTS_BEFORE_WITHDRAWAL) {
      const reason = `archiving failed ${attempts} nights: ${fault.reason}`;
      await withdrawItems(trx, item.list_id, [{ fileRef: item.file_ref, reason }], { asOf, actor: 'service' });
    }
    await settleList(trx, item.list_id, asOf);
    return 'failed';
  });
}
