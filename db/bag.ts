/** Owns packing one case file into one bag: streamed, verified by reading it back, and only then put in its place. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { isIsoDate } from '../rules/dates.ts';
import type { IsoDate } from '../rules/dates.ts';
import type { ArchiveStore, StagedObject } from './archiveStore.ts';
import {
  BAGIT_TXT,
  PAYLOAD_MANIFEST,
  TAG_MANIFEST,
  bagInfoText,
  bagLocation,
  bagNameAt,
  manifestText,
  payloadOxum,
  referenceTag,
} from './bagFormat.ts';
import type { BaggedFile, BagFolder } from './bagFormat.ts';
import { PATHS_RECORD, pathsRecord, placeDocuments, recordPayloadName } from './bagPayload.ts';
import { BagDamaged, inspectBag, openBagDocuments } from './bagVerify.ts';
import { DocumentProblem, readDocument, refuseAltered, refuseUnsafe, type DocumentMeasure } from './documentRoot.ts';
import { StoreProblem } from './storeProblem.ts';
import { stageZip, type LongZip } from './zipStage.ts';

export { bagFileName, bagLocation } from './bagFormat.ts';
export type { BagFolder } from './bagFormat.ts';
export { BagDamaged, inspectBag, openBagDocuments, verifyBag } from './bagVerify.ts';
export type { VerifiedBag } from './bagVerify.ts';

export interface BagContent {
  fileRef: string;
  baggingDate: IsoDate;
  /** Tags for bag-info.txt beside Bagging-Date, External-Identifier and Payload-Oxum. */
  info: Record<string, string>;
  /** `facts` becomes `data/facts.json`. At least one. */
  records: Record<string, unknown>;
  /** With the size and SHA-256 that each must still have; null stands for not known. */
  documents: { path: string; size: number | null; sha256: string | null }[];
  documentRoot: string | null;
  /** A bag of the same store to take the documents from, in place of the document root. */
  fromBag?: string;
}

export interface WrittenBag {
  location: string;
  /** Of the whole zip. */
  sha256: string;
  size: number;
  documents: { path: string; size: number; sha256: string }[];
}

/** A bag while its zip is being written. `signal` aborts when its other end has failed. */
interface Packing {
  zip: LongZip;
  store: ArchiveStore;
  top: string;
  mtime: Date;
  content: BagContent;
  signal: AbortSignal;
}

const OWNER_ONLY = 0o100600;
/** Setting up a compressor costs more than it saves on less than a block of the disk: measured, half of the time of a small bag. */
const WORTH_DEFLATING = 4096;
const NOT_PUBLISHED = 'It was not put in the archive, and its sources are untouched. Check the disk of the archive store, then run again.';

/**
 * Packs a case file into the bag `bagLocation(folder, fileRef)` and returns it once it is durable and has been read back.
 * Memory does not depend on the size of the documents. The same content gives the same bytes. On failure nothing is left
 * but what was there before: DocumentProblem for a document, StoreProblem `taken` when there is a bag of that name already
 * (it is never overwritten), BagDamaged when the bag does not read back as written.
 */
export async function writeBag(store: ArchiveStore, folder: BagFolder, content: BagContent): Promise<WrittenBag> {
  const location = bagLocation(folder, content.fileRef);
  refuseUnusable(content);
  // Found again by `move`; asked here before gigabytes are copied in vain.
  if (await store.exists(location)) throw new StoreProblem('taken', location);
  const top = bagNameAt(location);
  const mtime = noonOf(content.baggingDate);
  const { staged, filled: documents } = await stageZip(store, (zip, signal) => fill({ zip, store, top, mtime, content, signal }));
  await removingOnFailure(store, staged.location, async () => {
    await refuseUnlikeWritten(store, location, staged, documents);
    await store.move(staged.location, location);
  });
  return { location, sha256: staged.sha256, size: staged.size, documents };
}

function refuseUnusable(content: BagContent): void {
  if (!isIsoDate(content.baggingDate)) throw new Error('The bagging date is not a date yyyy-mm-dd. Pass the day of the run.');
  const names = Object.keys(content.records).map((name) => name.toLowerCase());
  if (names.length === 0) throw new Error('A bag needs at least one record, such as the facts of its case file. Pass it, then run again.');
  if (new Set(names).size < names.length) throw new Error('Two records of one bag differ only in letter case. Rename one, then run again.');
  // Before the zip writer sees them: its own refusal would name the path.
  content.documents.forEach((document) => refuseUnsafe(document.path));
}

async function fill(packing: Packing): Promise<WrittenBag['documents']> {
  const { records, documents } = packing.content;
  const paths = documents.map((document) => document.path);
  const places = placeDocuments(paths);
  const source = await sourceOf(packing);
  const payload = Object.entries({ ...records, ...renamedRecord(paths, places) }).map(([name, value]) =>
    addText(packing, recordPayloadName(name), jsonText(name, value)),
  );
  const written: WrittenBag['documents'] = [];
  for (const [index, document] of documents.entries()) {
    const file = await addDocument(packing, source, places[index] ?? '', document);
    payload.push(file);
    written.push({ path: document.path, size: file.size, sha256: file.sha256 });
  }
  addTagFiles(packing, payload);
  packing.zip.end();
  return written;
}

