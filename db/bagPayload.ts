/** Decides which payload name each record and document of a case file gets in its bag, and reads the names back. */
import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { isWindowsDevice, unsafePathReason } from './documentPath.ts';
import { DocumentProblem } from './documentRoot.ts';

/** Names taken below one documents folder, as a file system that ignores letter case and accents' spelling sees them. */
interface Shelf {
  folder: string;
  files: Set<string>;
  folders: Set<string>;
}

const DOCUMENT = /^data\/documents(?:-[1-9]\d*)?\/(.+)$/s;
const LISTED_TWICE = 'A document is listed twice for this case file. List it once in the source system, then import again.';
const RECORD = /^data\/([a-z][a-z0-9_-]*)\.json$/i;

/** Returns `data/<name>.json`; throws an Error for a name that is not letters, digits, `-` and `_`. */
export function recordPayloadName(record: string): string {
  const name = `data/${record}.json`;
  if (!RECORD.test(name)) throw new Error(`"${record.slice(0, 60)}" cannot name a record in a bag. Use letters, digits, - and _.`);
  return name;
}

/** Record of the paths of those documents whose payload name does not end with it: payload name to path. */
export const PATHS_RECORD = 'paths';

/**
 * Returns the payload name of each path, in order: `data/documents/<path>`, with what some system or tool does not take in a
 * name replaced. A name that would clobber an earlier one where the bag is unpacked on Windows or macOS (`A/scan.pdf`,
 * `a/Scan.pdf`) goes to `data/documents-2/` and so on. Throws DocumentProblem when a path is listed twice.
 */
export function placeDocuments(paths: readonly string[]): string[] {
  refuseTwice(paths);
  const shelves: Shelf[] = [];
  return paths.map((path) => {
    const portable = portablePath(path);
    const names = namesAlong(portable);
    const shelf = shelves.find((known) => fits(known, names)) ?? addShelf(shelves);
    shelf.files.add(names.file);
    names.folders.forEach((folder) => shelf.folders.add(folder));
    return `${shelf.folder}/${portable}`;
  });
}

/** Returns what the record of paths holds: of each document whose payload name alone does not tell its path. */
export function pathsRecord(paths: readonly string[], names: readonly string[]): Record<string, string> {
  const renamed = paths.flatMap((path, index) => (pathIn(names[index] ?? '') === path ? [] : [[names[index] ?? '', path]]));
  return Object.fromEntries(renamed) as Record<string, string>;
}

/**
 * Returns the path of the document under this payload name, by the bag's record of paths where that names it; undefined when it
 * is not a document's, or not a safe one.
 */
export function documentPathOf(payloadName: string, renamed: Readonly<Record<string, unknown>> = {}): string | undefined {
  if (pathIn(payloadName) === undefined) return undefined;
  const path = Object.hasOwn(renamed, payloadName) ? renamed[payloadName] : pathIn(payloadName);
  return typeof path === 'string' && unsafePathReason(path) === null ? path : undefined;
}

/** Returns the name of the record under this payload name; undefined when it is not a record's. */
export function recordNameOf(payloadName: string): string | undefined {
  return RECORD.exec(payloadName)?.[1];
}

function pathIn(payloadName: string): string | undefined {
  return DOCUMENT.exec(payloadName)?.[1];
}

/** What NTFS, FAT, an SMB share or a zip tool refuses, renames or takes for something else; and `%`, which a manifest has to encode. */
const NOT_PORTABLE = /[<>:"|?*\\%\p{Cc}]/gu;
/** Windows tools end at 260 characters, with the folders in which somebody unpacks it. */
const LONGEST_PORTABLE = 180;

function portablePath(path: string): string {
  const portable = path.normalize('NFC').split('/').map(portableName).join('/');
  if (portable.length <= LONGEST_PORTABLE) return portable;
  const extension = /^\.[a-z0-9]{1,10}$/i.exec(extname(portable))?.[0] ?? '';
  return `long-path/${createHash('sha256').update(path).digest('hex')}${extension}`;
}

function portableName(name: string): string {
  const portable = name.replace(NOT_PORTABLE, '_').replace(/^[ .]|[ .]$/g, '_');
  return isWindowsDevice(portable) ? `_${portable}` : portable;
}

function refuseTwice(paths: readonly string[]): void {
  const seen = new Set<string>();
  for (const path of paths) {
    if (seen.has(path)) throw new DocumentProblem('unsafe', path, LISTED_TWICE);
    seen.add(path);
  }
}

function addShelf(shelves: Shelf[]): Shelf {
  const folder = shelves.length === 0 ? 'data/documents' : `data/documents-${shelves.length + 1}`;
  const shelf = { folder, files: new Set<string>(), folders: new Set<string>() };
  shelves.push(shelf);
  return shelf;
}

function fits(shelf: Shelf, names: { file: string; folders: string[] }): boolean {
  if (shelf.files.has(names.file) || shelf.folders.has(names.file)) return false;
  return !names.folders.some((folder) => shelf.files.has(folder));
}

/** Rather too alike than too different: a needless second folder does no harm. */
function namesAlong(path: string): { file: string; folders: string[] } {
  const file = path.normalize('NFKD').toUpperCase().toLowerCase();
  const segments = file.split('/');
  return { file, folders: segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/')) };
}
