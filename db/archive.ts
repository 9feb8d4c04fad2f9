/**
 * The archive step. For each item past its cooling-off: bag durable, then one transaction that locks, re-checks and marks,
 * then the source. A crash at any point leaves what the next run finishes or clears.
 */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { hasPaper } from '../rules/facts.ts';
import type { Schedule } from '../rules/schedule.ts';
import { ATTEMPTS_BEFORE_WITHDRAWAL } from '../rules/workflow.ts';
import { bagRecords, moveToArchive, sameRecords, type Archiving } from './archiveItem.ts';
import { StoreProblem, type ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { BagDamaged, bagLocation, type BagFolder, type WrittenBag } from './bag.ts';
import { countNewProblems, removeBag, settleBags, type BagMoves, type BagsCleared } from './bagMoves.ts';
import { brakesOn } from './brakes.ts';
import type { CheckedFile } from './crossCheck.ts';
import { recordDisagreements } from './disagreements.ts';
import { DocumentProblem } from './documentRoot.ts';
import { guardRefusal } from './guardRefusal.ts';
import { listedDocuments, type ItemRow } from './items.ts';
import { lockForArchiving, stillFree } from './lastCheck.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
import { beginBag, countBag, packBag } from './packing.ts';
import { keepPlans } from './prepared.ts';
import { removeSources, type RemovalCounts } from './sources.ts';

export interface ArchiveSettings {
  schedule: Schedule;
  asOf: IsoDate;
  runId: number;
  store: ArchiveStore;
  documentRoot: string;
  /** Called after each item; for a progress line. */
  progress: (done: number) => void;
}

export interface ArchiveCounts {
  archived: number;
  waiting: number;
  withdrawn: number;
  failed: number;
  disagreements: number;
  bytes: number;
  sources: RemovalCounts;
  /** Bags that a crash or a store out of reach had left where they were, or that no item needs any more. */
  bags: BagMoves & BagsCleared & { newProblems: number };
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
    bytes: 0,
    sources: { removed: 0, alreadyGone: 0, failed: 0, shared: 0 },
    bags: { moved: 0, failed: 0, cleared: 0, kept: 0, newProblems: 0 },
  };
  await settings.store.clearPartials();
  Object.assign(counts.bags, await settleBags(db, settings));
  counts.bags.newProblems = await countNewProblems(db, settings.asOf);
  const tried: string[] = [];
  for (let next = await archiveNext(db, settings, tried); next; next = await archiveNext(db, settings, tried)) {
    tried.push(next.fileRef);
    counts[next.ended]++;
    counts.bytes += next.bytes;
    settings.progress(tried.length);
    if (next.ended === 'disagreements') break;
  }
  counts.sources = await removeSources(db, settings);
  return counts;
}

/** An item that this process took, with the number of its bag once that is begun. */
interface Claim extends Archiving {
  bag: number | null;
}

interface Ended {
  fileRef: string;
  ended: 'archived' | 'waiting' | 'withdrawn' | 'failed' | 'disagreements';
  bytes: number;
}

/** Claims one item and takes it to its end; null when none is left. */
async function archiveNext(db: Knex, settings: ArchiveSettings, tried: readonly string[]): Promise<Ended | null> {
  const claimed: { item: Claim | null } = { item: null };
  try {
    return await db.transaction(async (trx) => {
      await keepPlans(trx);
      claimed.item = await claimItem(trx, settings, tried);
      return claimed.item && archiveItem(db, trx, settings, claimed.item);
    });
  } catch (error) {
    const fault = claimed.item && (await faultOfItem(db, error));
    if (!claimed.item || !fault) throw error;
    return recordFailure(db, settings, claimed.item, fault);
  }
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
  if (!early.checked.agree) return ended(await stopForDisagreement(trx, early.checked, settings));

  const location = bagLocation(folderOf(claim), item.file_ref);
  await refuseLiveBag(db, item.file_ref, location);
  claim.bag = await beginBag(db, settings.store, claim, location);
  const packed = await pack(trx, settings, claim, early.checked);

  await lockForArchiving(trx, item.file_ref);
  const late = await recheck(trx, claim);
  if (late.withdrawn || !late.checked.agree) {
    await removeBag(trx, settings.store, claim.bag);
    return ended(late.withdrawn ? 'withdrawn' : await stopForDisagreement(trx, late.checked, settings));
  }
  const bag = await packedUpToDate(trx, settings, claim, late.checked, packed);
  const waitsFor = waitOf(claim, late.checked);
  await countBag(trx, claim.bag, bag, { state: waitsFor ? 'waiting' : 'archived' });
  await finish(trx, bag, claim, waitsFor);
  return ended(waitsFor ? 'waiting' : 'archived', bag.size);
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
  const unmeasured = documents.find((document) => document.size === null);
  if (unmeasured) {
    throw new DocumentProblem(
      'missing',
      unmeasured.path,
      'A document could not be read when the file was listed, so nobody saw what it holds. Put it back, withdraw the file, and let it be listed again.',
    );
  }
  const records = await bagRecords(trx, checked, claim);
  return { bag: await packBag(store, folderOf(claim), claim, { records, documents, documentRoot }), records };
}

