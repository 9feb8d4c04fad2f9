/** Removes source documents under DOCUMENT_ROOT that are still what was packed, and the folders which that leaves empty. */
import { lstat, realpath, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  attempt,
  DocumentProblem,
  isInside,
  measureOpen,
  openDocument,
  reachRoot,
  refuseAltered,
  refuseSwapped,
  refuseUnsafe,
  unsafe,
  type DocumentMeasure,
} from './documentRoot.ts';
import { severalAtOnce, syncFolder, systemCode } from './fileIo.ts';

/** A document with the bytes that it must still have. */
export type ExpectedDocument = DocumentMeasure & { path: string };

export interface Ended<Document> {
  document: Document;
  /** `already_gone`: nothing lies at its path below a root that can be reached. */
  outcome: 'removed' | 'already_gone' | DocumentProblem;
}

/** Codes with which a folder says that it stays: not empty, not ours to remove, a mount point. */
const FOLDER_STAYS = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EACCES', 'EPERM', 'EBUSY', 'EROFS']);

/**
 * Removes documents, and the folders below the root which that leaves empty. Returns what became of each, in order, once it is on
 * the disk. A DocumentProblem is the outcome of one that was not removed, or whose folder could not be brought to the disk:
 * `altered`, or `unsafe` when the path itself is a symbolic link, whose target may belong to another file.
 */
export async function removeDocuments<Document extends ExpectedDocument>(
  root: string,
  documents: readonly Document[],
): Promise<Ended<Document>[]> {
  const ended = await severalAtOnce<Document, Ended<Document>>(documents, async (document) => ({
    document,
    outcome: await orProblem(() => removeUnaltered(root, document)),
  }));
  // Every name is gone from the disk before a folder goes with which it could come back.
  const removed = ended.filter(({ outcome }) => outcome === 'removed');
  await settleFolders(removed, (path) => syncFolderOf(root, path));
  const gone = ended.filter(({ outcome }) => !(outcome instanceof DocumentProblem));
  await settleFolders(gone, (path) => removeEmptyFolders(root, path));
  return ended;
}

/** Once for each folder, given the path of one of its documents; a problem is then that of them all. */
async function settleFolders(ended: readonly Ended<ExpectedDocument>[], settle: (path: string) => Promise<void>): Promise<void> {
  const folders = new Map<string, Ended<ExpectedDocument>[]>();
  for (const one of ended) {
    const others = folders.get(dirname(one.document.path));
    if (others) others.push(one);
    else folders.set(dirname(one.document.path), [one]);
  }
  for (const ofFolder of folders.values()) {
    const settled = await orProblem(() => settle(ofFolder[0]?.document.path ?? ''));
    if (settled instanceof DocumentProblem) for (const one of ofFolder) one.outcome = settled;
  }
}

async function removeUnaltered(root: string, document: ExpectedDocument): Promise<'removed' | 'already_gone'> {
  const { path } = document;
  refuseUnsafe(path);
  const listed = join(await reachRoot(root, path), path);
  try {
    if ((await attempt(path, 'read', () => lstat(listed))).isSymbolicLink())
      throw unsafe(path, 'it is a symbolic link, and what it leads to may belong to another file');
    await removeSame(root, document);
    return 'removed';
  } catch (error) {
    if (!(error instanceof DocumentProblem) || error.problem !== 'missing') throw error;
    // Asked again: nothing is missing from a root that went away meanwhile.
    await reachRoot(root, path);
    return 'already_gone';
  }
}

async function removeSame(root: string, { path, ...expected }: ExpectedDocument): Promise<void> {
  const { handle, real } = await openDocument(root, path);
  try {
    refuseAltered(path, expected, await measureOpen(handle, path));
    // Hashing takes a while: what lies at the path now must still be what was hashed.
    await refuseSwapped(path, real, handle);
    await attempt(path, 'removed', () => unlink(real));
  } finally {
    await handle.close();
  }
}

async function syncFolderOf(root: string, path: string): Promise<void> {
  const folder = dirname(join(await reachRoot(root, path), path));
  try {
    await attempt(path, 'removed', () => syncFolder(folder));
  } catch (error) {
    // Somebody else removed the folder, with all its names.
    if (!(error instanceof DocumentProblem) || error.problem !== 'missing') throw error;
  }
}

async function removeEmptyFolders(root: string, path: string): Promise<void> {
  const realRoot = await reachRoot(root, path);
  let folder = dirname(join(realRoot, path));
  while (isInside(realRoot, folder) && (await attempt(path, 'removed', () => removedFolder(folder)))) folder = dirname(folder);
}

/** False when the folder stays. That is no error: its documents are gone, and an empty folder can be removed by hand. */
async function removedFolder(folder: string): Promise<boolean> {
  try {
    // Through a symbolic link the folder could lie outside the root.
    if ((await realpath(folder)) !== folder) return false;
    await rmdir(folder);
    return true;
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'ENOENT') return true;
    if (FOLDER_STAYS.has(code)) return false;
    throw error;
  }
}

async function orProblem<T>(work: () => Promise<T>): Promise<T | DocumentProblem> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DocumentProblem) return error;
    throw error;
  }
}
