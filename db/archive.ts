/**
 * The archive step. For each item past its cooling-off: bag durable, then one transaction that locks, re-checks and marks,
 * then the source. A crash at any point leaves what the next run finishes or clears.
 */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { hasPaper } from '../rules/facts.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import { documentNumbers } from '../rules/words.ts';
import { bagRecords, moveToArchive, sameRecords, type Archiving } from './archiveItem.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { bagLocation, type BagFolder, type WrittenBag } from './bag.ts';
import { clearBag, settleBags, type BagMoves, type BagsCleared } from './bagMoves.ts';
import type { CheckedFile } from './crossCheck.ts';
import { recordDisagreements } from './disagreements.ts';
import { DocumentProblem } from './documentRoot.ts';
import { faultOfItem, recordFailure } from './failedItem.ts';
import { findBag } from './foundBag.ts';
import { listedDocuments, type ItemRow } from './items.ts';
import { lockForArchiving, stillFree } from './lastCheck.ts';
import { isStagedElsewhere } from './lastCopy.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
import { beginBag, ChangedMeanwhile, countBag, noteBagDocuments, packBag, packingAgain, type Claim } from './packing.ts';
import { keepPlans } from './prepared.ts';
import { requireOurRoots, noteInRoots, rootsOf } from './roots.ts';
import { isSuperseded, lockVersions } from './schedules.ts';
import { removeSources, type RemovalCounts } from './sources.ts';
import { readyWaitingBag, type WaitingBag } from './waitingBag.ts';

export interface ArchiveSettings {
  schedule: Schedule;
  asOf: IsoDate;
  runId: number;
  store: ArchiveStore;
  documentRoot: string;
  /** Asked before each item; throws when the lock of the night was lost. */
  requireLock: () => Promise<void>;
  /** Called after each item; for a progress line. */
  progress: (done: number) => void;
}

export interface ArchiveCounts {
  archived: number;
  waiting: number;
  withdrawn: number;
  failed: number;
  disagreements: number;
  /** The schedule or the facts changed since the last compute, so that no more was archived by what it stored. */
  outdated: boolean;
  bytes: number;
  sources: RemovalCounts;
  /** Bags that a crash or a store out of reach had left where they were, or that no item needs any more. */
  bags: BagMoves & BagsCleared;
}

/**
 * Archives what was approved and is past its cooling-off. Several processes may do so at once: each claims items of its own.
 * Stops at the first disagreement of the two calculations.
 */
export async function archiveDue(db: Knex, settings: ArchiveSettings): Promise<ArchiveCounts> {
  const counts: ArchiveCounts = {
    archived: 0,
    waiting: 0,
    withdrawn: 0,
    failed: 0,
    disagreements: 0,
    outdated: false,
    bytes: 0,
    sources: { removed: 0, alreadyGone: 0, failed: 0, shared: 0 },
    bags: { moved: 0, failed: 0, cleared: 0, kept: 0 },
  };
  const roots = rootsOf(settings.store, settings.documentRoot);
  await requireOurRoots(db, roots);
  // Now, so that a copy that starts beside this run is stopped by it.
  await noteInRoots(db, roots);
  await settings.store.clearPartials((location) => isStagedElsewhere(db, settings, location));
  Object.assign(counts.bags, await settleBags(db, settings));
  const tried: string[] = [];
  for (let next = await archiveNext(db, settings, tried); next; next = await archiveNext(db, settings, tried)) {
    if (next === 'outdated') {
      counts.outdated = true;
      break;
    }
    tried.push(next.fileRef);
    counts[next.ended]++;
    counts.bytes += next.bytes;
    settings.progress(tried.length);
    if (next.ended === 'disagreements') break;
  }
  counts.sources = await removeSources(db, settings);
  return counts;
}

interface Ended {
  fileRef: string;
  ended: 'archived' | 'waiting' | 'withdrawn' | 'failed' | 'disagreements';
  bytes: number;
}

