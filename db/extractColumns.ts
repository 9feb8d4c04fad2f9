/** What every cell of an extract must look like: the columns of each file, and how a row becomes values or reasons. */
import { readDate, readPartialDate } from '../rules/dates.ts';
import type { IsoDate } from '../rules/dates.ts';
import { MEDIA } from '../rules/facts.ts';
import { LONGEST_REFERENCE } from '../rules/limits.ts';

export const EXTRACT_FILES = ['people.csv', 'families.csv', 'files.csv', 'documents.csv'] as const;
export type ExtractFileName = (typeof EXTRACT_FILES)[number];

export type ColumnKind =
  'ref' | 'refs' | 'name' | 'text' | 'date' | 'partial_date' | 'yes_no' | 'categories' | 'medium' | 'sha256' | 'path';

/** `required`: the column must be in the header, and no cell of it may be empty. */
export interface ColumnSpec {
  name: string;
  kind: ColumnKind;
  required: boolean;
}

/** `required`: no extract without this file. `reference`: the column by which a row is known. */
export interface FileSpec {
  required: boolean;
  reference: string;
  columns: readonly ColumnSpec[];
}

/** The contract's table, in its order. */
export const EXTRACT_SPEC: Readonly<Record<ExtractFileName, FileSpec>> = {
  'people.csv': {
    required: true,
    reference: 'person_ref',
    columns: [
      needed('person_ref', 'ref'),
      known('name', 'name'),
      known('date_of_birth', 'partial_date'),
      known('date_of_death', 'date'),
      known('known_to_adult_services', 'yes_no'),
      known('poses_risk_to_children', 'yes_no'),
    ],
  },
  'families.csv': {
    required: false,
    reference: 'family_ref',
    columns: [needed('family_ref', 'ref'), needed('child_ref', 'ref')],
  },
  'files.csv': {
    required: true,
    reference: 'file_ref',
    columns: [
      needed('file_ref', 'ref'),
      needed('categories', 'categories'),
      known('subject_refs', 'refs'),
      known('family_ref', 'ref'),
      known('opened_on', 'date'),
      known('closed_on', 'date'),
      known('adoption_order_on', 'date'),
      known('approval_ended_on', 'date'),
      known('notified_on', 'date'),
      known('last_entry_on', 'date'),
      known('withdrawn_on', 'date'),
      known('child_placed', 'yes_no'),
      known('originals_held', 'yes_no'),
      known('medium', 'medium'),
      known('location', 'text'),
    ],
  },
  'documents.csv': {
    required: false,
    reference: 'file_ref',
    columns: [needed('file_ref', 'ref'), needed('path', 'path'), known('sha256', 'sha256')],
  },
};

/** ISO dates, true and false, lists without repeats; null where the cell is empty, that is, not known. */
export type ExtractValue = string | string[] | boolean | null;

/** `line` counts from 1, the header's, and is where the row starts, though its cells hold line breaks. */
export interface ExtractRow {
  line: number;
  ref: string;
  cells: ExtractValue[];
}

/** One bad cell, or with `column` null a row that cannot be read as cells. `ref` is null where it cannot be relied on. */
export interface RejectedRow {
  line: number;
  ref: string | null;
  /** The document that the row names, where it can be read. */
  path?: string;
  column: string | null;
  reason: string;
}

