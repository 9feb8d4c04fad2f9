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
 * Reads the names in every folder that documents are listed in, and of nothing else. Where the root cannot be reached nothing is
 * known of other spellings, and removing a document is refused for the same reason.
 */
export async function readSpellings(db: Knex, documentRoot: string): Promise<Spellings> {
  const root = await realpath(documentRoot).catch(() => documentRoot);
  const folders = new Map<string, string[]>();
  const links = new Map<string, string[]>();
  const listed = await db.raw<{ rows: { folder: string }[] }>(
    "select distinct regexp_replace(path, '/?[^/]*$', '') as folder from documents",
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

/** Returns every other path under which what lies at `path` is, or may be, listed. */
export async function otherSpellings(db: Knex, { root, folders, links }: Spellings, path: string): Promise<string[]> {
  const real = await realBelow(root, join(root, path));
  if (real === null) return [];
  const spelt = (folders.get(folded(posixDirname(real))) ?? []).map((folder) => join(folder, basename(real)));
  const candidates = new Set([real, ...spelt, ...(links.get(folded(real)) ?? [])].map(toPosix));
  const { rows } = await db.raw<{ rows: { path: string }[] }>(
    `select distinct path from documents where ${FOLDED_SQL('path')} = any(cast(:folded as text[]))`,
    { folded: [...new Set([...candidates].map(folded))] },
  );
  rows.forEach((row) => candidates.add(row.path));
  candidates.delete(path);
  const same: string[] = [];
  for (const candidate of candidates) if (await isOneFile(join(root, real), join(root, candidate))) same.push(candidate);
  return same;
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
