/** Decides whether a bag in the archive store is whole, and reads its records and documents back. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Entry } from 'yauzl';
import type { ArchiveStore, StoredObject } from './archiveStore.ts';
import {
  BAGIT_TXT,
  BagFault,
  LISTED_TAG_FILES,
  PAYLOAD_MANIFEST,
  TAG_MANIFEST,
  bagNameAt,
  payloadOxum,
  readBagInfo,
  readManifest,
} from './bagFormat.ts';
import type { BaggedFile } from './bagFormat.ts';
import { documentPathOf, PATHS_RECORD, recordNameOf, recordPayloadName } from './bagPayload.ts';
import { entryBytes, openZip, withBag } from './bagReader.ts';
import type { OpenBag } from './bagReader.ts';
import { systemCode } from './fileIo.ts';
import { StoreProblem } from './storeProblem.ts';

export interface VerifiedBag {
  records: Record<string, unknown>;
  /** In the order in which they were written. */
  documents: { path: string; size: number; sha256: string }[];
  /** The tags of bag-info.txt. */
  info: Record<string, string>;
  /** Of the whole zip. */
  sha256: string;
  size: number;
}

/** A bag is not what was written. The message may be logged: it names the bag, and no document. */
export class BagDamaged extends Error {
  override readonly name = 'BagDamaged';
  readonly location: string;
  readonly fault: string;

  constructor(
    location: string,
    fault: string,
    next = 'Bring it back from a backup and verify it again; until then, remove none of its sources.',
  ) {
    super(`The bag ${location} is damaged: ${fault}. ${next}`);
    this.location = location;
    this.fault = fault;
  }
}

/** A file in the bag as read back; `text` only where it is a tag file or a record. */
interface ReadFile extends BaggedFile {
  text: string | undefined;
}

/**
 * Reads the whole bag back and returns what it holds. Throws BagDamaged when a file is not as the manifests say, is missing
 * or extra, or when the zip is not the `expected` one: only that finds a change that touches no content, such as a time
 * stamp. Throws StoreProblem `missing` when there is no such bag.
 */
export async function verifyBag(store: ArchiveStore, location: string, expected?: { size: number; sha256: string }): Promise<VerifiedBag> {
  const bag = await inspectBag(store, location, bagNameAt(location));
  if (expected !== undefined && (bag.sha256 !== expected.sha256 || bag.size !== expected.size))
    throw new BagDamaged(location, 'its SHA-256 or size is not the one recorded');
  return bag;
}

/** As `verifyBag`, for a bag of this name wherever it lies: a staged one does not lie under its own name yet. */
export async function inspectBag(store: ArchiveStore, location: string, bagName: string): Promise<VerifiedBag> {
  try {
    return await withBag(store, location, bagName, async (bag) => ({ ...(await wholeDigest(bag.object)), ...checked(await readAll(bag)) }));
  } catch (error) {
    throw asDamage(error, location);
  }
}

/**
 * Returns what gives the bytes of each document in a bag; its directory and manifest are read once, here. A stream fails with
 * BagDamaged at its end when its bytes are not those of the manifest. Throws BagDamaged when the bag cannot be read, or asked
 * for a document that it does not hold.
 */
export async function openBagDocuments(store: ArchiveStore, location: string): Promise<(path: string) => Readable> {
  try {
    const found = await withBag(store, location, bagNameAt(location), findDocuments);
    return (path) => {
      const wanted = found.get(path);
      if (wanted === undefined) throw new BagDamaged(location, 'it does not hold the document asked for');
      return Readable.from(documentBytes(store, location, wanted), { objectMode: false });
    };
  } catch (error) {
    throw asDamage(error, location);
  }
}

interface FoundDocument {
  entry: Entry;
  sha256: string;
}

/** By path. */
async function findDocuments(bag: OpenBag): Promise<Map<string, FoundDocument>> {
  const paths = recordPayloadName(PATHS_RECORD);
  const renamed = renamedIn(bag.entries.has(paths) ? (await readEntry(bag, paths)).text : undefined);
  const manifest = readManifest(PAYLOAD_MANIFEST, (await readEntry(bag, PAYLOAD_MANIFEST)).text ?? '');
  const found = new Map<string, FoundDocument>();
  for (const [name, entry] of bag.entries) {
    const path = documentPathOf(name, renamed);
    if (path !== undefined && !found.has(path)) found.set(path, { entry, sha256: manifest.get(name) ?? '' });
  }
  return found;
}

/** Opens the bag only when it is first read from, so that a stream nobody reads holds nothing open. */
async function* documentBytes(store: ArchiveStore, location: string, wanted: FoundDocument): AsyncGenerator<Buffer, void, undefined> {
  const object = await store.open(location);
  const hash = createHash('sha256');
  try {
    for await (const piece of entryBytes(await openZip(object), wanted.entry)) {
      hash.update(piece);
      yield piece;
    }
    if (hash.digest('hex') !== wanted.sha256) throw new BagFault('a document does not have the SHA-256 of the manifest');
  } catch (error) {
    throw asDamage(error, location);
  } finally {
    await object.close();
  }
}