/** Why a cell cannot be taken. */
class Malformed {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

type CellReader = (text: string) => ExtractValue | Malformed;
export type CellReaders = Readonly<Record<ColumnKind, CellReader>>;

/** A column of the header: where it stands, and what is expected there; `spec` is null for a column to be ignored. */
export interface HeaderColumn {
  index: number;
  name: string;
  spec: ColumnSpec | null;
}

/** How to read the rows under one header: its known columns in the spec's order, then the ignored ones. */
export interface RowPlan {
  width: number;
  reference: HeaderColumn;
  columns: readonly HeaderColumn[];
  ignored: readonly HeaderColumn[];
  readers: CellReaders;
}

/** One reader a kind of column; each takes a trimmed cell that is not empty. Reasons never repeat personal data. */
export function cellReaders(categories: readonly string[], unsafePathReason: (path: string) => string | null): CellReaders {
  const words = new Set(categories);
  return {
    ref: readRef,
    refs: (text) => readList(text, readRef),
    name: readName,
    text: readText,
    date: (text) => plainDay(text) ?? readDate(text) ?? badDate(text, ''),
    partial_date: (text) => plainDay(text) ?? readPartialDate(text) ?? badDate(text, ', or yyyy or yyyy-mm if no more is known'),
    yes_no: readYesNo,
    categories: (text) => readCategories(text, words),
    medium: (text) => ((MEDIA as readonly string[]).includes(text) ? text : unknownWord([text], 'medium', MEDIA)),
    sha256: (text) => (SHA256.test(text) ? text.toLowerCase() : new Malformed('a sha256 is 64 digits, 0-9 and a-f')),
    path: (text) => readPath(text, unsafePathReason),
  };
}

/** The row's values, or one rejection for every bad cell, so that all can be mended at once. */
export function readRow(plan: RowPlan, line: number, cells: readonly string[]): ExtractRow | RejectedRow[] {
  if (cells.length !== plan.width) return [rejectedWhole(plan, line, cells, wrongWidth(cells.length, plan.width))];
  const values: ExtractValue[] = [];
  const bad: { column: string; reason: string }[] = [];
  let ref: string | null = null;
  let named: { path?: string } = {};
  for (const column of plan.columns) {
    const value = readCell(column, cells, plan.readers);
    if (column === plan.reference && typeof value === 'string') ref = value;
    if (column.spec?.kind === 'path' && typeof value === 'string') named = { path: value };
    if (value instanceof Malformed) bad.push({ column: column.name, reason: value.reason });
    else values.push(value);
  }
  for (const column of plan.ignored) {
    const reason = unreadable(cells[column.index] ?? '');
    if (reason !== null) bad.push({ column: column.name, reason });
  }
  if (bad.length === 0 && ref !== null) return { line, ref, cells: values };
  return bad.map((cell) => ({ line, ref, ...named, ...cell }));
}

/**
 * A row that cannot be told into cells. Its reference is believed only from the first column: further on, the cells
 * may have shifted, and a name would be taken for a reference.
 */
export function rejectedWhole(plan: RowPlan, line: number, cells: readonly string[], reason: string): RejectedRow {
  const ref = plan.reference.index === 0 ? readCell(plan.reference, cells, plan.readers) : null;
  return { line, ref: typeof ref === 'string' ? ref : null, column: null, reason };
}

/** A word as it may be printed: cut at 40 characters, what cannot be seen or turns text around written as its code. */
export function shown(word: string): string {
  const start = Array.from(word.slice(0, 80));
  const cut = start.length > 40 || word.length > 80;
  const visible = start.slice(0, 40).map((c) => (INVISIBLE.test(c) ? `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}` : c));
  return visible.join('') + (cut ? '…' : '');
}

/** Why a text is not one that can be kept, whatever its column: NUL, which PostgreSQL refuses, and broken UTF-8. */
export function unreadable(text: string): string | null {
  if (!UNREADABLE.test(text)) return null;
  return text.includes('\0')
    ? 'holds a NUL character: remove it'
    : 'holds bytes that are not UTF-8, or the sign U+FFFD that takes their place: save the file as UTF-8';
}

/**
 * A key of an index has at most 2,704 bytes, and a letter up to four. The widest keys are two references together, a reference
 * with the path of a document (db/documentPath.ts), and one word of a name, taken apart as it is looked for.
 */
const LONGEST_NAME = 500;
const LONGEST_NAME_BYTES = 2_000;
const LONGEST_TEXT = 10_000;
/** What one letter may become at most when it is taken apart, in bytes. */
const LONGEST_LETTER_BYTES = 33;
const UNREADABLE = /[\0\uFFFD]/;
const CONTROL = /\p{Cc}/u;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const SHA256 = /^[0-9a-f]{64}$/i;
const PLAIN_DAY = /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])$/;
const TWO_DIGIT_YEAR = /^(\d{1,2}[/.-]){0,2}\d{2}$/;

function needed(name: string, kind: ColumnKind): ColumnSpec {
  return { name, kind, required: true };
}

function known(name: string, kind: ColumnKind): ColumnSpec {
  return { name, kind, required: false };
}

