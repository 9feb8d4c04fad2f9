/** What happens outside the computer to a bagged file: its receipt by Adult Services, and where its paper went. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { hasPaper } from '../rules/facts.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import type { ItemStatus, ListState } from '../rules/workflow.ts';
import { moveToArchive, type Archiving } from './archiveItem.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { bagLocation, verifyBag, type WrittenBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import type { CheckedFile } from './crossCheck.ts';
import { recordDisagreements } from './disagreements.ts';
import type { ItemRow } from './items.ts';
import { lockForArchiving, stillFree } from './lastCheck.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
import { lockVersions } from './schedules.ts';
import { alteredMeanwhile, lockWaitingItem, notFree, refuseWhileStopped, type WaitingStatus } from './waitEnd.ts';
import { archiveWaitingBag, type WaitingBag } from './waitingBag.ts';

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
 * moves the bag and removes the sources once this has committed.
 */
export async function recordReceipt(
  trx: Knex.Transaction,
  fileRef: string,
  adultFileRef: string,
  outside: RecordingOutside,
): Promise<RecordedOutside> {
  const reference = requireReference(adultFileRef);
  const waiting = await openWaiting(trx, fileRef, 'waiting_for_receipt', outside);
  if ('ended' in waiting) return waiting.ended;
  const { item, checked, bag } = waiting;
  const { person, asOf } = outside;
  const archived = hasPaper(checked.caseFile) ? null : await bagToArchive(trx, waiting, outside);
  await trx('transfer_receipts').insert({
    list_id: item.list_id,
    file_ref: fileRef,
    adult_file_ref: reference,
    recorded_by: person.name,
    recorded_on: asOf,
  });
  await recordEvent(trx, person.name, 'transfer.received', {
    list: item.list_id,
    file: fileRef,
    as_file: reference,
    bag: (archived ?? bag.row).sha256,
  });
  if (archived) return archiveWaiting(trx, waiting, archived, outside);
  await trx('bags')
    .where({ id: bag.row.id })
    .update({ move_to: bagLocation('', fileRef) });
  await trx('disposal_list_items')
    .where({ list_id: item.list_id, file_ref: fileRef })
    .update({ status: 'waiting_for_paper', status_on: asOf });
  await recordEvent(trx, person.name, 'item.waiting_for_paper', { list: item.list_id, file: fileRef, bag: bag.row.sha256 });
  return recorded(trx, item, 'waiting_for_paper', asOf);
}

/** Records where the paper of a file went, and archives the file. The caller removes the sources once this has committed. */
export async function recordPaperMoved(
  trx: Knex.Transaction,
  fileRef: string,
  movedTo: string,
  outside: RecordingOutside,
): Promise<RecordedOutside> {
  if (movedTo.trim() === '') throw new Refusal('place_missing', 'Say where the paper is now with --moved-to "…".', { file: fileRef });
  const waiting = await openWaiting(trx, fileRef, 'waiting_for_paper', outside);
  if ('ended' in waiting) return waiting.ended;
  const { item } = waiting;
  const { person, asOf } = outside;
  const archived = await bagToArchive(trx, waiting, outside);
  await trx('paper_moves').insert({
    list_id: item.list_id,
    file_ref: fileRef,
    moved_to: movedTo.trim(),
    recorded_by: person.name,
    recorded_on: asOf,
  });
  await recordEvent(trx, person.name, 'paper.moved', { list: item.list_id, file: fileRef });
  return archiveWaiting(trx, waiting, archived, outside);
}

/** An item whose wait is over, under the locks of archiving, with everything asked of it once more. */
interface Waiting {
  item: ItemRow;
  checked: CheckedFile;
  bag: WaitingBag;
}

/**
 * Throws a Refusal when the file does not wait for this, or when anything stands in the way; then nothing was changed. Where the wait
 * has ended otherwise, that was recorded and is returned.
 */
async function openWaiting(
  trx: Knex.Transaction,
  fileRef: string,
  status: WaitingStatus,
  outside: RecordingOutside,
): Promise<Waiting | { ended: RecordedOutside }> {
  const { schedule, store, documentRoot, person, asOf } = outside;
  requirePermission(person, 'record_outside');
  await lockVersions(trx);
  await refuseWhileStopped(trx, outside);
  const item = await lockWaitingItem(trx, fileRef, status);
  const row = (await trx<BagRow>('bags').where({ file_ref: fileRef, state: 'waiting' }).first()) as BagRow;
  // Before the locks that everybody waits for: reading a large bag and its sources back takes a while.
  const verified = await verifyBag(store, row.location, row);
  const altered = await alteredMeanwhile(documentRoot, verified.documents);
  await lockForArchiving(trx, fileRef);
  const free = await stillFree(trx, schedule, asOf, item);
  if (free.reason !== null) throw notFree(item, free);
  const waiting = { item, checked: free.checked, bag: { row, verified } };
  if (!free.checked.agree) return { ended: await stopForDisagreement(trx, waiting, outside) };
  return altered === null ? waiting : { ended: await takeOff(trx, item, altered, outside) };
}

/** Committed rather than refused, so that the next night lists the file with what is there now. */
async function takeOff(trx: Knex.Transaction, item: ItemRow, reason: string, { person, asOf }: RecordingOutside): Promise<RecordedOutside> {
  await withdrawItems(trx, item.list_id, [{ fileRef: item.file_ref, reason }], { asOf, actor: person.name });
  return { ...(await recorded(trx, item, 'withdrawn', asOf)), taken_off: reason };
}

/** Before the audit is told of anything: who else has something to tell it waits until this ends, and writing a bag takes a while. */
async function bagToArchive(trx: Knex.Transaction, { item, checked, bag }: Waiting, outside: RecordingOutside): Promise<WrittenBag> {
  return archiveWaitingBag(trx, outside, bag, await archivingOf(trx, item, outside), checked);
}

async function archivingOf(trx: Knex.Transaction, item: ItemRow, { schedule, asOf }: RecordingOutside): Promise<Archiving> {
  const list = (await trx<ListRow>('disposal_lists').where({ id: item.list_id }).first()) as ListRow;
  return { list, item, schedule, asOf };
}

async function archiveWaiting(
  trx: Knex.Transaction,
  { item }: Waiting,
  bag: WrittenBag,
  outside: RecordingOutside,
): Promise<RecordedOutside> {
  const status = item.action === 'transfer_to_adult_file' ? 'transferred' : 'archived';
  await moveToArchive(trx, bag, await archivingOf(trx, item, outside), { status, actor: outside.person.name });
  return recorded(trx, item, status, outside.asOf);
}

/** Committed rather than refused, for the block and the brake must stay. */
async function stopForDisagreement(
  trx: Knex.Transaction,
  { item, checked }: Waiting,
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