/** Only where a document has another payload name than its path: then its path is kept here. */
function renamedRecord(paths: readonly string[], places: readonly string[]): Record<string, unknown> {
  const renamed = pathsRecord(paths, places);
  return Object.keys(renamed).length > 0 ? { [PATHS_RECORD]: renamed } : {};
}

async function addDocument(
  packing: Packing,
  source: DocumentSource,
  name: string,
  document: BagContent['documents'][number],
): Promise<BaggedFile> {
  packing.signal.throwIfAborted();
  let file: BaggedFile | undefined;
  const bytes = async function* (): AsyncGenerator<Buffer, void, undefined> {
    const found = yield* source(document.path);
    refuseAltered(document.path, document, found);
    file = { name, ...found };
  };
  const stream = Readable.from(bytes(), { objectMode: false, signal: packing.signal });
  // Stored, not deflated: scans and mail are compressed already.
  await packing.zip.addStream(stream, `${packing.top}/${name}`, { ...entryOptions(packing), compress: false });
  if (file === undefined) throw new Error('A document ended without being measured. This is a fault of the program: report it.');
  return file;
}

/** The bytes of a document, with its measure at its end. */
type DocumentSource = (path: string) => AsyncGenerator<Buffer, DocumentMeasure>;

async function sourceOf({ store, content: { documentRoot, fromBag } }: Packing): Promise<DocumentSource> {
  if (fromBag !== undefined) {
    const read = await openBagDocuments(store, fromBag);
    return (path) => measured(read(path));
  }
  if (documentRoot !== null) return (path) => readDocument(documentRoot, path);
  return (path) => {
    throw new DocumentProblem(
      'unreadable',
      path,
      'This case file has documents, but no document root is set. Set DOCUMENT_ROOT, then run again.',
    );
  };
}

async function* measured(bytes: Readable): AsyncGenerator<Buffer, DocumentMeasure> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of bytes as AsyncIterable<Buffer>) {
    hash.update(piece);
    size += piece.length;
    yield piece;
  }
  return { size, sha256: hash.digest('hex') };
}

function addTagFiles(packing: Packing, payload: readonly BaggedFile[]): void {
  const { baggingDate, fileRef, info } = packing.content;
  const tags: [string, string][] = [
    ['Bagging-Date', baggingDate],
    ['External-Identifier', referenceTag(fileRef)],
    ['Payload-Oxum', payloadOxum(payload)],
    ...Object.entries(info),
  ];
  const listed = [
    addText(packing, 'bagit.txt', BAGIT_TXT),
    addText(packing, 'bag-info.txt', bagInfoText(tags)),
    addText(packing, PAYLOAD_MANIFEST, manifestText(payload)),
  ];
  addText(packing, TAG_MANIFEST, manifestText(listed));
}

function addText(packing: Packing, name: string, text: string): BaggedFile {
  const bytes = Buffer.from(text);
  packing.zip.addBuffer(bytes, `${packing.top}/${name}`, { ...entryOptions(packing), compress: bytes.length >= WORTH_DEFLATING });
  return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A DOS time stamp alone, for the other one a zip can carry depends on the machine's time zone. */
function entryOptions(packing: Packing): { mtime: Date; mode: number; forceDosTimestamp: boolean } {
  return { mtime: packing.mtime, mode: OWNER_ONLY, forceDosTimestamp: true };
}

/** DOS time stamps are local time; noon is there on every day in every zone. */
function noonOf(date: IsoDate): Date {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, day, 12);
}

function jsonText(name: string, value: unknown): string {
  const text = JSON.stringify(value, null, 2) as string | undefined;
  if (text === undefined)
    throw new Error(`The record "${name}" has no value, so it cannot be put in a bag. Pass null where nothing is known.`);
  return `${text}\n`;
}

async function refuseUnlikeWritten(
  store: ArchiveStore,
  location: string,
  staged: StagedObject,
  documents: WrittenBag['documents'],
): Promise<void> {
  const found = await inspectBag(store, staged.location, bagNameAt(location)).catch((error: unknown) => {
    throw error instanceof BagDamaged ? new BagDamaged(location, error.fault, NOT_PUBLISHED) : error;
  });
  const same = found.sha256 === staged.sha256 && found.size === staged.size && isDeepStrictEqual(found.documents, documents);
  if (!same) throw new BagDamaged(location, 'what reads back is not what was written', NOT_PUBLISHED);
}

async function removingOnFailure(store: ArchiveStore, location: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const [removal] = await Promise.allSettled([store.delete(location)]);
    if (removal.status === 'rejected')
      throw new AggregateError(
        [error, removal.reason],
        'A bag could not be finished, and its partial not be removed. The next run clears the partial; see the causes for the rest.',
      );
    throw error;
  }
}
