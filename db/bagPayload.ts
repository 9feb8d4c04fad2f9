/** Decides which payload name each record and document of a case file gets in its bag, and reads the names back. */
import { unsafePathReason } from './documentPath.ts';
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

/**
 * Returns the payload name of each path, in order: `data/documents/<path>`. A path that would clobber an earlier one where
 * the bag is unpacked on Windows or macOS (`A/scan.pdf`, `a/Scan.pdf`) goes to `data/documents-2/<path>` and so on, so that
 * every name unpacks everywhere and still ends with its path. Throws DocumentProblem when a path is listed twice.
 */
export function placeDocuments(paths: readonly string[]): string[] {
  refuseTwice(paths);
  const shelves: Shelf[] = [];
  return paths.map((path) => {
    const names = namesAlong(path);
    const shelf = shelves.find((known) => fits(known, names)) ?? addShelf(shelves);
    shelf.files.add(names.file);
    names.folders.forEach((folder) => shelf.folders.add(folder));
    return `${shelf.folder}/${path}`;
  });
}

/** Returns the path of the document under this payload name; undefined when it is not a document's, or not a safe one. */
export function documentPathOf(payloadName: string): string | undefined {
  const path = DOCUMENT.exec(payloadName)?.[1];
  return path !== undefined && unsafePathReason(path) === null ? path : undefined;
}

/** Returns the name of the record under this payload name; undefined when it is not a record's. */
export function recordNameOf(payloadName: string): string | undefined {
  return RECORD.exec(payloadName)?.[1];
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
