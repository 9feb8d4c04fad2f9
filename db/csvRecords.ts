/** The records of one CSV file, in memory that does not depend on its length, and going on where quoting is broken. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { CsvError, Parser } from 'csv-parse';
import { ExtractRefused } from './extractRefused.ts';

/** `broken` says why a row cannot be told into cells; its first cell alone is given then, where it can be seen. */
export interface CsvRecord {
  line: number;
  cells: string[];
  broken: string | null;
}

/** The start of a line: its byte, and its number from 1. */
interface Place {
  offset: number;
  line: number;
}

const AS_UTF8 = 'Save it as "CSV UTF-8" and import again';
const EXPORT_AGAIN = 'Export it again and import the whole extract';
const LINE_FEED = 10;
const CHUNK = 64 * 1024;
const LEADING_CELL = 1_000;
const LONGEST_ROW = 4 * 1024 * 1024;
const BROKEN_QUOTES = 'quotes are not as they should be: put the whole cell in quotes and write each quote inside it twice';

/** One file of the folder, opened; read a chunk at a time, and the last chunk kept, for parsing goes back a little. */
export class PlainFile {
  readonly name: string;
  readonly #handle: FileHandle;
  #offset = 0;
  #chunk = Buffer.alloc(0);

  private constructor(name: string, handle: FileHandle) {
    this.name = name;
    this.#handle = handle;
  }

  /**
   * `name` is how messages call it, `onDisk` its name in the folder. Never through a link, which could lead out of the
   * folder, and never waiting on a pipe.
   */
  static async open(dir: string, name: string, onDisk = name): Promise<PlainFile> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(join(dir, onDisk), flags).catch((error: unknown) => {
      throw new ExtractRefused(name, 'it cannot be opened', 'Make it readable for this service', { cause: error });
    });
    if ((await handle.stat()).isFile()) return new PlainFile(name, handle);
    await handle.close();
    throw notPlain(name);
  }

  /** Where the last chunk began. */
  get position(): number {
    return this.#offset;
  }

  /** The bytes from `position` on, as many as there are at hand, at most a chunk; none at the end of the file. */
  async from(position: number): Promise<Buffer> {
    const within = position - this.#offset;
    if (within >= 0 && within < this.#chunk.length) return this.#chunk.subarray(within);
    this.#chunk = await this.read(position, CHUNK);
    this.#offset = position;
    return this.#chunk;
  }

  /** At most `length` bytes from `position` on, in a buffer of their own, for csv-parse keeps part of what it is given. */
  async read(position: number, length: number): Promise<Buffer<ArrayBuffer>> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafe(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  }

  /** SHA-256 of all its bytes. */
  async sha256(): Promise<string> {
    const hash = createHash('sha256');
    for (let at = 0; ;) {
      const chunk = await this.read(at, 16 * CHUNK);
      if (chunk.length === 0) return hash.digest('hex');
      hash.update(chunk);
      at += chunk.length;
    }
  }

  /** Changes when the file does. */
  async stamp(): Promise<string> {
    const { dev, ino, size, mtimeMs } = await this.#handle.stat();
    return [dev, ino, size, mtimeMs].join(' ');
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * The records of a CSV file, those of one chunk at a time. Where quoting goes wrong, the line that began the row is left
 * out and parsing starts anew on the next: csv-parse's own skipping lets a stray quote swallow good rows unseen.
 */
export async function* csvRecords(file: PlainFile): AsyncGenerator<CsvRecord[]> {
  let parsing = new Parsing(await startOf(file));
  for (;;) {
    const chunk = await file.from(parsing.fed);
    const error = await parsing.feed(chunk);
    yield parsing.drain();
    if (error !== null || parsing.fed - parsing.next.offset > LONGEST_ROW) {
      const { left, resume } = await leaveOut(file, parsing, error);
      yield left;
      parsing = new Parsing(resume);
    } else if (chunk.length === 0) return;
  }
}

/**
 * One run of csv-parse, from a place in the file to its end or to the first row it cannot go on from. Records are taken
 * where the parser pushes them, while its counts are theirs: its options `info` and `on_record` copy every count for every
 * record, which takes longer than the parsing.
 */
class Parsing extends Parser {
  /** Where the row being read begins, or the empty lines before it. */
  next: Place;
  /** Bytes of the file up to here were given to the parser. */
  fed: number;
  readonly #from: Place;
  #records: CsvRecord[] = [];
  #lines = 0;
  #emptyLines = 0;

  constructor(from: Place) {
    super({ ltrim: true, skip_empty_lines: true, relax_column_count: true, record_delimiter: ['\r\n', '\n'] });
    this.next = from;
    this.fed = from.offset;
    this.#from = from;
    // Every failure reaches the callback in feed() too; without a listener the event would end the process.
    this.on('error', () => undefined);
  }

  /** Empty lines passed since the last record. */
  get emptyLines(): number {
    return this.info.empty_lines - this.#emptyLines;
  }

  /** Gives the parser a chunk, or with an empty one the end; returns what it cannot go on from. */
  feed(chunk: Buffer): Promise<CsvError | null> {
    this.fed += chunk.length;
    return new Promise((resolve, reject) => {
      const done = (error?: Error | null) => {
        if (!error) resolve(null);
        else if (error instanceof CsvError) resolve(error);
        else reject(error);
      };
      if (chunk.length > 0) this.write(chunk, done);
      else this.end(done);
    });
  }

  drain(): CsvRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  override push(cells: string[] | null): boolean {
    if (cells === null) return super.push(null);
    this.#take(cells);
    return true;
  }

  /** csv-parse counts a CRLF inside quotes as two lines, so its count only tells whether there is one to count. */
  #take(cells: string[]): void {
    const { lines, bytes } = this.info;
    const empty = this.emptyLines;
    const inside = lines - this.#lines === empty + 1 ? 0 : lineBreaks(cells);
    const line = this.next.line + empty;
    this.#records.push({ line, cells, broken: null });
    this.#lines = lines;
    this.#emptyLines += empty;
    this.next = { offset: this.#from.offset + bytes, line: line + 1 + inside };
  }
}

function lineBreaks(cells: readonly string[]): number {
  return cells.reduce((total, cell) => total + (cell.includes('\n') ? cell.split('\n').length - 1 : 0), 0);
}

/** The row that stopped the parser, as a broken record, and where to start anew; nothing is left out if it only met empty lines. */
async function leaveOut(file: PlainFile, parsing: Parsing, error: CsvError | null): Promise<{ left: CsvRecord[]; resume: Place }> {
  const start = await skipLines(file, parsing.next, parsing.emptyLines);
  if (error === null && parsing.fed - start.offset <= LONGEST_ROW) return { left: [], resume: start };
  const atHand = await file.from(start.offset);
  const head = atHand.length < LEADING_CELL ? await file.read(start.offset, LEADING_CELL) : atHand;
  const resume = await skipLines(file, start, 1);
  const broken = whyBroken(file.name, start, resume, error);
  return { left: [{ line: start.line, cells: [leadingCell(head)], broken }], resume };
}

function whyBroken(name: string, start: Place, resume: Place, error: CsvError | null): string {
  if (error === null && resume.offset - start.offset > LONGEST_ROW) return 'the row is longer than 4 MB: shorten it';
  if (error === null || error.code === 'CSV_QUOTE_NOT_CLOSED') {
    throw new ExtractRefused(name, `a quote in the row that starts at line ${start.line} is never closed`, EXPORT_AGAIN);
  }
  if (/INVALID_(OPENING|CLOSING)_QUOTE/.test(error.code)) return BROKEN_QUOTES;
  throw error;
}

/** The first cell of a line, if it ends in a comma and has no quote inside. */
function leadingCell(line: Buffer): string {
  const match = /^\s*(?:"([^"]*)"|([^",\n]*)),/.exec(line.toString('utf8', 0, LEADING_CELL));
  return match?.[1] ?? match?.[2] ?? '';
}

