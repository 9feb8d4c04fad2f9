/** Whether a wait for paper or a receipt may end: what stops it, the item that waits, and whether its documents are still those packed. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import type { VerifiedBag } from './bag.ts';
import { brakesOn } from './brakes.ts';
import { DocumentProblem, measureDocument, refuseAltered } from './documentRoot.ts';
import { notRegistered } from './explain.ts';
import type { ItemRow } from './items.ts';
import { changedSinceCompute, COMPUTE_FIRST } from './runs.ts';
import { scheduleInForce } from './schedules.ts';
import type { WAITING_STATUSES } from './waitingItems.ts';

export type WaitingStatus = (typeof WAITING_STATUSES)[number];

/** The end of the wait is archiving too: what stops the night stops it. */
export async function refuseWhileStopped(
  trx: Knex.Transaction,
  { schedule, archiving, asOf }: { schedule: Schedule; archiving: boolean; asOf: IsoDate },
): Promise<void> {
  if (!archiving) {
    throw new Refusal(
      'archiving_off',
      'Archiving is switched off (ARCHIVING=off), so nothing was recorded. Record it when it is on again.',
    );
  }
  const [brake] = await brakesOn(trx);
  if (brake) {
    throw new Refusal(
      'brake_on',
      `The brake "${brake.name}" is on, so nothing is archived and nothing was recorded. Record it when an authoriser has released the brake ("retention brake list").`,
      { brake: brake.name },
    );
  }
  // A version adopted since this began is in force as well.
  const inForce = await scheduleInForce(trx, asOf);
  if (inForce.version !== schedule.version || (await changedSinceCompute(trx, inForce))) throw new Refusal('compute_first', COMPUTE_FIRST);
}

/** The item of the file, locked. Throws a Refusal that says where the file stands when it does not wait for this. */
export async function lockWaitingItem(trx: Knex.Transaction, fileRef: string, status: WaitingStatus): Promise<ItemRow> {
  const item = await trx<ItemRow>('disposal_list_items').where({ file_ref: fileRef, binding: true }).forUpdate().first();
  if (item?.status === status) return item;
  const registered = await trx('case_files').where({ file_ref: fileRef }).first<object | undefined>('file_ref');
  if (!registered) throw await notRegistered(trx, fileRef);
  const awaited = status === 'waiting_for_receipt' ? 'a receipt' : 'its paper';
  const stands = item ? `it is ${item.status.replaceAll('_', ' ')} on list ${item.list_id}` : 'it is on no open list';
  throw new Refusal(
    'not_waiting',
    `${fileRef} does not wait for ${awaited}: ${stands}. "retention waiting" shows what waits, and for what.`,
    {
      file: fileRef,
    },
  );
}

/** What is said of a file whose wait cannot end: yet, or any more. */
export function notFree({ file_ref, list_id }: ItemRow, { reason, passes }: { reason: string; passes: boolean }): Refusal {
  const next = passes
    ? `Record it again when that is over, or take the file off: retention withdraw ${list_id} --files ${file_ref} --reason "…".`
    : `The next night takes it off list ${list_id} with that reason, and lists it anew where it may be; or do it now: retention withdraw ${list_id} --files ${file_ref} --reason "…".`;
  return new Refusal('not_free', `${file_ref} stays where it is, and nothing was recorded: ${reason}. ${next}`, {
    file: file_ref,
    list: list_id,
  });
}

/**
 * Why the documents under the root are no longer those of the bag; null where each is as packed, or gone: then the bag has it. Throws
 * DocumentProblem for one that cannot be read.
 */
export async function alteredMeanwhile(documentRoot: string, documents: VerifiedBag['documents']): Promise<string | null> {
  for (const document of documents) {
    try {
      refuseAltered(document.path, document, await measureDocument(documentRoot, document.path));
    } catch (error) {
      if (!(error instanceof DocumentProblem) || (error.problem !== 'missing' && error.problem !== 'altered')) throw error;
      if (error.problem === 'altered') return 'a document of it was altered under the document root after it was packed';
    }
  }
  return null;
}
