/** Source documents of archived files: removed when no other file needs them. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { sha256 as digestOf } from '../rules/digest.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { recordEvents } from './audit.ts';
import { BagDamaged, verifyBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import { brakesOn } from './brakes.ts';
import { removeDocuments, type Ended } from './documentRemoval.ts';
import { DocumentProblem } from './documentRoot.ts';
import { systemCode } from './fileIo.ts';
import { noteInRoots, requireOurRoots, rootsOf } from './roots.ts';
import { byNeed, withSpellings } from './sourceNeed.ts';
import { StoreProblem } from './storeProblem.ts';

export interface RemovalCounts {
  removed: number;
  alreadyGone: number;
  failed: number;
  /** Sources that another file lists too, or may need. */
  shared: number;
}

/** Where sources are removed from, and the bags that must have them. */
export interface RemovingSources {
  store: ArchiveStore;
  documentRoot: string;
  asOf: IsoDate;
}

interface Removal {
  id: number;
  file_ref: string;
  list_id: number;
  path: string;
  sha256: string;
  size: number;
  archived_on: IsoDate;
}

/** One that may go as far as other files are concerned. */
interface FreeRemoval extends Removal {
  /** Every path under which what lies there is listed, or may be. */
  spellings: string[];
  /** What is wrong with the bag that must have it; null when nothing is. */
  bagFault: string | null;
}

/**
 * So much is removed in one transaction: with one for each document the disk would be waited for twice a document. A crash leaves
 * at most this removed and not recorded, which the next run finds gone; and so long nobody can list documents.
 */
const BATCH = { documents: 100, bytes: 16 * 2 ** 20 };

/**
 * Removes the sources of archived files, each recorded; what a crash left over is done now. None goes whose file's bag is not in
 * the store as recorded. Throws a Refusal where the roots of a live database are not those it marked: in the empty folder of a
 * share that is not mounted every document would pass for gone already.
 */
export async function removeSources(db: Knex, removing: RemovingSources): Promise<RemovalCounts> {
  const counts: RemovalCounts = { removed: 0, alreadyGone: 0, failed: 0, shared: 0 };
  // Whatever put it on, what the register has may not be right, and what is removed does not come back.
  if ((await brakesOn(db)).length > 0) return counts;
  const waiting = await removals(db);
  const roots = rootsOf(removing.store, removing.documentRoot);
  if (waiting.length > 0) await requireOurRoots(db, roots);
  // A source is the only copy but the bag's: a database that has forgotten the archiving must be known for it.
  if (waiting.length > 0) await noteInRoots(db, roots);
  const faults = new Map<string, string | null>();
  for (const batch of inBatches(await withSpellings(db, removing.documentRoot, waiting))) {
    const { free, shared } = await byNeed(db, batch, removing.asOf);
    // Before the transaction, whose locks others wait for: reading a large bag back takes a while.
    const checked = await withBagFaults(db, removing, free, faults);
    const ended = await db.transaction((trx) => removeBatch(trx, removing, checked));
    counts.shared += shared.length;
    for (const outcome of ended) counts[outcome]++;
  }
  return counts;
}

/** Why sources of archived files are still there, as far as something went wrong: the most frequent reasons, without paths. */
export async function whyNotRemoved(db: Knex): Promise<string[]> {
  const rows = await db('source_removals')
    .where({ outcome: 'failed' })
    .groupBy('error')
    .orderByRaw('count(*) desc, error')
    .limit(3)
    .select<{ error: string }[]>('error');
  return rows.map(({ error }) => error);
}

function* inBatches<Source extends { size: number }>(waiting: readonly Source[]): Generator<Source[]> {
  let batch: Source[] = [];
  let bytes = 0;
  for (const source of waiting) {
    const isFull = batch.length === BATCH.documents || bytes + source.size > BATCH.bytes;
    if (isFull && batch.length > 0) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(source);
    bytes += source.size;
  }
  if (batch.length > 0) yield batch;
}

/** `faults` keeps what was found of each bag, for sources of it in other batches. */
async function withBagFaults(
  db: Knex,
  removing: RemovingSources,
  sources: readonly Omit<FreeRemoval, 'bagFault'>[],
  faults: Map<string, string | null>,
): Promise<FreeRemoval[]> {
  const checked: FreeRemoval[] = [];
  for (const source of sources) {
    const bag = `${source.list_id} ${source.file_ref}`;
    if (!faults.has(bag)) faults.set(bag, await whyBagIsNotThere(db, removing, source));
    checked.push({ ...source, bagFault: faults.get(bag) ?? null });
  }
  return checked;
}

async function removals(db: Knex): Promise<Removal[]> {
  return db('source_removals as s')
    .join('residual_records as r', (on) => on.on('r.file_ref', 's.file_ref').on('r.list_id', 's.list_id'))
    .whereIn('s.outcome', ['to_remove', 'failed'])
    .orderBy('s.id')
    .select<Removal[]>('s.id', 's.file_ref', 's.list_id', 's.path', 's.sha256', 's.size', 'r.archived_on');
}

