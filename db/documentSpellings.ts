/** Knows under which other paths a document is listed: it is one document where it really lies, however its path is spelt. */
import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Knex } from 'knex';
import { systemCode } from './fileIo.ts';

/** Where folders and symbolic links that documents are listed under really lie, below the root, as they were when it was asked. */
export interface Spellings {
  root: string;
  /** Real folder, folded, to the folders as they are spelt. */
  folders: ReadonlyMap<string, readonly string[]>;
  /** Real path of a document, folded, to the symbolic links that lead to it. */
  links: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads the names in every folder that documents are, or were, listed in. Where the root cannot be reached nothing is
 * known of other spellings, and removing a document is refused for the same reason.
 */
export async function readSpellings(db: Knex, documentRoot: string): Promise<Spellings> {
  const root = await realpath(documentRoot).catch(() => documentRoot);
  const folders = new Map<string, string[]>();
  const links = new Map<string, string[]>();
  const listed = await db.raw<{ rows: { folder: string }[] }>(
    // Without a question mark in the pattern: knex takes each for a parameter, inside quotes as well.
    `select distinct regexp_replace(path, '(/|^)[^/]*$', '') as folder from (
       select path from documents
       union all select path from quarantine where source = 'documents.csv' and path is not null
       union all select old_value from fact_changes where kind = 'document' and field = 'path' and old_value is not null) p`,
  );
  for (const { folder } of listed.rows) {
    const real = await realBelow(root, join(root, folder));
    if (real === null) continue;
    enter(folders, folded(real), folder);
    for (const link of await linksIn(join(root, folder))) {
      const target = await realBelow(root, join(root, folder, link));
      if (target !== null) enter(links, folded(target), join(folder, link));
    }
  }
  return { root, folders, links };
}

/** Returns of each of these paths every other one under which what lies there is, or may be, listed. */
export async function otherSpellings(db: Knex, spellings: Spellings, paths: readonly string[]): Promise<Map<string, string[]>> {
  const reals = new Map<string, string>();
  for (const path of paths) {
    const real = await realBelow(spellings.root, join(spellings.root, path));
    if (real !== null) reals.set(path, real);
  }
  const candidates = new Map([...reals].map(([path, real]) => [path, candidatesFor(spellings, real)]));
  const listed = await listedLike(db, new Set([...candidates.values()].flat().map(folded)));
  const others = new Map<string, string[]>();
  for (const [path, real] of reals) {
    const known = candidates.get(path) ?? [];
    const all = new Set([...known, ...known.flatMap((candidate) => listed.get(folded(candidate)) ?? [])]);
    all.delete(path);
    const same: string[] = [];
    for (const candidate of all) if (await isOneFile(join(spellings.root, real), join(spellings.root, candidate))) same.push(candidate);
    if (same.length > 0) others.set(path, same);
  }
  return others;
}

function candidatesFor({ folders, links }: Spellings, real: string): string[] {
  const spelt = (folders.get(folded(posixDirname(real))) ?? []).map((folder) => join(folder, basename(real)));
  return [...new Set([real, ...spelt, ...(links.get(folded(real)) ?? [])].map(toPosix))];
}

/** Paths of registered documents by their folded form. */
async function listedLike(db: Knex, wanted: ReadonlySet<string>): Promise<Map<string, string[]>> {
  const { rows } = await db.raw<{ rows: { path: string }[] }>(
    `select distinct path from documents where ${FOLDED_SQL('path')} = any(cast(:wanted as text[]))`,
    { wanted: [...wanted] },
  );
  const listed = new Map<string, string[]>();
  for (const { path } of rows) enter(listed, folded(path), path);
  return listed;
}

/** In the words of the index `documents_by_folded_path`. */
const FOLDED_SQL = (path: string) => `lower(normalize(${path}, NFC) collate "C")`;

/** As a share sees it that takes no notice of letter case, nor of how accents are written. The same as `FOLDED_SQL`. */
function folded(path: string): string {
  return toPosix(path)
    .normalize('NFC')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Names that fold to one are two documents on a disk that tells letter case apart, so the disk is asked. */
async function isOneFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([one, other].map(async (file) => lstat(await realpath(file), { bigint: true })));
    return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

/** Path below the root without any symbolic link; null where nothing lies there, or it leads out of the root. */
async function realBelow(root: string, file: string): Promise<string | null> {
  try {
    const below = relative(root, await realpath(file));
    return below === '..' || below.startsWith(`..${sep}`) ? null : toPosix(below);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return null;
  }
}

async function linksIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isSymbolicLink()).map((entry) => entry.name);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

function enter(map: Map<string, string[]>, key: string, value: string): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

function posixDirname(path: string): string {
  const folder = dirname(path);
  return folder === '.' ? '' : folder;
}

function toPosix(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}
