/** Reads the source documents under DOCUMENT_ROOT, and nothing outside it. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { unsafePathReason } from './documentPath.ts';
import { readPieces, systemCode } from './fileIo.ts';

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

/** A document that was opened; `real` is its path without any symbolic link. */
export interface OpenDocument {
  handle: FileHandle;
  size: number;
  real: string;
}

/**
 * Opens a document for reading; the caller closes the handle. Symbolic links are followed only where they stay inside the
 * root. Throws DocumentProblem.
 */
export async function openDocument(root: string, path: string): Promise<OpenDocument> {
  const real = await locate(root, path);
  const handle = await attempt(path, 'read', () => open(real, READ_ONLY));
  try {
    return { handle, size: await refuseSwapped(path, real, handle), real };
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

/** The same of one that is open; the caller closes it. */
export async function measureOpen(handle: FileHandle, path: string): Promise<DocumentMeasure> {
  return drain(readSteadily(handle, path));
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
export async function reachRoot(root: string, path: string): Promise<string> {
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
export async function refuseSwapped(path: string, real: string, handle: FileHandle): Promise<number> {
  const opened = await handle.stat({ bigint: true });
  const [there, stillReal] = await attempt(path, 'read', () => Promise.all([lstat(real, { bigint: true }), realpath(real)]));
  if (stillReal !== real || !isSameFile(opened, there)) throw altered(path, 'another file took its place while it was read');
  return Number(opened.size);
}

function isSameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.isFile() && other.isFile() && one.dev === other.dev && one.ino === other.ino;
}

export function isInside(realRoot: string, file: string): boolean {
  const below = relative(realRoot, file);
  return below !== '' && below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below);
}

export async function attempt<T>(path: string, doing: 'read' | 'removed', work: () => Promise<T>): Promise<T> {
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

export function unsafe(path: string, reason: string): DocumentProblem {
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
