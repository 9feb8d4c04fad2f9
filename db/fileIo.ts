/** Owns the file operations that the document root and the archive store share: reading in pieces, and making a change last. */
import { link, lstat, open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable, addAbortSignal } from 'node:stream';

/** Large enough that hashing, not the number of reads, sets the pace; small enough to hold several of them. */
const PIECE = 256 * 1024;

/** Yields the bytes from `start` up to `end` (not included), each piece in a buffer of its own; stops early where the file ends. */
export async function* readPieces(handle: FileHandle, start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
  let position = start;
  while (position < end) {
    const buffer = Buffer.allocUnsafe(Math.min(PIECE, end - position));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** As many as keep the threads busy in which Node reads files, and a share that answers slowly. */
const AT_ONCE = 8;

/** Does the work on several at once, each of which waits for the disk most of its time; returns what came of each, in order. What is under way when one fails comes to its end first. */
export async function severalAtOnce<One, Done>(all: readonly One[], work: (one: One) => Promise<Done>): Promise<Done[]> {
  const done: Done[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    for (const one of await Promise.allSettled(all.slice(at, at + AT_ONCE).map(work))) {
      if (one.status === 'rejected') throw one.reason;
      done.push(one.value);
    }
  }
  return done;
}

/** Returns when the bytes of the file are on the disk, not only in the memory of the machine. */
export async function syncFile(file: string): Promise<void> {
  await syncAndClose(await open(file, 'r+'));
}

/** Returns when the names in the folder are on the disk; without it a renamed or removed file can come back after a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder to sync it; NTFS journals its names by itself.
  if (process.platform === 'win32') return;
  await syncAndClose(await open(folder, 'r'));
}

/** File systems without hard links say so in one of these ways. */
const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Gives a file a name, and never that of another file: `link` refuses to, where `rename` would overwrite. `linked`: it has its
 * old name too. `renamed`: it has not, for there are no hard links; that is not safe against a second writer of the same name
 * at the same moment. `taken`: something lies there, and nothing was done.
 */
export async function nameFile(file: string, name: string): Promise<'linked' | 'renamed' | 'taken'> {
  try {
    await link(file, name);
    return 'linked';
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (code === 'EEXIST') return 'taken';
    if (!NO_HARD_LINKS.has(code)) throw error;
  }
  if (await isThere(name)) return 'taken';
  await rename(file, name);
  return 'renamed';
}

/** True when anything lies at this path, a link that leads nowhere too. */
export async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Returns the system's code (`ENOENT`), or undefined for an error that did not come from the system. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const DISK_TROUBLE: Record<string, string> = {
  ENOSPC: 'is full. Make room on it',
  EDQUOT: 'has no room left for this account. Make room on it',
  EFBIG: 'does not take files of that size. Raise the limit',
  EROFS: 'is read-only. Make it writable',
  EACCES: 'is closed to this account. Give it access',
  EPERM: 'is closed to this account. Give it access',
  EIO: 'fails to read or write. Check it',
  EMFILE: 'cannot be used: this process may open no more files. Raise the limit (ulimit -n) to 256 or more',
  ENFILE: 'cannot be used: this machine may open no more files. Raise its limit (fs.file-max)',
};

/** The sentence for a system error that says that a disk cannot be used, and what to do; null for any other, and for one in words already. */
export function diskTrouble(which: string, error: unknown): string | null {
  const code = systemCode(error) ?? '';
  const trouble = error instanceof Error && error.message.startsWith(`${code}:`) ? DISK_TROUBLE[code] : undefined;
  return trouble === undefined ? null : `${which} ${trouble}, then run again (${code}). Nothing half-done was kept.`;
}

async function syncAndClose(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The stream itself, destroyed when the signal aborts. A wrapper by `Readable.from` would wait for a read that never comes
 * where the other end has failed.
 */
export function abortable(stream: NodeJS.ReadableStream, signal: AbortSignal): Readable {
  if (!(stream instanceof Readable)) throw new Error('This is not one of Node’s own streams, so it could not be stopped.');
  return addAbortSignal(signal, stream);
}