/** The bag as packed; packed anew, under the locks, when anything was recorded or imported about the file while it was packed. */
async function packedUpToDate(
  trx: Knex.Transaction,
  settings: ArchiveSettings,
  claim: Claim,
  checked: CheckedFile,
  packed: Awaited<ReturnType<typeof pack>>,
): Promise<WrittenBag> {
  if (sameRecords(await bagRecords(trx, checked, claim), packed.records)) return packed.bag;
  await settings.store.delete(packed.bag.location);
  return (await pack(trx, settings, claim, checked)).bag;
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

/** A bag that waited for an item since withdrawn, and holds documents that are nowhere else, stays until a person has seen to it. */
async function refuseLiveBag(db: Knex, fileRef: string, location: string): Promise<void> {
  const live = await db('bags').where({ file_ref: fileRef }).whereIn('state', ['waiting', 'archived']).first<object | undefined>('id');
  if (live) throw new StoreProblem('taken', location);
}

/** What failed of one item: a word for the audit, and the reason that people are shown. */
interface FaultOfItem {
  problem: string;
  reason: string;
}

/**
 * A fault of this item alone fails it, and the rest goes on; anything else (the database is gone, a full disk) ends the run. So
 * does what a guard refuses while a brake is on, for it would refuse every item.
 */
async function faultOfItem(db: Knex, error: unknown): Promise<FaultOfItem | null> {
  if (error instanceof DocumentProblem) return { problem: error.problem, reason: error.message };
  if (error instanceof StoreProblem || error instanceof BagDamaged) return { problem: error.name, reason: error.message };
  const reason = guardRefusal(error);
  return reason === null || (await brakesOn(db)).length > 0 ? null : { problem: 'refused', reason };
}

async function recordFailure(db: Knex, { store, asOf }: ArchiveSettings, { item, bag }: Claim, fault: FaultOfItem): Promise<Ended> {
  const key = { list_id: item.list_id, file_ref: item.file_ref };
  const ended = await db.transaction(async (trx): Promise<'failed' | 'withdrawn'> => {
    // Since the rollback let go of it another process may have begun a bag of its own, or somebody have taken it off.
    const now = await trx<ItemRow>('disposal_list_items').where(key).forUpdate().first();
    if (bag !== null) await removeBag(trx, store, bag);
    if (now?.status !== 'approved' && now?.status !== 'failed') return 'withdrawn';
    const attempts = now.status === 'failed' && now.status_on === asOf ? now.attempts : now.attempts + 1;
    await trx('disposal_list_items').where(key).update({ status: 'failed', status_reason: fault.reason, status_on: asOf, attempts });
    await recordEvent(trx, 'service', 'item.failed', {
      list: item.list_id,
      file: item.file_ref,
      problem: fault.problem,
      attempts,
    });
    if (attempts >= ATTEMPTS_BEFORE_WITHDRAWAL) {
      const reason = `archiving failed ${attempts} nights: ${fault.reason}`;
      await withdrawItems(trx, item.list_id, [{ fileRef: item.file_ref, reason }], { asOf, actor: 'service' });
    }
    await settleList(trx, item.list_id, asOf);
    return 'failed';
  });
  return { fileRef: item.file_ref, ended, bytes: 0 };
}