/** Claims one item and takes it to its end; null when none is left, and `outdated` when it must be computed first. */
async function archiveNext(db: Knex, settings: ArchiveSettings, tried: readonly string[]): Promise<Ended | 'outdated' | null> {
  await settings.requireLock();
  await requireOurRoots(db, rootsOf(settings.store, settings.documentRoot));
  const claimed: { item: Claim | null } = { item: null };
  const attempt = () =>
    db.transaction(async (trx) => {
      await lockVersions(trx);
      if (await isSuperseded(trx, settings.schedule, settings.asOf)) return 'outdated';
      await keepPlans(trx);
      claimed.item = await claimItem(trx, settings, tried);
      return claimed.item && archiveItem(db, trx, settings, claimed.item);
    });
  try {
    const ended = await packingAgain(attempt);
    if (ended === null || ended === 'outdated') return ended;
    if (ended.ended === 'withdrawn' || ended.ended === 'disagreements') await clearUnneeded(db, settings, claimed.item);
    return ended;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'compute_first') return 'outdated';
    const fault = claimed.item && (await faultOfItem(db, error));
    if (!claimed.item || !fault) throw error;
    await clearUnneeded(db, settings, claimed.item);
    return { fileRef: claimed.item.item.file_ref, ended: await recordFailure(db, claimed.item, fault), bytes: 0 };
  }
}

/** After the locks are gone: a bag that its item turned out not to need. */
async function clearUnneeded(db: Knex, settings: ArchiveSettings, claim: Claim | null): Promise<void> {
  if (claim?.bag != null) await clearBag(db, settings, claim.bag);
}

/**
 * The clock of the machine that signed may have been slow, which would shorten the cooling-off; so on a live database it has
 * passed by the database's own clock too. In a rehearsal the days are played, and no clock knows them.
 */
const CLOCK_AGREES = `((select kind from installation) is distinct from 'live'
  or (now() at time zone 'Europe/London')::date > (l.signed_at at time zone 'Europe/London')::date + l.cooling_off_days)`;

/** The oldest approved item past its cooling-off that no other process has claimed; locked until the transaction ends. */
async function claimItem(trx: Knex.Transaction, { schedule, asOf }: ArchiveSettings, tried: readonly string[]): Promise<Claim | null> {
  const result = await trx.raw<{ rows: ItemRow[] }>(
    `select i.* from disposal_list_items i join disposal_lists l on l.id = i.list_id
     where i.status in ('approved', 'failed') and l.state in ('cooling_off', 'in_progress')
       and cast(:asOf as date) > l.signed_on + l.cooling_off_days and ${CLOCK_AGREES} and not i.file_ref = any(cast(:tried as text[]))
     order by i.list_id, i.position limit 1 for update of i skip locked`,
    { asOf, tried },
  );
  const item = result.rows[0];
  if (!item) return null;
  const list = (await trx<ListRow>('disposal_lists').where({ id: item.list_id }).first()) as ListRow;
  return { list, item, schedule, asOf, bag: null };
}

async function archiveItem(db: Knex, trx: Knex.Transaction, settings: ArchiveSettings, claim: Claim): Promise<Ended> {
  const { item } = claim;
  const ended = (how: Ended['ended'], bytes = 0): Ended => ({ fileRef: item.file_ref, ended: how, bytes });

  const early = await recheck(trx, claim);
  if (early.withdrawn) return ended('withdrawn');
  if (early.checked.verdict === 'differ') return ended(await stopForDisagreement(trx, early.checked, settings));

  const ready = await bagOf(db, trx, settings, claim, early.checked);

  await lockForArchiving(trx, item.file_ref);
  const late = await recheck(trx, claim);
  if (late.withdrawn) return ended('withdrawn');
  if (late.checked.verdict === 'differ') return ended(await stopForDisagreement(trx, late.checked, settings));
  const waitsFor = waitOf(claim, late.checked);
  const bag = await ready(late.checked, waitsFor !== null);
  await finish(trx, bag, claim, waitsFor);
  return ended(waitsFor ? 'waiting' : 'archived', bag.size);
}

/** Makes a bag count, under the locks and with the file as it is there; `waits` says that it is not archived yet. */
type ReadyBag = (checked: CheckedFile, waits: boolean) => Promise<WrittenBag>;

/** The bag of the item before the locks are taken: packed now, or found there already. */
async function bagOf(db: Knex, trx: Knex.Transaction, settings: ArchiveSettings, claim: Claim, early: CheckedFile): Promise<ReadyBag> {
  const location = bagLocation(folderOf(claim), claim.item.file_ref);
  const found = await findBag(db, settings, claim, location);
  if (found !== null) return foundBag(db, trx, settings, claim, { found, early });
  const id = await beginBag(db, settings.store, claim, location);
  const packed = await pack(trx, settings, claim, early);
  return async (checked, waits) => {
    if (!sameRecords(await bagRecords(trx, checked, claim), packed.records)) throw new ChangedMeanwhile();
    await countBag(trx, id, packed.bag, { state: waits ? 'waiting' : 'archived' });
    return packed.bag;
  };
}

