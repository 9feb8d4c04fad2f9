/** Reads and removes the source documents under DOCUMENT_ROOT, and never touches anything outside it. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { lstat, open, realpath, rmdir, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { unsafePathReason } from './documentPath.ts';
import { readPieces, syncFolder, systemCode } from './fileIo.ts';

export { unsafePathReason } from './documentPath.ts';

/** A document's size in bytes and SHA-256 in lower-case hex. */
export interface DocumentMeasure {
  size: number;
  sha256: string;
}

export type DocumentFault = 'missing' | 'unreadable' | 'altered' | 'unsafe';

/** Why a document could not be read or removed. The message may be logged; `path` is personal data and may not. */
export class DocumentProblem extends Error {
  override readonly name = 'DocumentProblem';
  readonly problem: DocumentFault;
  // A private field behind an accessor: loggers copy the own properties of an error, and would log the path.
  readonly #path: string;

  constructor(problem: DocumentFault, path: string, message: string) {
    super(message);
    this.problem = problem;
    this.#path = path;
  }

  get path(): string {
    return this.#path;
  }
}

// NONBLOCK, or opening a pipe that took the document's place would wait for ever. (Windows knows neither flag: undefined counts as 0.)
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Codes with which a folder says that it stays: not empty, not ours to remove, a mount point. */
const FOLDER_STAYS = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EACCES', 'EPERM', 'EBUSY', 'EROFS']);

/**
 * Opens a document for reading; the caller closes the handle. Symbolic links are followed only where they stay inside the
 * root. Throws DocumentProblem.
 */
export async function openDocument(root: string, path: string): Promise<{ handle: FileHandle; size: number }> {
  const real = await locate(root, path);
  const handle = await attempt(path, 'read', () => open(real, READ_ONLY));
  try {
    return { handle, size: await refuseSwapped(path, real, handle) };
  } catch (error) {
    await handle.close();
    throw asProblem(error, path, 'read');
  }
}

/** Yields a document's bytes, and returns its measure; throws DocumentProblem, `altered` when it changed meanwhile. */
export async function* readDocument(root: string, path: string): AsyncGenerator<Buffer, DocumentMeasure, undefined> {
  const { handle } = await openDocument(root, path);
  try {
    return yield* readSteadily(handle, path);
  } finally {
    await handle.close();
  }
}

/** Returns a document's size and SHA-256 in memory that does not depend on its size; throws DocumentProblem. */
export async function measureDocument(root: string, path: string): Promise<DocumentMeasure> {
  return drain(readDocument(root, path));
}

/** Whether a document lies at this path, to be read or not; false too where the root itself is away. */
export async function canFindDocument(root: string, path: string): Promise<boolean> {
  try {
    await locate(root, path);
    return true;
  } catch (error) {
    if (error instanceof DocumentProblem) return false;
    throw error;
  }
}

/**
 * Removes a document that still has the `expected` bytes, and the folders below the root which that leaves empty. Returns
 * `already_gone` when there is nothing at that path below a root that can be reached. Throws DocumentProblem, having
 * removed nothing: `altered`, or `unsafe` when the path itself is a symbolic link, whose target may belong to another file.
 */
export async function removeDocument(root: string, path: string, expected: DocumentMeasure): Promise<'removed' | 'already_gone'> {
  refuseUnsafe(path);
  const listed = join(await reachRoot(root, path), path);
  const outcome = await removeUnaltered(root, path, listed, expected);
  await removeEmptyFolders(await reachRoot(root, path), dirname(listed), path);
  return outcome;
}

/** Throws DocumentProblem `altered` when the measure is not the expected one; null stands for not known. */
export function refuseAltered(path: string, expected: { size: number | null; sha256: string | null }, found: DocumentMeasure): void {
  const sameSize = expected.size === null || expected.size === found.size;
  const sameBytes = expected.sha256 === null || expected.sha256.toLowerCase() === found.sha256;
  if (!sameSize || !sameBytes) throw altered(path, `its ${sameSize ? 'SHA-256' : 'size'} is not the one recorded`);
}

/** Throws DocumentProblem `unsafe` for a path that `unsafePathReason` refuses. */
export function refuseUnsafe(path: string): void {
  const reason = unsafePathReason(path);
  if (reason !== null) throw unsafe(path, reason);
}

async function removeUnaltered(root: string, path: string, listed: string, expected: DocumentMeasure): Promise<'removed' | 'already_gone'> {
  try {
    if ((await attempt(path, 'read', () => lstat(listed))).isSymbolicLink())
      throw unsafe(path, 'it is a symbolic link, and what it leads to may belong to another file');
    const folder = await removeSame(await locate(root, path), root, path, expected);
    await attempt(path, 'removed', () => syncFolder(folder));
    return 'removed';
  } catch (error) {
    if (error instanceof DocumentProblem && error.problem === 'missing') return 'already_gone';
    throw error;
  }
}

