/** Source documents of archived files: removed when no other file needs them. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { sha256 } from '../rules/digest.ts';
import { ROW_MAY_BE_AWAY_DAYS } from '../rules/workflow.ts';
import type { ArchiveStore } from './archiveStore.ts';
import { recordEvent } from './audit.ts';
import { BagDamaged, verifyBag } from './bag.ts';
import type { BagRow } from './bagMoves.ts';
import { brakesOn } from './brakes.ts';
import { DocumentProblem, removeDocument } from './documentRoot.ts';
import { otherSpellings, readSpellings } from './documentSpellings.ts';
import { systemCode } from './fileIo.ts';
import { noteInRoots, requireOurRoots, rootsOf } from './roots.ts';
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
  const bags = new Map<string, string | null>();
  const spellings = await spellingsOf(db, removing.documentRoot, waiting);
  for (const removal of waiting) {
    const bag = `${removal.list_id} ${removal.file_ref}`;
    // Before the transaction, whose locks others wait for: reading a large bag back takes a while.
    const paths = [removal.path, ...(spellings.get(removal.path) ?? [])];
    const needed = await isAnyNeeded(db, paths, removing.asOf);
    if (!needed && !bags.has(bag)) bags.set(bag, await whyBagIsNotThere(db, removing, removal));
    const outcome = needed
      ? 'shared'
      : await db.transaction((trx) => removeSource(trx, removing, { ...removal, paths }, bags.get(bag) ?? null));
    if (outcome) counts[outcome]++;
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

/**
 * Whether a file that is not archived may need the document at this path: it lists it; or it once did, and is rejected or missing
 * now or lost the row so lately that it may be a mistake; or the row that lists it is in quarantine.
 */
export async function mayBeNeeded(db: Knex, path: string, asOf: IsoDate): Promise<boolean> {
  const result = await db.raw<{ rows: { needed: boolean }[] }>(
    `select exists (select from documents d where d.path = :path)
       or exists (select from fact_changes c join case_files f on f.file_ref = c.ref
         where c.kind = 'document' and c.field = 'path' and md5(c.old_value) = md5(:path) and c.old_value = :path
           and (f.missing_since is not null or c.as_of > cast(:asOf as date) - ${ROW_MAY_BE_AWAY_DAYS}
             or exists (select from quarantine q where q.ref = f.file_ref or q.ref = any(f.subject_refs))))
       or exists (select from quarantine q where q.source = 'documents.csv' and (q.path is null or q.path = :path)
         and not (exists (select from residual_records r where r.file_ref = q.ref and r.restored_on is null)
           and not exists (select from case_files f where f.file_ref = q.ref))) as needed`,
    { path, asOf },
  );
  return result.rows[0]?.needed ?? true;
}

async function spellingsOf(db: Knex, documentRoot: string, waiting: readonly Removal[]): Promise<Map<string, string[]>> {
  if (waiting.length === 0) return new Map();
  const paths = [...new Set(waiting.map(({ path }) => path))];
  return otherSpellings(db, await readSpellings(db, documentRoot), paths);
}

async function isAnyNeeded(db: Knex, paths: readonly string[], asOf: IsoDate): Promise<boolean> {
  for (const path of paths) if (await mayBeNeeded(db, path, asOf)) return true;
  return false;
}

async function removals(db: Knex): Promise<Removal[]> {
  return db('source_removals as s')
    .join('residual_records as r', (on) => on.on('r.file_ref', 's.file_ref').on('r.list_id', 's.list_id'))
    .whereIn('s.outcome', ['to_remove', 'failed'])
    .orderBy('s.id')
    .select<Removal[]>('s.id', 's.file_ref', 's.list_id', 's.path', 's.sha256', 's.size', 'r.archived_on');
}

async function removeSource(
  trx: Knex.Transaction,
  { documentRoot, asOf }: RemovingSources,
  removal: Removal & { paths: readonly string[] },
  whyNot: string | null,
): Promise<keyof RemovalCounts | null> {
  const claimed = await trx('source_removals')
    .where({ id: removal.id })
    .whereIn('outcome', ['to_remove', 'failed'])
    .forUpdate()
    .skipLocked()
    .first<object | undefined>();
  if (!claimed) return null;
  // Conflicts with an import that lists the document for another file at this moment.
  await trx.raw('lock table documents in share mode');
  if (await isAnyNeeded(trx, removal.paths, asOf)) return 'shared';
  if (whyNot !== null) return noteFailure(trx, removal, whyNot);
  try {
    const outcome = await removeDocument(documentRoot, removal.path, removal);
    await trx('source_removals')
      .where({ id: removal.id })
      .update({ outcome, path: null, path_sha256: sha256(removal.path), error: null, removed_on: asOf });
    await recordEvent(trx, 'service', 'source.removed', { file: removal.file_ref, sha256: removal.sha256, outcome });
    return outcome === 'removed' ? 'removed' : 'alreadyGone';
  } catch (error) {
    if (!(error instanceof DocumentProblem)) throw error;
    return noteFailure(trx, removal, error.message);
  }
}

async function noteFailure(trx: Knex.Transaction, { id }: Removal, why: string): Promise<'failed'> {
  await trx('source_removals').where({ id }).update({ outcome: 'failed', error: why });
  return 'failed';
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
