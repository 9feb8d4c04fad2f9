/** Source documents: measured when a file is listed, removed when it is archived and no other file needs them. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { recordEvent } from './audit.ts';
import { DocumentProblem, measureDocument, removeDocument } from './documentRoot.ts';

/** Measures the documents of files about to be listed, where that was not done yet. One that cannot be read stays unmeasured. */
export async function measureDocuments(
  db: Knex,
  documentRoot: string,
  fileRefs: readonly string[],
): Promise<{ measured: number; unreadable: number }> {
  const documents = await db('documents')
    .whereIn('file_ref', fileRefs)
    .whereNull('measured_size')
    .select<{ file_ref: string; path: string }[]>('file_ref', 'path');
  let unreadable = 0;
  for (const { file_ref, path } of documents) {
    try {
      const { size, sha256 } = await measureDocument(documentRoot, path);
      await db('documents').where({ file_ref, path }).update({ measured_size: size, measured_sha256: sha256 });
    } catch (error) {
      // The file is listed all the same; archiving will fail it by name, and nothing is removed.
      if (!(error instanceof DocumentProblem)) throw error;
      unreadable++;
    }
  }
  return { measured: documents.length - unreadable, unreadable };
}

export interface RemovalCounts {
  removed: number;
  alreadyGone: number;
  failed: number;
  /** Sources that a file still registered lists as well. */
  shared: number;
}

/** Removes the sources of archived files, each recorded; what a crash left over is done now. */
export async function removeSources(db: Knex, documentRoot: string, asOf: IsoDate): Promise<RemovalCounts> {
  const counts: RemovalCounts = { removed: 0, alreadyGone: 0, failed: 0, shared: 0 };
  const waiting = await db('source_removals')
    .whereIn('outcome', ['to_remove', 'failed'])
    .orderBy('id')
    .select<Removal[]>('id', 'file_ref', 'path', 'sha256', 'size');
  for (const removal of waiting) {
    const outcome = await db.transaction((trx) => removeSource(trx, documentRoot, removal, asOf));
    if (outcome) counts[outcome]++;
  }
  return counts;
}

interface Removal {
  id: number;
  file_ref: string;
  path: string;
  sha256: string;
  size: number;
}

async function removeSource(
  trx: Knex.Transaction,
  documentRoot: string,
  removal: Removal,
  asOf: IsoDate,
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
  if (await trx('documents').where({ path: removal.path }).first()) return 'shared';
  try {
    const outcome = await removeDocument(documentRoot, removal.path, removal);
    await trx('source_removals').where({ id: removal.id }).update({ outcome, path: null, error: null, removed_on: asOf });
    await recordEvent(trx, 'service', 'source.removed', { file: removal.file_ref, sha256: removal.sha256, outcome });
    return outcome === 'removed' ? 'removed' : 'alreadyGone';
  } catch (error) {
    if (!(error instanceof DocumentProblem)) throw error;
    await trx('source_removals').where({ id: removal.id }).update({ outcome: 'failed', error: error.message });
    return 'failed';
  }
}
