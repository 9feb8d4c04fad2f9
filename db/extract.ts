/** Reads an extract folder: which files and columns are there, and every row of them checked cell by cell. */
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { CsvError, Parser } from 'csv-parse';
import { DateTime } from 'luxon';
import { z } from 'zod';
import { EXTRACT_FILES, EXTRACT_SPEC, cellReaders, readRow, rejectedWhole, shown, unreadable } from './extractColumns.ts';
import type { CellReaders, ExtractFileName, ExtractRow, HeaderColumn, RejectedRow, RowPlan } from './extractColumns.ts';

export { EXTRACT_FILES, EXTRACT_SPEC } from './extractColumns.ts';
export type { ExtractFileName, ExtractRow, ExtractValue, RejectedRow } from './extractColumns.ts';

/** The whole import is refused: which file, what is wrong with it, what to do next. */
export class ExtractRefused extends Error {
  readonly file: string;
  constructor(file: string, problem: string, next: string, options?: ErrorOptions) {
    super(`${file}: ${problem}. ${next}.`, options);
    this.name = 'ExtractRefused';
    this.file = file;
  }
}

/** `read` counts data rows, those accepted and those rejected; a row with several bad cells counts once. */
export interface ExtractBatch {
  rows: ExtractRow[];
  rejects: RejectedRow[];
  read: number;
}

export interface ExtractFile {
  name: ExtractFileName;
  present: boolean;
  /** Known columns of the header, in the order of the spec; the cells of every row follow it. */
  columns: string[];
  ignoredColumns: string[];
  /** Optional columns that the header lacks; empty for an absent file. */
  absentColumns: string[];
  /** About 1,000 rows at a time; every call reads the file anew. Throws `ExtractRefused`. */
  batches(): AsyncIterable<ExtractBatch>;
}

export interface Extract {
  files: Record<ExtractFileName, ExtractFile>;
  ignoredFiles: string[];
  /** UTC instant with milliseconds, so that two of them compare as strings; null without `extract.json`. */
  exportedAt: string | null;
  expectedRows: Record<string, number> | null;
}

export interface ExtractOptions {
  /** Why a document's path is unsafe, or null; without it every path is taken. */
  unsafePathReason?: (path: string) => string | null;
}

/** Reads the folder, the headers and `extract.json`, and no row yet. Throws `ExtractRefused`. */
export async function openExtract(dir: string, knownCategories: readonly string[], options: ExtractOptions = {}): Promise<Extract> {
  const found = await namesIn(dir);
  const readers = cellReaders(knownCategories, options.unsafePathReason ?? (() => null));
  const read = (name: ExtractFileName) => (found.has(name) ? presentFile(dir, name, readers) : absentFile(dir, name));
  const files = {
    'people.csv': await read('people.csv'),
    'families.csv': await read('families.csv'),
    'files.csv': await read('files.csv'),
    'documents.csv': await read('documents.csv'),
  };
  const ignoredFiles = [...found].filter((name) => !KNOWN_NAMES.has(name)).sort();
  const note = found.has(NOTE) ? await readNote(dir, ignoredFiles) : { exportedAt: null, expectedRows: null };
  return { files, ignoredFiles, ...note };
}

/** One sentence for every file of which `extract.json` announced another number of rows than was read. */
export function countMismatches(expectedRows: Readonly<Record<string, number>>, counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(expectedRows)
    .map(([name, expected]) => ({ name, expected, read: Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0 }))
    .filter(({ expected, read }) => expected !== read)
    .map(({ name, expected, read }) => `${shown(name)}: rows announced in ${NOTE} ${expected}, rows read ${read}`);
}

/** What the rows of a file are read by, once its header is known. */
interface Reading {
  dir: string;
  name: ExtractFileName;
  plan: RowPlan;
  stamp: string;
}

/** The start of a line: its byte, and its number from 1. */
interface Place {
  offset: number;
  line: number;
}

/** `broken` says why a row cannot be told into cells; its first cell alone is given then, where it can be seen. */
interface CsvRecord {
  line: number;
  cells: string[];
  broken: string | null;
}

const NOTE = 'extract.json';
const KNOWN_NAMES: ReadonlySet<string> = new Set([...EXTRACT_FILES, NOTE]);
const AS_UTF8 = 'Save it as "CSV UTF-8" and import again';
const EXPORT_AGAIN = 'Export it again and import the whole extract';
const LINE_FEED = 10;
const CHUNK = 64 * 1024;
const BATCH_ROWS = 1_000;
/** A batch of long rows ends here, so that memory does not depend on their length. */
const BATCH_BYTES = 4 * 1024 * 1024;
const LEADING_CELL = 1_000;
const LONGEST_ROW = 4 * 1024 * 1024;
const LONGEST_NOTE = 1024 * 1024;
const BROKEN_QUOTES = 'quotes are not as they should be: put the whole cell in quotes and write each quote inside it twice';

