/** The documents of files about to be listed: each read and measured anew, for what is decided and signed is what lies there now. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { canFindDocument, DocumentProblem, measureDocument, type DocumentMeasure } from './documentRoot.ts';
import { severalAtOnce } from './fileIo.ts';

export interface Measured {
  documents: number;
  /** Missing, or not to be read. The file is listed all the same, with a caution; it is archived only once listed with all of them. */
  unreadable: number;
}

interface MeasuredRow {
  file_ref: string;
  path: string;
  measure: DocumentMeasure | null;
}

/** So many are written at once: a statement may go through the whole register for it, which few of them may do. */
const BATCH = 10_000;

/** Measures every document of these files, also one that an earlier list measured: it may have been altered for good since. */
export async function measureDocuments(db: Knex, documentRoot: string, fileRefs: readonly string[]): Promise<Measured> {
  const measured: Measured = { documents: 0, unreadable: 0 };
  for (let start = 0; start < fileRefs.length; start += BATCH) {
    const documents = await db('documents')
      .whereIn('file_ref', fileRefs.slice(start, start + BATCH))
      .select<{ file_ref: string; path: string }[]>('file_ref', 'path');
    for (let at = 0; at < documents.length; at += BATCH) {
      const rows = await severalAtOnce<(typeof documents)[number], MeasuredRow>(documents.slice(at, at + BATCH), async (document) => ({
        ...document,
        measure: await measureIfThere(documentRoot, document.path),
      }));
      await store(db, rows);
      measured.documents += rows.length;
      measured.unreadable += rows.filter(({ measure }) => measure === null).length;
    }
  }
  return measured;
}

/**
 * Whether the root is another than the one the register speaks of, or its share is away: hardly anything is there of the documents
 * `measured`, nor of some of the whole register. The few of one list may be truly gone.
 */
export async function isRootAway(db: Knex, documentRoot: string, measured: Measured): Promise<boolean> {
  return isHardlyAnyThere(measured) && isHardlyAnyThere(await lookFor(documentRoot, await samplePaths(db('documents as d'))));
}

/** Looks for some of the documents of files that are due, reading none; each day for the same ones. What was found of them where the root is away, else null. */
export async function dueDocumentsAway(db: Knex, documentRoot: string, asOf: IsoDate): Promise<Measured | null> {
  const due = db('documents as d')
    .join('determinations as t', 't.file_ref', 'd.file_ref')
    .where('t.outcome', 'expires')
    .where('t.eligible_from', '<=', asOf);
  const found = await lookFor(documentRoot, await samplePaths(due));
  return (await isRootAway(db, documentRoot, found)) ? found : null;
}

function isHardlyAnyThere({ documents, unreadable }: Measured): boolean {
  return (documents - unreadable) * 10 < documents;
}

/** Enough to tell a root that is away from documents that are gone. */
const SAMPLE = 100;

async function samplePaths(documents: Knex.QueryBuilder): Promise<string[]> {
  return documents.orderByRaw('md5(d.path)').limit(SAMPLE).pluck<string[]>('d.path');
}

async function lookFor(documentRoot: string, paths: readonly string[]): Promise<Measured> {
  const found: Measured = { documents: paths.length, unreadable: 0 };
  for (const path of paths) if (!(await canFindDocument(documentRoot, path))) found.unreadable++;
  return found;
}

async function measureIfThere(documentRoot: string, path: string): Promise<DocumentMeasure | null> {
  try {
    return await measureDocument(documentRoot, path);
  } catch (error) {
    if (error instanceof DocumentProblem) return null;
    throw error;
  }
}

async function store(db: Knex, rows: readonly MeasuredRow[]): Promise<void> {
  await db.raw(
    `update documents d set measured_size = m.size, measured_sha256 = m.sha256
     from unnest(cast(:refs as text[]), cast(:paths as text[]), cast(:sizes as bigint[]), cast(:digests as text[])) m (file_ref, path, size, sha256)
     where d.file_ref = m.file_ref and d.path = m.path
       and (d.measured_size, d.measured_sha256) is distinct from (m.size, m.sha256)`,
    {
      refs: rows.map(({ file_ref }) => file_ref),
      paths: rows.map(({ path }) => path),
      sizes: rows.map(({ measure }) => measure?.size ?? null),
      digests: rows.map(({ measure }) => measure?.sha256 ?? null),
    },
  );
}
