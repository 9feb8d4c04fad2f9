/** Owns reading a bag's zip out of an archive store: its entries below the bag's one folder, and their bytes. */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import type { ArchiveStore, StoredObject } from './archiveStore.ts';
import { BagFault } from './bagFormat.ts';
import { systemCode } from './fileIo.ts';

export interface OpenBag {
  object: StoredObject;
  zip: ZipFile;
  /** By name below the bag's folder. */
  entries: ReadonlyMap<string, Entry>;
}

/** Holds a zip's central directory, and a small bag as a whole. */
const WINDOW = 128 * 1024;

/** Opens the zip for `use`, and closes it after. Throws BagFault, StoreProblem, or what the zip reader or the system say. */
export async function withBag<T>(store: ArchiveStore, location: string, bagName: string, use: (bag: OpenBag) => Promise<T>): Promise<T> {
  const object = await store.open(location);
  try {
    const zip = await openZip(object);
    return await use({ object, zip, entries: await entriesOf(zip, bagName) });
  } finally {
    await object.close();
  }
}

/** Yields the bytes of one entry; throws BagFault when the zip's own marks on it do not fit. */
export async function* entryBytes(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer, void, undefined> {
  const header = await zip.readLocalFileHeaderPromise(entry);
  const sameName = header.fileName.equals(entry.fileNameRaw);
  if (!sameName || header.compressionMethod !== entry.compressionMethod)
    throw new BagFault('the zip has two headers for one file that differ');
  let crc = 0;
  for await (const piece of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
    crc = crc32(piece, crc);
    yield piece;
  }
  if (crc !== entry.crc32) throw new BagFault('the zip has a file whose CRC-32 is wrong');
}

/** Opens the zip in a stored object, which the caller closes. */
export function openZip(object: StoredObject): Promise<ZipFile> {
  return fromRandomAccessReaderPromise(new ObjectReader(object), object.size, { autoClose: false, strictFileNames: true });
}

/**
 * The name of the one folder in a zip that was written to its end; null for anything else, such as what a crash left half
 * written. Throws what the system or the store say.
 */
export async function wholeBagName(store: ArchiveStore, location: string): Promise<string | null> {
  const object = await store.open(location);
  try {
    for await (const entry of (await openZip(object)).eachEntry()) return entry.fileName.split('/', 1)[0] ?? null;
    return null;
  } catch (error) {
    if (systemCode(error) !== undefined || error instanceof TypeError) throw error;
    return null;
  } finally {
    await object.close();
  }
}

async function entriesOf(zip: ZipFile, bagName: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const top = `${bagName}/`;
  for await (const entry of zip.eachEntry()) {
    if (!entry.fileName.startsWith(top)) throw new BagFault('the zip holds something outside the folder named after the bag');
    const name = entry.fileName.slice(top.length);
    if (name === '' || name.endsWith('/') || entries.has(name)) throw new BagFault('the zip holds a folder entry, or a file twice');
    entries.set(name, entry);
  }
  return entries;
}

/** Serves the zip reader's many small reads from one larger one, which matters most where each would be a request. */
class ObjectReader extends RandomAccessReader {
  readonly #object: StoredObject;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(object: StoredObject) {
    super();
    this.#object = object;
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, done: (error: Error | null) => void): void {
    const copy = (bytes: Buffer): void => {
      bytes.copy(buffer, offset);
      done(bytes.length < length ? new BagFault('the zip ends too early') : null);
    };
    this.#bytes(position, length).then(copy, done);
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const within = start >= this.#start && end <= this.#start + this.#window.length;
    if (!within) return this.#object.stream(start, end);
    return Readable.from([this.#window.subarray(start - this.#start, end - this.#start)], { objectMode: false });
  }

  async #bytes(position: number, length: number): Promise<Buffer> {
    const end = position + length;
    if (position < this.#start || end > this.#start + this.#window.length) {
      this.#window = await this.#object.read(position, position + Math.max(length, WINDOW));
      this.#start = position;
    }
    return this.#window.subarray(position - this.#start, end - this.#start);
  }
}