const Note = z.object({
  exported_at: z.string().transform(utcInstant).pipe(z.string('not a date and time such as 2026-11-22T02:00:00Z')),
  rows: z.record(z.string(), z.number().int().nonnegative()),
});

/** Everything in the folder but dotfiles; refuses when a name we know is not a plain file. */
async function namesIn(dir: string): Promise<Set<string>> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    throw new ExtractRefused(dir, 'the folder cannot be read', 'Give the folder that holds the CSV files', {
      cause: error,
    });
  });
  const seen = entries.filter((entry) => !entry.name.startsWith('.'));
  const odd = seen.find((entry) => KNOWN_NAMES.has(entry.name) && !entry.isFile());
  if (odd) throw notPlain(odd.name);
  return new Set(seen.map((entry) => entry.name));
}

function absentFile(dir: string, name: ExtractFileName): ExtractFile {
  if (EXTRACT_SPEC[name].required) {
    throw new ExtractRefused(name, `it is not in ${dir}`, 'An extract is always the whole register: add the file');
  }
  async function* batches(): AsyncGenerator<ExtractBatch> {}
  return { name, present: false, columns: [], ignoredColumns: [], absentColumns: [], batches };
}

async function presentFile(dir: string, name: ExtractFileName, readers: CellReaders): Promise<ExtractFile> {
  const { header, stamp } = await readHeader(dir, name);
  const plan = planRows(name, header, readers);
  const columns = plan.columns.map((column) => column.name);
  const absentColumns = EXTRACT_SPEC[name].columns.map((spec) => spec.name).filter((known) => !columns.includes(known));
  const ignoredColumns = plan.ignored.map((column) => column.name);
  return { name, present: true, columns, ignoredColumns, absentColumns, batches: () => batches({ dir, name, plan, stamp }) };
}

/** `stamp` tells later whether the file is still the one whose header was read. */
async function readHeader(dir: string, name: string): Promise<{ header: string[]; stamp: string }> {
  const file = await PlainFile.open(dir, name);
  try {
    const stamp = await file.stamp();
    for await (const [first] of csvRecords(file)) {
      if (first) return { header: readableHeader(name, first), stamp };
    }
    throw new ExtractRefused(name, 'it is empty, without even a header', EXPORT_AGAIN);
  } finally {
    await file.close();
  }
}

function readableHeader(name: string, record: CsvRecord): string[] {
  if (record.broken !== null) throw new ExtractRefused(name, `in the header, ${record.broken}`, EXPORT_AGAIN);
  const header = record.cells.map((cell) => cell.trim());
  if (header.some((cell) => unreadable(cell) !== null)) throw new ExtractRefused(name, 'it is not UTF-8 text', AS_UTF8);
  if (header.some((cell) => cell.includes('\r'))) {
    throw new ExtractRefused(name, 'its lines end in the old Macintosh way', AS_UTF8);
  }
  return header;
}

/** Which cell of a row is which column; refuses a column that is missing or given twice. */
function planRows(name: ExtractFileName, header: readonly string[], readers: CellReaders): RowPlan {
  const places = new Map<string, number>();
  header.forEach((column, index) => {
    if (column !== '' && places.has(column)) {
      throw new ExtractRefused(name, `the header has the column ${shown(column)} twice`, 'Keep the right one and import again');
    }
    places.set(column, index);
  });
  const columns = EXTRACT_SPEC[name].columns.flatMap((spec): HeaderColumn[] => {
    const index = places.get(spec.name);
    if (index === undefined && spec.required) throw columnMissing(name, spec.name, header);
    return index === undefined ? [] : [{ index, name: spec.name, spec }];
  });
  const reference = columns.find((column) => column.name === EXTRACT_SPEC[name].reference);
  if (reference === undefined) throw columnMissing(name, EXTRACT_SPEC[name].reference, header);
  return { width: header.length, reference, columns, ignored: ignoredColumns(header, columns), readers };
}

function ignoredColumns(header: readonly string[], columns: readonly HeaderColumn[]): HeaderColumn[] {
  const taken = new Set(columns.map((column) => column.index));
  return header
    .map((name, index) => ({
      index,
      name: name === '' ? `column ${index + 1}, without a name` : shown(name),
      spec: null,
    }))
    .filter(({ index }) => !taken.has(index));
}