function readCell(column: HeaderColumn, cells: readonly string[], readers: CellReaders): ExtractValue | Malformed {
  const text = (cells[column.index] ?? '').trim();
  if (text === '') return column.spec?.required ? new Malformed('empty: every row needs it') : null;
  const reason = unreadable(text);
  if (reason !== null) return new Malformed(reason);
  return column.spec === null ? null : readers[column.spec.kind](text);
}

function readRef(text: string): string | Malformed {
  if (text.length > LONGEST_REFERENCE && Array.from(text).length > LONGEST_REFERENCE)
    return new Malformed(`a reference has at most ${LONGEST_REFERENCE} characters`);
  return CONTROL.test(text) ? new Malformed('a reference has no control characters, such as tabs or line breaks') : text;
}

function readText(text: string): string | Malformed {
  return text.length > LONGEST_TEXT ? new Malformed(`longer than ${grouped(LONGEST_TEXT)} characters`) : text;
}

/** Names are indexed by their words, without accents and with ligatures taken apart. */
function readName(text: string): string | Malformed {
  if (text.length <= LONGEST_NAME_BYTES / LONGEST_LETTER_BYTES) return text;
  if (text.length > LONGEST_NAME && Array.from(text).length > LONGEST_NAME)
    return new Malformed(`a name has at most ${LONGEST_NAME} characters`);
  return Buffer.byteLength(text.normalize('NFKD')) > LONGEST_NAME_BYTES
    ? new Malformed(`a name has at most ${grouped(LONGEST_NAME_BYTES)} bytes, its letters and accents taken apart`)
    : text;
}

function readPath(text: string, unsafePathReason: (path: string) => string | null): string | Malformed {
  const reason = unsafePathReason(text);
  return reason === null ? text : new Malformed(reason);
}

function readYesNo(text: string): boolean | Malformed {
  if (text === 'yes' || text === 'no') return text === 'yes';
  return new Malformed(`"${shown(text)}" is neither yes nor no: write one of them, or nothing if it is not known`);
}

function readList(text: string, readPart: (part: string) => string | Malformed): string[] | null | Malformed {
  const parts = partsOf(text);
  const bad = parts.map(readPart).find((part) => part instanceof Malformed);
  if (bad instanceof Malformed) return bad;
  return parts.length === 0 ? null : parts;
}

function readCategories(text: string, categories: ReadonlySet<string>): string[] | Malformed {
  const words = partsOf(text);
  if (words.length === 0) return new Malformed('empty: a file has at least one category');
  const unknown = words.filter((word) => !categories.has(word));
  return unknown.length === 0 ? words : unknownWord(unknown, 'category', [...categories]);
}

function partsOf(text: string): string[] {
  if (!text.includes(';')) return [text];
  return [...new Set(text.split(';').map((part) => part.trim()))].filter((part) => part !== '');
}

/** At most five of the unknown words are named, so that a cell of rubbish does not become a page. */
function unknownWord(words: readonly string[], what: string, allowed: readonly string[]): Malformed {
  const named = words.slice(0, 5).map((word) => `"${shown(word)}"`);
  return new Malformed(`${named.join(', ')}: no such ${what}; known are ${allowed.join(', ')}`);
}

function badDate(text: string, orElse: string): Malformed {
  if (TWO_DIGIT_YEAR.test(text)) return new Malformed('write the year with four digits');
  return new Malformed(`not a date: write a day that exists as yyyy-mm-dd or dd/mm/yyyy${orElse}`);
}

/**
 * Days 1 to 28 exist in every month and need no calendar, which costs fifty times this look: nine dates in ten end here.
 */
function plainDay(text: string): IsoDate | null {
  const isoText = text.charAt(2) === '/' ? `${text.slice(6)}-${text.slice(3, 5)}-${text.slice(0, 2)}` : text;
  return PLAIN_DAY.test(isoText) && (isoText === text || text.charAt(5) === '/') ? isoText : null;
}

function grouped(count: number): string {
  return count.toLocaleString('en-GB');
}

function wrongWidth(found: number, expected: number): string {
  return `the row has ${found} cells and the header ${expected}: put a cell that holds a comma in quotes`;
}
