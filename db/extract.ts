/** Reads an extract folder: which files and columns are there, and every row of them checked cell by cell. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { EXTRACT_FILES, EXTRACT_SPEC, cellReaders, readRow, rejectedWhole, shown, unreadable } from './extractColumns.ts';
import { PlainFile, csvRecords, notPlain, type CsvRecord } from './csvRecords.ts';
import { NOTE, knownFiles, plainName, type KnownFile } from './extractNames.ts';
import { readNote } from './extractNote.ts';
import { ExtractRefused } from './extractRefused.ts';
import type { CellReaders, ExtractFileName, ExtractRow, HeaderColumn, RejectedRow, RowPlan } from './extractColumns.ts';

export { EXTRACT_FILES, EXTRACT_SPEC } from './extractColumns.ts';
export { ExtractRefused } from './extractRefused.ts';
export type { ExtractFileName, ExtractRow, ExtractValue, RejectedRow } from './extractColumns.ts';

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
  /** Files, and keys of `extract.json`, that are none of ours. */
  ignoredFiles: string[];
  ignoredKeys: string[];
  /** UTC instant with milliseconds; null where `extract.json` does not say it. */
  exportedAt: string | null;
  expectedRows: Record<string, number> | null;
  /** What `extract.json` says of the extract; null without it. */
  noteSays: string[] | null;
  /** SHA-256 over the bytes of every file of ours, `extract.json` among them. */
  digest: string;
}

export interface ExtractOptions {
  /** Why a document's path is unsafe, or null; without it every path is taken. */
  unsafePathReason?: (path: string) => string | null;
}

/** Reads the folder, the headers and `extract.json`, and no row yet. Throws `ExtractRefused`. */
export async function openExtract(dir: string, knownCategories: readonly string[], options: ExtractOptions = {}): Promise<Extract> {
  const { ours, ignoredFiles } = await filesIn(dir);
  const readers = cellReaders(knownCategories, options.unsafePathReason ?? (() => null));
  const read = (name: ExtractFileName) => {
    const onDisk = ours.get(name);
    return onDisk === undefined ? absentFile(dir, name) : presentFile({ dir, name, onDisk }, readers);
  };
  const files = {
    'people.csv': await read('people.csv'),
    'families.csv': await read('families.csv'),
    'files.csv': await read('files.csv'),
    'documents.csv': await read('documents.csv'),
  };
  const noteName = ours.get(NOTE);
  const note = noteName === undefined ? null : await readNote(dir, noteName);
  return {
    files,
    ignoredFiles,
    ignoredKeys: note?.ignoredKeys ?? [],
    exportedAt: note?.exportedAt ?? null,
    expectedRows: note?.expectedRows ? rowsOfOurs(note.expectedRows, ignoredFiles) : null,
    noteSays: note?.says ?? null,
    digest: await digestOf(dir, ours),
  };
}

/** One sentence for every file of which `extract.json` announced another number of rows than was read. */
export function countMismatches(expectedRows: Readonly<Record<string, number>>, counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(expectedRows)
    .map(([name, expected]) => ({ name, expected, read: Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0 }))
    .filter(({ expected, read }) => expected !== read)
    .map(({ name, expected, read }) => `${shown(name)}: rows announced in ${NOTE} ${expected}, rows read ${read}`);
}

/** A file of the folder: which one it is, and the name it has there. */
interface Found {
  dir: string;
  name: ExtractFileName;
  onDisk: string;
}

/** What the rows of a file are read by, once its header is known. */
interface Reading extends Found {
  plan: RowPlan;
  stamp: string;
}