async function skipLines(file: PlainFile, from: Place, count: number): Promise<Place> {
  let { offset } = from;
  for (let left = count; left > 0;) {
    const chunk = await file.from(offset);
    if (chunk.length === 0) break;
    const passed = lineEnds(chunk, left);
    left -= passed.lines;
    offset += passed.bytes;
  }
  return { offset, line: from.line + count };
}

/** How far the first `most` line ends of a chunk go; the whole chunk where it has fewer. */
function lineEnds(chunk: Buffer, most: number): { lines: number; bytes: number } {
  let bytes = 0;
  for (let lines = 0; lines < most; lines += 1) {
    const lineEnd = chunk.indexOf(LINE_FEED, bytes);
    if (lineEnd === -1) return { lines, bytes: chunk.length };
    bytes = lineEnd + 1;
  }
  return { lines: most, bytes };
}

/** Past the byte-order mark of UTF-8 and past a line that names the separator; refuses other encodings and other separators. */
async function startOf(file: PlainFile): Promise<Place> {
  const head = await file.read(0, 64);
  const mark = head.subarray(0, 3).toString('hex');
  if (mark.startsWith('fffe') || mark.startsWith('feff')) throw new ExtractRefused(file.name, 'it is UTF-16, not UTF-8', AS_UTF8);
  const offset = mark === 'efbbbf' ? 3 : 0;
  const separatorLine = /^"?sep=(.)"?(?:\r?\n|$)/i.exec(head.toString('latin1', offset));
  if (separatorLine === null) return { offset, line: 1 };
  const [line, separator = ''] = separatorLine;
  if (separator === ',') return { offset: offset + line.length, line: 2 };
  throw new ExtractRefused(
    file.name,
    `its first line says that its cells are separated by ${separator === '\t' ? 'tabs' : `"${separator}"`}`,
    'Export it with commas between the cells, and import again',
  );
}

export function notPlain(name: string): ExtractRefused {
  return new ExtractRefused(name, 'it is not a plain file', 'Put the file itself there, no link or folder');
}
