/** Owns the archive store that is a folder: each object a file, complete or not there, durable once it is there. */
import { createHash, randomUUID } from 'node:crypto';
import { lstat, mkdir, open, opendir, readdir, rm, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import type { ArchiveStore, StagedObject, StoredObject } from './archiveStore.ts';
import { diskTrouble, nameFile, readPieces, syncFile, syncFolder, systemCode } from './fileIo.ts';
import { StoreProblem } from './storeProblem.ts';

const PARTIAL = '.partial';
/** Writing touches a partial with every piece, so an hour of silence means that its writer is gone. */
const STALE_MS = 60 * 60 * 1000;

export class FolderStore implements ArchiveStore {
  readonly url: string;
  readonly #root: string;
  /** Partials of this process: reading a very large one back can outlast STALE_MS without touching it. */
  readonly #own = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    this.url = pathToFileURL(root).href;
  }

  async stage(source: Readable): Promise<StagedObject> {
    const location = `${PARTIAL}/${randomUUID()}`;
    const file = this.#file(location);
    await this.#explained(() => makeFolder(dirname(file)));
    this.#own.add(location);
    try {
      return { location, ...(await this.#explained(() => writeDurably(source, file))) };
    } catch (error) {
      await rm(file, { force: true });
      this.#own.delete(location);
      throw error;
    }
  }

  async move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#file(from), this.#file(to)];
    await this.#explained(async () => {
      await makeFolder(dirname(target));
      await appear(source, target, from, to);
    });
    // The old name goes only when the new one is on the disk: a power cut leaves one of them, or both.
    await rm(source, { force: true });
    this.#own.delete(from);
    if (!from.startsWith(`${PARTIAL}/`)) await syncFolder(dirname(source));
  }

  async delete(location: string): Promise<'deleted' | 'already_gone'> {
    const file = this.#file(location);
    this.#own.delete(location);
    const removed = await unless(['ENOENT', 'ENOTDIR'], async () => (await unlink(file), true));
    if (removed === undefined) return 'already_gone';
    await syncFolder(dirname(file));
    return 'deleted';
  }

  async exists(location: string): Promise<boolean> {
    const found = await unless(['ENOENT', 'ENOTDIR'], () => lstat(this.#file(location)));
    return found !== undefined;
  }

  async open(location: string): Promise<StoredObject> {
    const handle = await unless(['ENOENT', 'ENOTDIR'], () => open(this.#file(location), 'r'));
    if (handle === undefined) throw new StoreProblem('missing', location);
    return stored(handle, (await handle.stat()).size);
  }

  async *list(folder: string): AsyncGenerator<string, void, undefined> {
    const found = await unless(['ENOENT', 'ENOTDIR'], () => opendir(folder === '' ? this.#root : this.#file(folder)));
    if (found === undefined) return;
    for await (const entry of found) {
      const location = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && location !== PARTIAL) yield* this.list(location);
      else if (entry.isFile() && !entry.name.startsWith('.')) yield location;
    }
  }

  async clearPartials(mayGo: (location: string) => Promise<boolean>): Promise<number> {
    const folder = this.#file(PARTIAL);
    const names = await unless(['ENOENT'], () => readdir(folder));
    if (names === undefined || names.length === 0) return 0;
    const staleBefore = (await this.#explained(() => folderTime(folder))) - STALE_MS;
    let cleared = 0;
    for (const name of names) if (await this.#clear(name, staleBefore, mayGo)) cleared++;
    return cleared;
  }

  /** The system's words name neither the store nor what to do; its code stays, for callers ask for it. */
  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const trouble = diskTrouble(`The disk of the archive store ${this.url}`, error);
      if (trouble === null) throw error;
      throw Object.assign(new Error(trouble, { cause: error }), { code: systemCode(error), syscall: 'write' });
    }
  }

  async #clear(name: string, staleBefore: number, mayGo: (location: string) => Promise<boolean>): Promise<boolean> {
    const location = `${PARTIAL}/${name}`;
    const found = await unless(['ENOENT'], () => stat(this.#file(location)));
    if (found === undefined || !found.isFile() || found.mtimeMs >= staleBefore || this.#own.has(location)) return false;
    return (await mayGo(location)) && (await this.delete(location)) === 'deleted';
  }

  #file(location: string): string {
    const segments = location.split('/');
    if (segments.some((segment) => ['', '.', '..'].includes(segment) || /[\\\0]/.test(segment))) {
      throw new StoreProblem('unsafe', location);
    }
    return join(this.#root, ...segments);
  }
}

/** Gives the file its new name, durably. A target that already is this file is what a crash between two steps of `move` leaves. */
async function appear(source: string, target: string, from: string, to: string): Promise<void> {
  const named = await unless(['ENOENT'], () => nameFile(source, target));
  if (named === undefined) throw new StoreProblem('missing', from);
  if (named === 'taken' && !(await isSame(source, target))) throw new StoreProblem('taken', to);
  if (named === 'renamed') await syncFolder(dirname(target));
  else await syncName(target);
}

/** A name that may not be on the disk must not be found there either; the file still has its other name. */
async function syncName(target: string): Promise<void> {
  try {
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([lstat(one, { bigint: true }), lstat(other, { bigint: true })]);
  return a.dev === b.dev && a.ino === b.ino;
}

async function writeDurably(source: Readable, file: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  const measure = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
  };
  // Opened before the pipeline starts: if that fails at once, the file is there to be removed.
  const handle = await open(file, 'wx', 0o600);
  await pipeline(source, measure, handle.createWriteStream({ highWaterMark: 1024 * 1024 }));
  await syncFile(file);
  return { size, sha256: hash.digest('hex') };
}

/** Makes a folder only its owner can enter, and each parent that is missing, durably. Folders already there keep their modes. */
async function makeFolder(folder: string): Promise<void> {
  // Node's recursive mkdir says "no such file" where the disk is read-only; the plain one says what is the matter.
  const made = await unless(['ENOENT', 'EEXIST'], async () => (await mkdir(folder, { mode: 0o700 }), folder));
  const first = made ?? (await mkdir(folder, { recursive: true, mode: 0o700 }));
  if (first === undefined) return;
  for (let each = folder; each.length >= first.length; each = dirname(each)) await syncFolder(dirname(each));
}

/** The time by the clock that stamps the partials: on a shared folder that is the file server's, not this machine's. */
async function folderTime(folder: string): Promise<number> {
  const probe = join(folder, randomUUID());
  const handle = await open(probe, 'wx', 0o600);
  try {
    return (await handle.stat()).mtimeMs;
  } finally {
    await handle.close();
    await unlink(probe);
  }
}

function stored(handle: FileHandle, size: number): StoredObject {
  return {
    size,
    read: async (start, end) => {
      const pieces: Buffer[] = [];
      for await (const piece of readPieces(handle, start, Math.min(end, size))) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    stream: (start, end) => Readable.from(readPieces(handle, start, Math.min(end, size)), { objectMode: false }),
    close: () => handle.close(),
  };
}

/** The result, or undefined when the system answers with one of these codes. */
async function unless<T>(codes: readonly string[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (codes.includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