const AS_UTF8 = 'Save it as "CSV UTF-8" and import again';
const EXPORT_AGAIN = 'Export it again and import the whole extract';
const BATCH_ROWS = 1_000;
/** A batch of long rows ends here, so that memory does not depend on their length. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** Everything in the folder except dotfiles; refuses when a name we know is not a plain file. */
async function filesIn(dir: string): Promise<{ ours: Map<KnownFile, string>; ignoredFiles: string[] }> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    throw new ExtractRefused(dir, 'the folder cannot be read', 'Give the folder that holds the CSV files', {
      cause: error,
    });
  });
  const seen = entries.filter((entry) => !entry.name.startsWith('.'));
  const ours = knownFiles(seen.map((entry) => entry.name));
  const ourNames = new Set(ours.values());
  const odd = seen.find((entry) => ourNames.has(entry.name) && !entry.isFile());
  if (odd) throw notPlain(odd.name);
  return { ours, ignoredFiles: seen.flatMap(({ name }) => (ourNames.has(name) ? [] : [name])).sort() };
}

/** Announced rows by the names of our files; of a file that is there and none of ours nothing is expected. */
function rowsOfOurs(announced: Readonly<Record<string, number>>, ignoredFiles: readonly string[]): Record<string, number> {
  const rows = new Map<string, number>();
  for (const [name, count] of Object.entries(announced)) {
    if (ignoredFiles.includes(name)) continue;
    const ours = EXTRACT_FILES.find((known) => plainName(known) === plainName(name)) ?? name;
    if (rows.has(ours)) throw new ExtractRefused(NOTE, `it announces the rows of ${shown(ours)} twice`, EXPORT_AGAIN);
    rows.set(ours, count);
  }
  return Object.fromEntries(rows);
}

async function digestOf(dir: string, ours: ReadonlyMap<KnownFile, string>): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, onDisk] of [...ours].sort()) {
    const file = await PlainFile.open(dir, name, onDisk);
    try {
      hash.update(`${name} ${await file.sha256()}\n`);
    } finally {
      await file.close();
    }
  }
  return hash.digest('hex');
}

function absentFile(dir: string, name: ExtractFileName): ExtractFile {
  if (EXTRACT_SPEC[name].required) {
    throw new ExtractRefused(name, `it is not in ${dir}`, 'An extract is always the whole register: add the file');
  }
  async function* batches(): AsyncGenerator<ExtractBatch> {}
  return { name, present: false, columns: [], ignoredColumns: [], absentColumns: [], batches };
}

async function presentFile(found: Found, readers: CellReaders): Promise<ExtractFile> {
  const { name } = found;
  const { header, stamp } = await readHeader(found);
  const plan = planRows(name, header, readers);
  const columns = plan.columns.map((column) => column.name);
  const absentColumns = EXTRACT_SPEC[name].columns.map((spec) => spec.name).filter((known) => !columns.includes(known));
  const ignoredColumns = plan.ignored.map((column) => column.name);
  return { name, present: true, columns, ignoredColumns, absentColumns, batches: () => batches({ ...found, plan, stamp }) };
}

/** `stamp` tells later whether the file is still the one whose header was read. */
async function readHeader({ dir, name, onDisk }: Found): Promise<{ header: string[]; stamp: string }> {
  const file = await PlainFile.open(dir, name, onDisk);
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
    const meant = plainName(column);
    const other = places.get(meant);
    if (meant !== '' && other !== undefined) {
      const spelt = header[other] === column ? '' : `, once as ${shown(header[other] ?? '')}`;
      throw new ExtractRefused(name, `the header has the column ${shown(column)} twice${spelt}`, 'Keep the right one and import again');
    }
    places.set(meant, index);
  });
  const columns = EXTRACT_SPEC[name].columns.flatMap((spec): HeaderColumn[] => {
    const index = places.get(plainName(spec.name));
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

async function* batches({ dir, name, onDisk, plan, stamp }: Reading): AsyncGenerator<ExtractBatch> {
  const file = await PlainFile.open(dir, name, onDisk);
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

/** An extract still being written would land in part. */
async function refuseIfChanged(file: PlainFile, stamp: string): Promise<void> {
  if ((await file.stamp()) === stamp) return;
  throw new ExtractRefused(file.name, 'it changed while it was being read', 'Wait until the export is done and import again');
}