async function wholeDigest(object: StoredObject): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  for await (const piece of object.stream(0, object.size) as AsyncIterable<Buffer>) hash.update(piece);
  return { size: object.size, sha256: hash.digest('hex') };
}

async function readAll(bag: OpenBag): Promise<Map<string, ReadFile>> {
  const files = new Map<string, ReadFile>();
  for (const name of bag.entries.keys()) files.set(name, await readEntry(bag, name));
  return files;
}

async function readEntry(bag: OpenBag, name: string): Promise<ReadFile> {
  const entry = bag.entries.get(name);
  if (entry === undefined) throw new BagFault(`${name} is missing`);
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  const keep = !name.startsWith('data/') || recordNameOf(name) !== undefined;
  let size = 0;
  for await (const piece of entryBytes(bag.zip, entry)) {
    hash.update(piece);
    size += piece.length;
    if (keep) kept.push(piece);
  }
  return { name, size, sha256: hash.digest('hex'), text: keep ? Buffer.concat(kept).toString('utf8') : undefined };
}

function checked(files: Map<string, ReadFile>): Pick<VerifiedBag, 'records' | 'documents' | 'info'> {
  if (textOf(files, 'bagit.txt') !== BAGIT_TXT) throw new BagFault('bagit.txt does not declare BagIt 1.0 in UTF-8');
  refuseUnlike(TAG_MANIFEST, readManifest(TAG_MANIFEST, textOf(files, TAG_MANIFEST)), tagFiles(files));
  const listed = readManifest(PAYLOAD_MANIFEST, textOf(files, PAYLOAD_MANIFEST));
  const payload = [...files.values()].filter((file) => file.name.startsWith('data/'));
  refuseUnlike(PAYLOAD_MANIFEST, listed, payload);
  const info = readBagInfo(textOf(files, 'bag-info.txt'));
  if (info['Payload-Oxum'] !== payloadOxum(payload)) throw new BagFault('the Payload-Oxum is not that of the payload');
  return { ...contentOf(payload), info };
}

/** The tag files the tag manifest has to list: all but itself, and no others than this product writes. */
function tagFiles(files: Map<string, ReadFile>): ReadFile[] {
  const tags = [...files.values()].filter((file) => !file.name.startsWith('data/') && file.name !== TAG_MANIFEST);
  const known: readonly string[] = LISTED_TAG_FILES;
  if (tags.length !== known.length || tags.some((file) => !known.includes(file.name)))
    throw new BagFault('it has a tag file too many or too few');
  return tags;
}

function refuseUnlike(manifest: string, listed: Map<string, string>, files: readonly ReadFile[]): void {
  const extra = files.filter((file) => !listed.has(file.name)).length;
  const missing = listed.size - (files.length - extra);
  const changed = files.filter((file) => listed.has(file.name) && listed.get(file.name) !== file.sha256).length;
  if (extra + missing + changed > 0)
    throw new BagFault(`of the files in ${manifest}, ${changed} changed, ${missing} missing, and ${extra} not listed`);
}

function contentOf(payload: readonly ReadFile[]): Pick<VerifiedBag, 'records' | 'documents'> {
  const records: Record<string, unknown> = {};
  const documents: VerifiedBag['documents'] = [];
  const renamed = renamedIn(payload.find(({ name }) => name === recordPayloadName(PATHS_RECORD))?.text);
  for (const { name, size, sha256, text } of payload) {
    const [record, path] = [recordNameOf(name), documentPathOf(name, renamed)];
    if (record === PATHS_RECORD) continue;
    if (record !== undefined) records[record] = jsonOf(text ?? '', record);
    else if (path !== undefined) documents.push({ path, size, sha256 });
    else throw new BagFault('its payload holds a file that is neither a record nor a document');
  }
  if (new Set(documents.map(({ path }) => path)).size !== documents.length) throw new BagFault('it holds two documents of one path');
  return { records, documents };
}

/** Payload name to path; empty for a bag without that record. */
function renamedIn(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  const renamed = jsonOf(text, 'its record of paths');
  if (typeof renamed !== 'object' || renamed === null) throw new BagFault('its record of paths is not one');
  return renamed as Record<string, unknown>;
}

function jsonOf(text: string, record: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BagFault(`${record} is not JSON`);
  }
}

function textOf(files: Map<string, ReadFile>, name: string): string {
  const file = files.get(name);
  if (file?.text === undefined) throw new BagFault(`${name} is missing`);
  return file.text;
}

/** What the system or the store say is about the disk, not the bag, and a TypeError is ours: they pass unchanged. */
function asDamage(error: unknown, location: string): unknown {
  if (!(error instanceof Error) || error instanceof StoreProblem || error instanceof BagDamaged) return error;
  if (error instanceof TypeError || systemCode(error) !== undefined) return error;
  // A zip reader's message may go on, after a colon, with the name of the file.
  return new BagDamaged(location, error instanceof BagFault ? error.message : `its zip cannot be read (${error.message.split(':')[0]})`);
}
