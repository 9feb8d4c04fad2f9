/** What happens outside the computer to a bagged file: its receipt by Adult Services, and where its paper went. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { hasPaper } from '../rules/facts.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import type { ItemStatus, ListState } from '../rules/workflow.ts';
import { actAs } from './acting.ts';
import { moveToArchive, type Archiving } from './archiveItem.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { bagLocation, verifyBag, type WrittenBag } from './bag.ts';
import { settleBags, type BagRow } from './bagMoves.ts';
import type { CheckedFile } from './crossCheck.ts';
import { recordDisagreements } from './disagreements.ts';
import type { ItemRow } from './items.ts';
import { lockForArchiving, stillFree } from './lastCheck.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
import { ChangedMeanwhile, packingAgain, type Claim } from './packing.ts';
import { lockVersions } from './schedules.ts';
import { alteredMeanwhile, lockWaitingItem, notFree, refuseWhileStopped, type WaitingStatus } from './waitEnd.ts';
import { readyWaitingBag } from './waitingBag.ts';

export interface RecordingOutside {
  /** For what must outlive a failure of the transaction. */
  db: Knex;
  schedule: Schedule;
  store: ArchiveStore;
  documentRoot: string;
  /** False when archiving is switched off. */
  archiving: boolean;
  person: Person;
  asOf: IsoDate;
}

/**
 * What was recorded; with `disagreement` nothing was but that: the file is blocked and the brake is on. With `taken_off` nothing was
 * either: the file came off its list, for this reason.
 */
export interface RecordedOutside {
  file_ref: string;
  list: number;
  status: ItemStatus;
  list_state: ListState;
  disagreement: boolean;
  taken_off: string | null;
}

export interface WaitingFile {
  file_ref: string;
  list: number;
  waits_for: 'receipt' | 'paper';
  since: IsoDate;
  rule: string;
  /** The file of Adult Services that received it already, where its paper still waits. */
  adult_file_ref: string | null;
}

/** A select of WaitingFile. */
export const WAITING_FILES = `select i.file_ref, i.list_id as list, case i.status when 'waiting_for_receipt' then 'receipt' else 'paper' end as waits_for,
       i.status_on as since, i.rule, r.adult_file_ref
     from disposal_list_items i left join transfer_receipts r on r.list_id = i.list_id and r.file_ref = i.file_ref
     where i.status in ('waiting_for_receipt', 'waiting_for_paper')`;

/** What waits for a person to act outside the computer, longest waiting first. */
export async function readWaiting(db: Knex): Promise<WaitingFile[]> {
  const result = await db.raw<{ rows: WaitingFile[] }>(`${WAITING_FILES} order by i.status_on, i.list_id, i.position`);
  return result.rows;
}

/**
 * Records which adult's file received a file. It leaves the register, or waits for its paper when it has some. The caller
 * moves the bag and removes the sources afterwards.
 */
export async function recordReceipt(fileRef: string, adultFileRef: string, outside: RecordingOutside): Promise<RecordedOutside> {
  const reference = requireReference(adultFileRef);
  return endingWait(fileRef, 'waiting_for_receipt', outside, async (trx, { item, bag }) => {
    const { list_id, file_ref } = item;
    const { person, asOf } = outside;
    const receipt = { list_id, file_ref, adult_file_ref: reference, recorded_by: person.name, recorded_on: asOf };
    await trx('transfer_receipts').insert(receipt);
    await recordEvent(trx, person.name, 'transfer.received', { list: list_id, file: file_ref, as_file: reference, bag: bag.sha256 });
  });
}

/** Records where the paper of a file went, and archives the file. The caller removes the sources afterwards. */
export async function recordPaperMoved(fileRef: string, movedTo: string, outside: RecordingOutside): Promise<RecordedOutside> {
  if (movedTo.trim() === '') throw new Refusal('place_missing', 'Say where the paper is now with --moved-to "…".', { file: fileRef });
  return endingWait(fileRef, 'waiting_for_paper', outside, async (trx, { item: { list_id, file_ref } }) => {
    const { person, asOf } = outside;
    const moved = { list_id, file_ref, moved_to: movedTo.trim(), recorded_by: person.name, recorded_on: asOf };
    await trx('paper_moves').insert(moved);
    await recordEvent(trx, person.name, 'paper.moved', { list: list_id, file: file_ref });
  });
}

/** An item whose wait is over, under the locks of archiving, with everything asked of it once more. */
interface Waiting extends Archiving {
  /** The bag that goes into the archive; or the one that waits on, for the paper that the file has as well. */
  bag: { id: number; waits: true; sha256: string } | (WrittenBag & { waits: false });
}

/**
 * Ends a wait: `record` writes what happened outside. Throws a Refusal when the file does not wait for this, or when anything stands in
 * the way; then nothing was changed.
 */
async function endingWait(
  fileRef: string,
  status: WaitingStatus,
  outside: RecordingOutside,
  record: (trx: Knex.Transaction, waiting: Waiting) => Promise<void>,
): Promise<RecordedOutside> {
  requirePermission(outside.person, 'record_outside');
  const attempt = async (trx: Knex.Transaction): Promise<RecordedOutside> => {
    const waiting = await openWaiting(trx, fileRef, status, outside);
    if ('ended' in waiting) return waiting.ended;
    await record(trx, waiting);
    return waiting.bag.waits ? waitForPaper(trx, waiting, waiting.bag, outside) : archiveWaiting(trx, waiting, waiting.bag, outside);
  };
  try {
    return await packingAgain(() => clearingVainBag(fileRef, outside, () => actAs(outside.db, outside.person, attempt)));
  } catch (error) {
    if (!(error instanceof ChangedMeanwhile)) throw error;
    throw new Refusal(
      'changed_meanwhile',
      `Something was recorded about ${fileRef} each time while its bag was packed anew, so nothing was recorded now. Record it again.`,
      { file: fileRef },
    );
  }
}

