/** Sources that were removed and lie under the document root again, as after a share was restored: found each night, and named. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { sha256 } from '../rules/digest.ts';
import { DocumentProblem, measureDocument } from './documentRoot.ts';
import { systemCode } from './fileIo.ts';

/** An archived file of which documents lie under the document root again, and how many. */
export interface LyingAgain {
  file_ref: string;
  documents: number;
  /** Business date of the night that first found one of them. */
  since: IsoDate;
}

/** Paths asked about at a time, so that a root of any size needs little memory. */
const ASKED_TOGETHER = 2000;

/**
 * Looks for every removed source under the root and notes those that are there, byte for byte, though no file lists them. Those
 * noted before that are gone are noted so. Changes nothing where the root cannot be reached: nothing could be said of it.
 */
export async function noteSourcesAgain(db: Knex, documentRoot: string, asOf: IsoDate): Promise<void> {
  const removed = await db('source_removals').whereNotNull('path_sha256').first<object | undefined>('id');
  if (!removed || !(await isReachable(documentRoot))) return;
  const there: number[] = [];
  const paths: string[] = [];
  for await (const path of pathsUnder(documentRoot, '')) {
    paths.push(path);
    if (paths.length === ASKED_TOGETHER) there.push(...(await removedAt(db, documentRoot, paths.splice(0))));
  }
  there.push(...(await removedAt(db, documentRoot, paths)));
  // One array each: a whole share may be back, and a statement takes 65,535 values.
  await db.raw('update source_removals set back_on = null where back_on is not null and id <> all(cast(:there as bigint[]))', { there });
  await db.raw('update source_removals set back_on = :asOf where back_on is null and id = any(cast(:there as bigint[]))', { asOf, there });
}

/** What lies there again, by file; the longest known first. */
export async function readSourcesAgain(db: Knex): Promise<LyingAgain[]> {
  const result = await db.raw<{ rows: LyingAgain[] }>(
    `select file_ref, count(distinct path_sha256)::int as documents, min(back_on) as since from source_removals where back_on is not null
     group by file_ref order by min(back_on), file_ref`,
  );
  return result.rows;
}

/** Numbers of the removals of which the document is at one of these paths again. */
async function removedAt(db: Knex, documentRoot: string, paths: readonly string[]): Promise<number[]> {
  if (paths.length === 0) return [];
  const found = await db.raw<{ rows: { id: number; path: string; size: number; sha256: string; back_on: IsoDate | null }[] }>(
    `select s.id, p.path, s.size, s.sha256, s.back_on from unnest(cast(:paths as text[]), cast(:digests as text[])) p(path, digest)
     join source_removals s on s.path_sha256 = p.digest
     where s.outcome in ('removed', 'already_gone') and not exists (select from documents d where d.path = p.path)
       and not exists (select from source_removals o where o.path = p.path and o.outcome in ('to_remove', 'failed'))`,
    { paths, digests: paths.map(sha256) },
  );
  const again: number[] = [];
  for (const { id, path, size, sha256: digest } of found.rows) {
    if (await isTheSame(documentRoot, path, { size, sha256: digest })) again.push(id);
  }
  return again;
}

/** Another document that took its place is none of ours. */
async function isTheSame(documentRoot: string, path: string, removed: { size: number; sha256: string }): Promise<boolean> {
  try {
    const found = await measureDocument(documentRoot, path);
    return found.size === removed.size && found.sha256 === removed.sha256;
  } catch (error) {
    if (error instanceof DocumentProblem) return false;
    throw error;
  }
}

async function isReachable(folder: string): Promise<boolean> {
  return (await entriesOf(folder)) !== null;
}

/** Every file below the folder, relative to the root; no link is followed, and a folder that cannot be read is passed over. */
async function* pathsUnder(root: string, folder: string): AsyncGenerator<string> {
  for (const entry of (await entriesOf(join(root, folder))) ?? []) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* pathsUnder(root, path);
    else if (entry.isFile()) yield path;
  }
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return null;
  }
}
