/** Owns where bags lie: what an archive store promises, and which store an ARCHIVE_URL means. */
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { FolderStore } from './folderStore.ts';

export { StoreProblem } from './storeProblem.ts';

/** An object written as a whole but not yet in its place, with the measure of the bytes handed to the disk. */
export interface StagedObject {
  location: string;
  size: number;
  sha256: string;
}

/** An object opened for random access; an S3 store answers both with ranged reads. */
export interface StoredObject {
  size: number;
  /** The bytes from `start` up to `end` (not included), fewer only where the object ends. For small reads. */
  read(start: number, end: number): Promise<Buffer>;
  /** The same for large reads, in memory that does not depend on their length. */
  stream(start: number, end: number): Readable;
  close(): Promise<void>;
}

/**
 * Keeps objects under locations such as `CF-1.zip` or `transfer/CF-1.zip`, relative and separated by `/`. Nothing here
 * overwrites. Throws StoreProblem for a location that is taken, missing or unsafe, and the system's own errors otherwise.
 */
export interface ArchiveStore {
  /** For messages. */
  readonly url: string;
  /** Writes the whole stream where `list` does not look; durable when it resolves, and nothing is left when it rejects. */
  stage(source: Readable): Promise<StagedObject>;
  /** Moves a staged or stored object as a whole; durable when it resolves. Asked again after a crash half-way, it finishes. */
  move(from: string, to: string): Promise<void>;
  delete(location: string): Promise<'deleted' | 'already_gone'>;
  exists(location: string): Promise<boolean>;
  open(location: string): Promise<StoredObject>;
  /** Every location below a folder, `''` for all, in no particular order; without staged objects and the store's own dotfiles. */
  list(folder: string): AsyncIterable<string>;
  /** Removes what a crash left staged and what `mayGo` lets go, never what a live process is writing; returns how many. */
  clearPartials(mayGo: (location: string) => Promise<boolean>): Promise<number>;
}

/** Returns the store that a `file:` URL or a plain path means; makes nothing yet. Throws an Error that says what to change. */
export function openArchiveStore(url: string): ArchiveStore {
  if (url.trim() === '') throw new Error('ARCHIVE_URL is empty. Set it to the folder for archived bags, for example file:///srv/archive.');
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return new FolderStore(resolve(url));
  if (scheme === 'file') return new FolderStore(folderOf(url));
  throw new Error(
    `ARCHIVE_URL begins with ${scheme}:, but only file: is supported in this release. Set it to a folder, for example file:///srv/archive.`,
  );
}

/** `file:archive` and `file:./archive` are relative to the working folder; a URL parser would make them absolute. */
function folderOf(url: string): string {
  const rest = url.slice('file:'.length);
  try {
    if (!rest.startsWith('/')) return resolve(decodeURIComponent(rest));
    // A URL parser drops what follows these, and the bags would lie in another folder than the one that was named.
    if (/[?#]/.test(rest)) throw new Error('it contains ? or #; write them as %3F and %23');
    return fileURLToPath(url);
  } catch (error) {
    throw new Error(
      `ARCHIVE_URL is not a usable file: URL: ${error instanceof Error ? error.message : String(error)}. Use file:///srv/archive or a plain path.`,
    );
  }
}