/** Removes those that no other process is removing, and returns what became of each. */
async function removeBatch(
  trx: Knex.Transaction,
  { documentRoot, asOf }: RemovingSources,
  sources: readonly FreeRemoval[],
): Promise<(keyof RemovalCounts)[]> {
  const claimed = new Set(await claim(trx, sources));
  // Conflicts with an import that lists a document for another file at this moment.
  await trx.raw('lock table documents in share mode');
  const { free, shared } = await byNeed(
    trx,
    sources.filter(({ id }) => claimed.has(id)),
    asOf,
  );
  const ended = [
    ...(
      await removeDocuments(
        documentRoot,
        free.filter(({ bagFault }) => bagFault === null),
      )
    ).map(asRecorded),
    ...free.flatMap((removal) => (removal.bagFault === null ? [] : [failed(removal, removal.bagFault)])),
  ];
  await recordEnds(trx, ended, asOf);
  return [...shared.map(() => 'shared' as const), ...ended.map(({ outcome }) => (outcome === 'already_gone' ? 'alreadyGone' : outcome))];
}

async function claim(trx: Knex.Transaction, sources: readonly Removal[]): Promise<number[]> {
  return trx('source_removals')
    .whereIn(
      'id',
      sources.map(({ id }) => id),
    )
    .whereIn('outcome', ['to_remove', 'failed'])
    .forUpdate()
    .skipLocked()
    .pluck<number[]>('id');
}

interface EndedRemoval {
  removal: Removal;
  outcome: 'removed' | 'already_gone' | 'failed';
  error: string | null;
}

function asRecorded({ document, outcome }: Ended<Removal>): EndedRemoval {
  return outcome instanceof DocumentProblem ? failed(document, outcome.message) : { removal: document, outcome, error: null };
}

function failed(removal: Removal, error: string): EndedRemoval {
  return { removal, outcome: 'failed', error };
}

/** The path of what is gone is emptied: it may name somebody. */
async function recordEnds(trx: Knex.Transaction, ended: readonly EndedRemoval[], asOf: IsoDate): Promise<void> {
  await trx.raw(
    `update source_removals s set outcome = e.outcome, error = e.error, path_sha256 = e.path_sha256,
       path = case when e.outcome = 'failed' then s.path end, removed_on = case when e.outcome <> 'failed' then cast(:asOf as date) end
     from unnest(cast(:ids as bigint[]), cast(:outcomes as text[]), cast(:errors as text[]), cast(:paths as text[])) e (id, outcome, error, path_sha256)
     where s.id = e.id`,
    {
      asOf,
      ids: ended.map(({ removal }) => removal.id),
      outcomes: ended.map(({ outcome }) => outcome),
      errors: ended.map(({ error }) => error),
      paths: ended.map(({ removal, outcome }) => (outcome === 'failed' ? null : digestOf(removal.path))),
    },
  );
  const gone = ended.filter(({ outcome }) => outcome !== 'failed');
  await recordEvents(
    trx,
    'service',
    'source.removed',
    gone.map(({ removal: { file_ref, sha256 }, outcome }) => ({ file: file_ref, sha256, outcome })),
  );
}

/**
 * Null when the bag that holds the sources is there as it was recorded. One written today was read back today, so its size is
 * enough; one written earlier is read again: its store may have been rolled back, or hold something else by now.
 */
async function whyBagIsNotThere(db: Knex, { store, asOf }: RemovingSources, removal: Removal): Promise<string | null> {
  const { file_ref, list_id, archived_on } = removal;
  const bag = await db<BagRow>('bags').where({ file_ref, list_id }).whereIn('state', ['archived', 'apart']).first();
  if (!bag) return `The database knows of no archived bag of ${file_ref}, so its sources stay.`;
  // A crash after it was moved, and before that was written down, leaves it at its new place alone.
  const moved = bag.move_to !== null && !(await store.exists(bag.location));
  const location = moved && bag.move_to !== null ? bag.move_to : bag.location;
  try {
    if (archived_on < asOf) await verifyBag(store, location, bag);
    else await refuseOtherSize(store, location, bag);
    return null;
  } catch (error) {
    if (error instanceof StoreProblem || error instanceof BagDamaged) return error.message;
    const code = systemCode(error);
    if (code === undefined) throw error;
    return `The bag of its file cannot be read in the archive store (${code}), so this source stays. Check ARCHIVE_URL and that its share is mounted.`;
  }
}

async function refuseOtherSize(store: ArchiveStore, location: string, { size }: BagRow): Promise<void> {
  const object = await store.open(location);
  await object.close();
  if (object.size !== size) throw new BagDamaged(location, 'its size is not the one recorded');
}