function columnMissing(name: string, column: string, header: readonly string[]): ExtractRefused {
  const next = header.length === 1 ? 'Separate the columns by commas, with their names in the first line' : 'Add the column';
  return new ExtractRefused(name, `the header has no column ${column}`, `${next} and import again`);
}

async function* batches({ dir, name, plan, stamp }: Reading): AsyncGenerator<ExtractBatch> {
  const file = await PlainFile.open(dir, name);
  try {
    let batch: ExtractBatch = { rows: [], rejects: [], read: 0 };
    let began = file.position;
    for await (const records of dataRecords(file)) {
      for (const record of records) addRecord(batch, plan, record);
      if (batch.read < BATCH_ROWS && file.position - began < BATCH_BYTES) continue;
      yield batch;
      batch = { rows: [], rejects: [], read: 0 };
      began = file.position;
    }
    if (batch.read > 0) yield batch;
    await refuseIfChanged(file, stamp);
  } finally {
    await file.close();
  }
}

function addRecord(batch: ExtractBatch, plan: RowPlan, { line, cells, broken }: CsvRecord): void {
  batch.read += 1;
  const row = broken === null ? readRow(plan, line, cells) : [rejectedWhole(plan, line, cells, broken)];
  if (!Array.isArray(row)) batch.rows.push(row);
  else for (const reject of row) batch.rejects.push(reject);
}

async function* dataRecords(file: PlainFile): AsyncGenerator<CsvRecord[]> {
  let headerPassed = false;
  for await (const records of csvRecords(file)) {
    yield headerPassed ? records : records.slice(1);
    headerPassed ||= records.length > 0;
  }
}

/** One file of the folder, opened; read a chunk at a time, and the last chunk kept, for parsing goes back a little. */
class PlainFile {
  readonly name: string;
  readonly #handle: FileHandle;
  #offset = 0;
  #chunk = Buffer.alloc(0);

  private constructor(name: string, handle: FileHandle) {
    this.name = name;
    this.#handle = handle;
  }

  /** Never through a link, which could lead out of the folder, and never waiting on a pipe. */
  static async open(dir: string, name: string): Promise<PlainFile> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(join(dir, name), flags).catch((error: unknown) => {
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
async function* csvRecords(file: PlainFile): AsyncGenerator<CsvRecord[]> {
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

/** Past the byte-order mark of UTF-8; refuses those of other encodings. */
async function startOf(file: PlainFile): Promise<Place> {
  const mark = (await file.from(0)).subarray(0, 3).toString('hex');
  if (mark.startsWith('fffe') || mark.startsWith('feff')) throw new ExtractRefused(file.name, 'it is UTF-16, not UTF-8', AS_UTF8);
  return { offset: mark === 'efbbbf' ? 3 : 0, line: 1 };
}

function notPlain(name: string): ExtractRefused {
  return new ExtractRefused(name, 'it is not a plain file', 'Put the file itself there, no link or folder');
}

/** An extract still being written would land in part. */
async function refuseIfChanged(file: PlainFile, stamp: string): Promise<void> {
  if ((await file.stamp()) === stamp) return;
  throw new ExtractRefused(file.name, 'it changed while it was being read', 'Wait until the export is done and import again');
}

async function readNote(dir: string, ignoredFiles: readonly string[]): Promise<Pick<Extract, 'exportedAt' | 'expectedRows'>> {
  const read = Note.safeParse(parsedNote(await noteText(dir)));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw badNote(`${(issue?.path ?? []).map((part) => shown(String(part))).join('.')}: ${issue?.message ?? 'malformed'}`);
  }
  const counted = Object.entries(read.data.rows).filter(([name]) => !ignoredFiles.includes(name));
  return { exportedAt: read.data.exported_at, expectedRows: Object.fromEntries(counted) };
}

async function noteText(dir: string): Promise<string> {
  const file = await PlainFile.open(dir, NOTE);
  try {
    const bytes = await file.read(0, LONGEST_NOTE + 1);
    if (bytes.length > LONGEST_NOTE) throw badNote('longer than 1 MB');
    return bytes.toString('utf8');
  } finally {
    await file.close();
  }
}

function parsedNote(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw badNote('not JSON', error);
  }
}

function badNote(problem: string, cause?: unknown): ExtractRefused {
  const next = 'It should be like { "exported_at": "2026-11-22T02:00:00Z", "rows": { "people.csv": 2000 } }';
  return new ExtractRefused(NOTE, problem, next, { cause });
}

/** A time without a zone is London's, as every date here. */
function utcInstant(text: string): string | null {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return null;
  return DateTime.fromISO(text.replace(' ', 'T'), { zone: 'Europe/London' }).toUTC().toISO();
}