/** One that waits is written anew at the end of its wait, where something was recorded about its file since. */
async function foundBag(
  db: Knex,
  trx: Knex.Transaction,
  { store }: ArchiveSettings,
  claim: Claim,
  { found, early }: { found: WaitingBag; early: CheckedFile },
): Promise<ReadyBag> {
  const toArchive = waitOf(claim, early) ? null : await readyWaitingBag(trx, { db, store }, found, claim, early);
  return async (checked, waits) => {
    if (!waits && toArchive) return toArchive(checked);
    if (!waits) throw new ChangedMeanwhile();
    const { id, location, sha256, size } = found.row;
    await noteBagDocuments(trx, id, found.verified.documents);
    return { location, sha256, size, documents: found.verified.documents };
  };
}

/** An item that is not free to go any more is withdrawn here and now. */
async function recheck(
  trx: Knex.Transaction,
  { item, schedule, asOf }: Archiving,
): Promise<{ withdrawn: true } | { withdrawn: false; checked: CheckedFile }> {
  const free = await stillFree(trx, schedule, asOf, item);
  if (free.reason === null) return { withdrawn: false, checked: free.checked };
  await withdrawItems(trx, item.list_id, [{ fileRef: item.file_ref, reason: free.reason }], { asOf, actor: 'service' });
  await settleList(trx, item.list_id, asOf);
  return { withdrawn: true };
}

async function stopForDisagreement(
  trx: Knex.Transaction,
  checked: CheckedFile,
  { asOf, runId }: ArchiveSettings,
): Promise<'disagreements'> {
  await recordDisagreements(trx, [checked], { asOf, runId });
  return 'disagreements';
}

/** The records as they are now, and the bag of them and of the documents as they were listed. */
async function pack(
  trx: Knex.Transaction,
  { store, documentRoot }: ArchiveSettings,
  claim: Claim,
  checked: CheckedFile,
): Promise<{ bag: WrittenBag; records: Record<string, unknown> }> {
  const documents = (await listedDocuments(trx, [claim.item.file_ref])).get(claim.item.file_ref) ?? [];
  const numbers = documents.flatMap(({ size }, index) => (size === null ? [index + 1] : []));
  const [first] = numbers;
  if (first !== undefined) {
    throw new DocumentProblem(
      'missing',
      documents[first - 1]?.path ?? '',
      `When the file was listed ${documentNumbers({ numbers, of: documents.length })} could not be read, so nobody knows what would be archived. Put it back or correct documents.csv, withdraw the file, and let it be listed again.`,
    );
  }
  const records = await bagRecords(trx, checked, claim);
  return { bag: await packBag(store, folderOf(claim), claim, { records, documents, documentRoot }), records };
}

/** What the file waits for once its bag is there, outside the computer; null when for nothing. */
function waitOf({ item }: Claim, { caseFile }: CheckedFile): 'waiting_for_receipt' | 'waiting_for_paper' | null {
  if (item.action === 'transfer_to_adult_file') return 'waiting_for_receipt';
  return hasPaper(caseFile) ? 'waiting_for_paper' : null;
}

async function finish(trx: Knex.Transaction, bag: WrittenBag, claim: Claim, waitsFor: ReturnType<typeof waitOf>): Promise<void> {
  const { item, asOf } = claim;
  if (waitsFor) {
    await trx('disposal_list_items')
      .where({ list_id: item.list_id, file_ref: item.file_ref })
      .update({ status: waitsFor, status_on: asOf, status_reason: null });
    await recordEvent(trx, 'service', `item.${waitsFor}`, { list: item.list_id, file: item.file_ref, bag: bag.sha256 });
  } else {
    await moveToArchive(trx, bag, claim, { status: 'archived', actor: 'service' });
  }
  await settleList(trx, item.list_id, asOf);
}

function folderOf({ item }: Claim): BagFolder {
  return item.action === 'transfer_to_adult_file' ? 'transfer' : '';
}