async function removeSame(real: string, root: string, path: string, expected: DocumentMeasure): Promise<string> {
  const { handle } = await openDocument(root, path);
  try {
    refuseAltered(path, expected, await drain(readSteadily(handle, path)));
    // Hashing takes a while: what lies at the path now must still be what was hashed.
    await refuseSwapped(path, real, handle);
    await attempt(path, 'removed', () => unlink(real));
    return dirname(real);
  } finally {
    await handle.close();
  }
}

async function* readSteadily(handle: FileHandle, path: string): AsyncGenerator<Buffer, DocumentMeasure, undefined> {
  const hash = createHash('sha256');
  const before = await handle.stat({ bigint: true });
  let size = 0;
  for await (const piece of piecesOf(handle, Number(before.size), path)) {
    hash.update(piece);
    size += piece.length;
    yield piece;
  }
  const after = await handle.stat({ bigint: true });
  if (BigInt(size) !== after.size || before.mtimeNs !== after.mtimeNs) throw altered(path, 'it changed while it was read');
  return { size, sha256: hash.digest('hex') };
}

async function* piecesOf(handle: FileHandle, size: number, path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* readPieces(handle, 0, size);
  } catch (error) {
    throw asProblem(error, path, 'read');
  }
}

async function drain(bytes: AsyncGenerator<Buffer, DocumentMeasure, undefined>): Promise<DocumentMeasure> {
  for (;;) {
    const next = await bytes.next();
    if (next.done === true) return next.value;
  }
}

/** The document's path without any symbolic link: a regular file inside the real root. */
async function locate(root: string, path: string): Promise<string> {
  refuseUnsafe(path);
  const realRoot = await reachRoot(root, path);
  const real = await attempt(path, 'read', () => realpath(join(realRoot, path)));
  if (!isInside(realRoot, real)) throw unsafe(path, 'a symbolic link on it leads out of the document root');
  if (!(await attempt(path, 'read', () => lstat(real))).isFile()) throw unsafe(path, 'what lies there is not a regular file');
  return real;
}

/** Apart from `attempt`: when the whole root is away, no document may pass for removed already. */
async function reachRoot(root: string, path: string): Promise<string> {
  try {
    return await realpath(root);
  } catch (error) {
    throw new DocumentProblem(
      'unreadable',
      path,
      `The document root cannot be reached (${systemCode(error) ?? 'no code'}). Check DOCUMENT_ROOT and that its share is mounted, then run again.`,
    );
  }
}

/** Returns the size of what is open, when that still is what lies at its path. */
async function refuseSwapped(path: string, real: string, handle: FileHandle): Promise<number> {
  const opened = await handle.stat({ bigint: true });
  const [there, stillReal] = await attempt(path, 'read', () => Promise.all([lstat(real, { bigint: true }), realpath(real)]));
  if (stillReal !== real || !isSameFile(opened, there)) throw altered(path, 'another file took its place while it was read');
  return Number(opened.size);
}

function isSameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.isFile() && other.isFile() && one.dev === other.dev && one.ino === other.ino;
}

async function removeEmptyFolders(realRoot: string, lowest: string, path: string): Promise<void> {
  let folder = lowest;
  while (isInside(realRoot, folder) && (await removedFolder(folder, path))) folder = dirname(folder);
}

/** False when the folder stays. That is no error: its document is gone, and an empty folder can be removed by hand. */
async function removedFolder(folder: string, path: string): Promise<boolean> {
  try {
    // Through a symbolic link the folder could lie outside the root.
    if ((await realpath(folder)) !== folder) return false;
    await rmdir(folder);
    return true;
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'ENOENT') return true;
    if (FOLDER_STAYS.has(code)) return false;
    throw asProblem(error, path, 'removed');
  }
}

function isInside(realRoot: string, file: string): boolean {
  const below = relative(realRoot, file);
  return below !== '' && below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below);
}

async function attempt<T>(path: string, doing: 'read' | 'removed', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asProblem(error, path, doing);
  }
}

/** The system's own message names the path, so only its code is kept; what is not the system's passes unchanged. */
function asProblem(error: unknown, path: string, doing: 'read' | 'removed'): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new DocumentProblem(
      'missing',
      path,
      'A document of this case file is not under the document root. Put it back or correct documents.csv, then run again.',
    );
  if (code === 'ELOOP') return unsafe(path, 'a symbolic link took its place');
  return new DocumentProblem(
    'unreadable',
    path,
    `A document of this case file cannot be ${doing} (${code}). Give the service account access to it, then run again.`,
  );
}

function unsafe(path: string, reason: string): DocumentProblem {
  return new DocumentProblem(
    'unsafe',
    path,
    `A document's path is refused: ${reason}. Correct it in the source system, then import again.`,
  );
}

function altered(path: string, how: string): DocumentProblem {
  return new DocumentProblem(
    'altered',
    path,
    `A document of this case file was altered: ${how}. Nothing was removed. Ask who changed it; the next import and list take its new state.`,
  );
}
