/**
 * The archive step. For each item past its cooling-off: bag durable, then one transaction that locks, re-checks and marks,
 * then the source. A crash at any point leaves what the next run finishes or clears.
 */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { hasPaper } from '../rules/facts.ts';
import type { Schedule } from '../rules/schedule.ts';
import { ATTEMPTS_BEFORE_WITHDRAWAL } from '../rules/workflow.ts';
import { bagRecords, moveToArchive, type Archiving } from './archiveItem.ts';
import { StoreProblem, type ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { BagDamaged, bagLocation, writeBag, type WrittenBag } from './bag.ts';
import { clearAbandonedBags, clearBag, countNewProblems, finishBagMoves, type BagMoves, type BagsCleared } from './bagMoves.ts';
import type { CheckedFile } from './crossCheck.ts';
import { recordDisagreements } from './disagreements.ts';
import { DocumentProblem } from './documentRoot.ts';
import { listedDocuments, type ItemRow } from './items.ts';
import { lockForArchiving, stillFree } from './lastCheck.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
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
  Object.assign(counts.bags, await finishBagMoves(db, settings.store, settings.asOf), await clearAbandonedBags(db, settings));
  counts.bags.newProblems = await countNewProblems(db, settings.asOf);
  const tried: string[] = [];
  for (let next = await archiveNext(db, settings, tried); next; next = await archiveNext(db, settings, tried)) {
    tried.push(next.fileRef);
    counts[next.ended]++;
    counts.bytes += next.bytes;
    settings.progress(tried.length);
    if (next.ended === 'disagreements') break;
  }
  counts.sources = await removeSources(db, settings.documentRoot, settings.asOf);
  return counts;
}

interface Ended {
  fileRef: string;
  ended: 'archived' | 'waiting' | 'withdrawn' | 'failed' | 'disagreements';
  bytes: number;
}

/** Claims one item and takes it to its end; null when none is left. */
async function archiveNext(db: Knex, settings: ArchiveSettings, tried: readonly string[]): Promise<Ended | null> {
  const claimed: { item: Archiving | null } = { item: null };
  try {
    return await db.transaction(async (trx) => {
      await keepPlans(trx);
      claimed.item = await claimItem(trx, settings, tried);
      return claimed.item && archiveItem(db, trx, settings, claimed.item);
    });
  } catch (error) {
    if (!claimed.item || !isFaultOfItem(error)) throw error;
    return recordFailure(db, settings, claimed.item, error);
  }
}

/**
 * The clock of the machine that signed may have been slow, which would shorten the cooling-off; so on a live database it has
 * passed by the database's own clock too. In a rehearsal the days are played, and no clock knows them.
 */
const CLOCK_AGREES = `((select kind from installation) is distinct from 'live'
  or (now() at time zone 'Europe/London')::date > (l.signed_at at time zone 'Europe/London')::date + l.cooling_off_days)`;

/** The oldest approved item past its cooling-off that no other process has claimed; locked until the transaction ends. */
async function claimItem(trx: Knex.Transaction, { schedule, asOf }: ArchiveSettings, tried: readonly string[]): Promise<Archiving | null> {
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
  return { list, item, schedule, asOf };
}