/** At once, for it is in the way of the next attempt. */
async function clearingVainBag<T>(fileRef: string, outside: RecordingOutside, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal || error instanceof ChangedMeanwhile) await settleBags(outside.db, outside, fileRef);
    throw error;
  }
}

/** Where the wait has ended otherwise, that was recorded and is returned. */
async function openWaiting(
  trx: Knex.Transaction,
  fileRef: string,
  status: WaitingStatus,
  outside: RecordingOutside,
): Promise<Waiting | { ended: RecordedOutside }> {
  const { db, schedule, store, documentRoot, asOf } = outside;
  await lockVersions(trx);
  const item = await lockWaitingItem(trx, fileRef, status);
  const list = (await trx<ListRow>('disposal_lists').where({ id: item.list_id }).first()) as ListRow;
  const claim: Claim = { list, item, schedule, asOf, bag: null };
  const early = await freeToGo(trx, item, outside);
  if ('ended' in early) return early;
  // Before the locks that everybody waits for: reading a large bag and its sources back, and packing one, takes a while.
  const row = (await trx<BagRow>('bags').where({ file_ref: fileRef, state: 'waiting' }).first()) as BagRow;
  const verified = await verifyBag(store, row.location, row);
  const altered = await alteredMeanwhile(documentRoot, verified.documents);
  if (altered !== null) return { ended: await takeOff(trx, item, altered, outside) };
  const waits = waitsForPaper(item, early.checked);
  const ready = waits ? null : await readyWaitingBag(trx, { db, store }, { row, verified }, claim, early.checked);

  await lockForArchiving(trx, fileRef);
  const late = await freeToGo(trx, item, outside);
  if ('ended' in late) return late;
  if (waitsForPaper(item, late.checked) !== waits) throw new ChangedMeanwhile();
  return { ...claim, bag: ready ? { ...(await ready(late.checked)), waits: false } : { ...row, waits: true } };
}

/** What both calculations say of a file that may go; or how its wait ended, where they differ. Throws a Refusal where it may not. */
async function freeToGo(
  trx: Knex.Transaction,
  item: ItemRow,
  outside: RecordingOutside,
): Promise<{ checked: CheckedFile } | { ended: RecordedOutside }> {
  await refuseWhileStopped(trx, outside);
  const free = await stillFree(trx, outside.schedule, outside.asOf, item);
  if (free.reason !== null) throw notFree(item, free);
  return free.checked.verdict === 'agree'
    ? { checked: free.checked }
    : { ended: await stopForDisagreement(trx, item, free.checked, outside) };
}

/** A received file that is on paper too waits on for that. */
function waitsForPaper({ status }: ItemRow, { caseFile }: CheckedFile): boolean {
  return status === 'waiting_for_receipt' && hasPaper(caseFile);
}

/** Committed rather than refused, so that the next night lists the file with what is there now. */
async function takeOff(trx: Knex.Transaction, item: ItemRow, reason: string, { person, asOf }: RecordingOutside): Promise<RecordedOutside> {
  await withdrawItems(trx, item.list_id, [{ fileRef: item.file_ref, reason }], { asOf, actor: person.name });
  return { ...(await recorded(trx, item, 'withdrawn', asOf)), taken_off: reason };
}

async function waitForPaper(
  trx: Knex.Transaction,
  { item, asOf }: Waiting,
  bag: { id: number; sha256: string },
  { person }: RecordingOutside,
): Promise<RecordedOutside> {
  const { list_id, file_ref } = item;
  await trx('bags')
    .where({ id: bag.id })
    .update({ move_to: bagLocation('', file_ref) });
  await trx('disposal_list_items').where({ list_id, file_ref }).update({ status: 'waiting_for_paper', status_on: asOf });
  await recordEvent(trx, person.name, 'item.waiting_for_paper', { list: list_id, file: file_ref, bag: bag.sha256 });
  return recorded(trx, item, 'waiting_for_paper', asOf);
}

async function archiveWaiting(
  trx: Knex.Transaction,
  waiting: Waiting,
  bag: WrittenBag,
  { person }: RecordingOutside,
): Promise<RecordedOutside> {
  const { item, asOf } = waiting;
  const status = item.action === 'transfer_to_adult_file' ? 'transferred' : 'archived';
  await moveToArchive(trx, bag, waiting, { status, actor: person.name });
  return recorded(trx, item, status, asOf);
}

/** Committed rather than refused, for the block and the brake must stay. */
async function stopForDisagreement(
  trx: Knex.Transaction,
  item: ItemRow,
  checked: CheckedFile,
  { asOf }: RecordingOutside,
): Promise<RecordedOutside> {
  await recordDisagreements(trx, [checked], { asOf, runId: null });
  return { ...(await recorded(trx, item, item.status, asOf)), disagreement: true };
}

async function recorded(trx: Knex.Transaction, item: ItemRow, status: ItemStatus, asOf: IsoDate): Promise<RecordedOutside> {
  const listState = await settleList(trx, item.list_id, asOf);
  return { file_ref: item.file_ref, list: item.list_id, status, list_state: listState, disagreement: false, taken_off: null };
}

/** A reference, and nothing that would bring a name into the residual record. */
function requireReference(text: string): string {
  const reference = text.trim();
  if (/^[\p{L}\p{N}][\p{L}\p{N}._/:#-]{0,99}$/u.test(reference)) return reference;
  throw new Refusal(
    'reference_unusable',
    'Give the reference of the adult’s file with --as-file: letters, digits and . _ / : # -, without spaces, at most 100. It stays in the residual record, so it must not be a name.',
  );
}
