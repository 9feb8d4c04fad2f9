/** Puts documents of a bag back under DOCUMENT_ROOT: whole or not at all, and never over another file. */
import { createHash } from 'node:crypto';
import { mkdir, open, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArchiveStore } from './archiveStore.ts';
import { openBagDocuments } from './bag.ts';
import { removeDocuments } from './documentRemoval.ts';
import { DocumentProblem, measureDocument, refuseUnsafe, type DocumentMeasure } from './documentRoot.ts';
import { isThere, nameFile, syncFile, syncFolder, systemCode } from './fileIo.ts';

export type BaggedDocument = DocumentMeasure & { path: string };

/**
 * Writes the documents of the bag at `location` back where they are gone, for their owner alone, and enters each into `written`:
 * the caller takes those back when it fails, here or later. Those that were there already, byte by byte the same, are left.
 * Throws DocumentProblem when another file lies in the place of one.
 */
export async function returnDocuments(
  store: ArchiveStore,
  location: string,
  root: string,
  documents: readonly BaggedDocument[],
  written: BaggedDocument[],
): Promise<void> {
  if (documents.length === 0) return;
  const read = await openBagDocuments(store, location);
  for (const document of documents) {
    if (await returnDocument(read, root, document)) written.push(document);
  }
}

/** Removes again what was written, after what it was written for has failed. */
export async function takeBack(root: string, written: readonly BaggedDocument[]): Promise<void> {
  for (const { outcome } of await removeDocuments(root, written)) if (outcome instanceof DocumentProblem) throw outcome;
}

/** True when it was written, false when the same document lay there already. */
async function returnDocument(read: (path: string) => Readable, root: string, document: BaggedDocument): Promise<boolean> {
  const { path } = document;
  refuseUnsafe(path);
  try {
    const target = join(await realpath(root), path);
    if (await isThere(target)) return await refuseDifferent(root, document);
    await makeFolders(await realpath(root), dirname(target), path);
    // Of one name for one document, so that what a crash left is written over by whoever confirms again.
    const beside = join(dirname(target), `.${createHash('sha256').update(basename(target)).digest('hex').slice(0, 16)}.restoring`);
    await writeBeside(read(path), beside);
    return await appear(beside, target, root, document);
  } catch (error) {
    throw withoutPath(error, path);
  }
}

async function writeBeside(bytes: Readable, beside: string): Promise<void> {
  await rm(beside, { force: true });
  const handle = await open(beside, 'wx', 0o600);
  try {
    // The stream fails where the bytes are not those of the manifest.
    await pipeline(bytes, handle.createWriteStream());
    await syncFile(beside);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

async function appear(beside: string, target: string, root: string, document: BaggedDocument): Promise<boolean> {
  try {
    if ((await nameFile(beside, target)) === 'taken') return await refuseDifferent(root, document);
  } finally {
    await rm(beside, { force: true });
  }
  await syncFolder(dirname(target));
  return true;
}

async function refuseDifferent(root: string, { path, size, sha256 }: BaggedDocument): Promise<false> {
  const found = await measureDocument(root, path);
  if (found.size === size && found.sha256 === sha256) return false;
  throw new DocumentProblem(
    'altered',
    path,
    'Another file lies under the document root where a document of the bag belongs, and is not written over. Nothing was restored. Compare it with the one in the bag, move it away, then confirm again.',
  );
}

/** Through a symbolic link the folders could be made outside the root. */
async function makeFolders(realRoot: string, folder: string, path: string): Promise<void> {
  let existing = folder;
  while (existing !== realRoot && !(await isThere(existing))) existing = dirname(existing);
  const real = await realpath(existing);
  const below = relative(realRoot, real);
  if (below === '..' || below.startsWith(`..${sep}`) || below.startsWith(sep))
    throw new DocumentProblem(
      'unsafe',
      path,
      'A symbolic link under the document root leads out of it. Nothing was restored; remove the link, then confirm again.',
    );
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (let made = folder; made !== existing; made = dirname(made)) await syncFolder(dirname(made));
}

/** The system's own message names the path, which is personal data, so only its code is kept. */
function withoutPath(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  return new DocumentProblem(
    'unreadable',
    path,
    `A document could not be written under the document root (${code}). Nothing was restored. Check DOCUMENT_ROOT, its disk and the rights of the service account, then confirm again.`,
  );
}