async function archiveItem(db: Knex, trx: Knex.Transaction, settings: ArchiveSettings, archiving: Archiving): Promise<Ended> {
  const { item } = archiving;
  const ended = (how: Ended['ended'], bytes = 0): Ended => ({ fileRef: item.file_ref, ended: how, bytes });

  const early = await recheck(trx, archiving);
  if (early.withdrawn) return ended('withdrawn');
  if (!early.checked.agree) return ended(await stopForDisagreement(trx, early.checked, settings));

  const folder = item.action === 'transfer_to_adult_file' ? 'transfer' : '';
  await beginBag(db, settings, archiving, folder);
  const bag = await packBag(trx, settings, archiving, early.checked, folder);

  await lockForArchiving(trx, item.file_ref);
  const late = await recheck(trx, archiving);
  if (late.withdrawn) {
    await clearBag(trx, settings.store, item.file_ref);
    return ended('withdrawn');
  }
  if (!late.checked.agree) {
    await clearBag(trx, settings.store, item.file_ref);
    return ended(await stopForDisagreement(trx, late.checked, settings));
  }
  return ended(await finish(trx, bag, archiving, late.checked), bag.size);
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

/** Noted outside the transaction, before the first byte: after a crash this row says which bag is to be cleared. */
async function beginBag(db: Knex, { store, asOf }: ArchiveSettings, { item }: Archiving, folder: '' | 'transfer'): Promise<void> {
  await clearBag(db, store, item.file_ref);
  const location = bagLocation(folder, item.file_ref);
  // Before the row: what a row marked `begun` names may be cleared, and this bag is not ours to clear.
  if ((await store.exists(location)) || (await hasLiveBag(db, item.file_ref))) throw new StoreProblem('taken', location);
  await db('bags').insert({ file_ref: item.file_ref, list_id: item.list_id, location, begun_on: asOf });
}

async function packBag(
  trx: Knex.Transaction,
  settings: ArchiveSettings,
  archiving: Archiving,
  checked: CheckedFile,
  folder: '' | 'transfer',
): Promise<WrittenBag> {
  const { item, list } = archiving;
  const documents = (await listedDocuments(trx, [item.file_ref])).get(item.file_ref) ?? [];
  const unmeasured = documents.find((document) => document.size === null);
  if (unmeasured) {
    throw new DocumentProblem(
      'missing',
      unmeasured.path,
      'A document could not be read when the file was listed, so nobody saw what it holds. Put it back, withdraw the file, and let it be listed again.',
    );
  }
  return writeBag(settings.store, folder, {
    fileRef: item.file_ref,
    baggingDate: archiving.asOf,
    info: { 'Retention-Rule': item.rule, 'Schedule-Version': item.schedule_version, 'Disposal-List': String(list.id) },
    records: await bagRecords(trx, checked, archiving),
    documents,
    documentRoot: settings.documentRoot,
  });
}

async function finish(trx: Knex.Transaction, bag: WrittenBag, archiving: Archiving, checked: CheckedFile): Promise<'archived' | 'waiting'> {
  const { item, asOf } = archiving;
  const paper = hasPaper(checked.caseFile) ? 'waiting_for_paper' : null;
  const waitsFor = item.action === 'transfer_to_adult_file' ? 'waiting_for_receipt' : paper;
  const bagState = { sha256: bag.sha256, size: bag.size, state: waitsFor ? 'waiting' : 'archived' };
  await trx('bags').where({ file_ref: item.file_ref, state: 'begun' }).update(bagState);
  if (waitsFor) {
    await trx('disposal_list_items')
      .where({ list_id: item.list_id, file_ref: item.file_ref })
      .update({ status: waitsFor, status_on: asOf, status_reason: null });
    await recordEvent(trx, 'service', `item.${waitsFor}`, { list: item.list_id, file: item.file_ref, bag: bag.sha256 });
  } else {
    await moveToArchive(trx, bag, archiving, { status: 'archived', actor: 'service' });
  }
  await settleList(trx, item.list_id, asOf);
  return waitsFor ? 'waiting' : 'archived';
}

/** A bag that waited for an item since withdrawn, and holds documents that are nowhere else, stays until a person has seen to it. */
async function hasLiveBag(db: Knex, fileRef: string): Promise<boolean> {
  const bag = await db('bags').where({ file_ref: fileRef }).whereNotIn('state', ['cleared', 'restored']).first<object | undefined>('id');
  return bag !== undefined;
}

type FaultOfItem = DocumentProblem | StoreProblem | BagDamaged;

/** A fault of this item alone fails it, and the rest goes on; anything else (the database is gone, a full disk) ends the run. */
function isFaultOfItem(error: unknown): error is FaultOfItem {
  return error instanceof DocumentProblem || error instanceof StoreProblem || error instanceof BagDamaged;
}

async function recordFailure(db: Knex, { store, asOf }: ArchiveSettings, { item }: Archiving, error: FaultOfItem): Promise<Ended> {
  await clearBag(db, store, item.file_ref);
  const ended = await db.transaction(async (trx): Promise<'failed' | 'withdrawn'> => {
    const key = { list_id: item.list_id, file_ref: item.file_ref };
    const stands = trx('disposal_list_items').where(key).whereIn('status', ['approved', 'failed']);
    // Between the rollback that let go of it and now somebody may have taken it off; then there is nothing to fail.
    if (!(await stands.forUpdate().first<object | undefined>('file_ref'))) return 'withdrawn';
    const attempts = item.status === 'failed' && item.status_on === asOf ? item.attempts : item.attempts + 1;
    await trx('disposal_list_items').where(key).update({ status: 'failed', status_reason: error.message, status_on: asOf, attempts });
    await recordEvent(trx, 'service', 'item.failed', {
      list: item.list_id,
      file: item.file_ref,
      problem: error instanceof DocumentProblem ? error.problem : error.name,
      attempts,
    });
    if (attempts >= ATTEMPTS_BEFORE_WITHDRAWAL) {
      await withdrawItems(
        trx,
        item.list_id,
        [{ fileRef: item.file_ref, reason: `archiving failed ${attempts} nights: ${error.message}` }],
        { asOf, actor: 'service' },
      );
    }
    await settleList(trx, item.list_id, asOf);
    return 'failed';
  });
  return { fileRef: item.file_ref, ended, bytes: 0 };
}
