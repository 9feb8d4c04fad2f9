/** Reads a CSV file of holds to place: a good row becomes a hold, a bad one is rejected with its line, column and reason. */
import { readFile } from 'node:fs/promises';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { readDate } from '../rules/dates.ts';
import { LONGEST_REFERENCE } from '../rules/limits.ts';
import { sha256 } from '../rules/digest.ts';
import { Refusal } from '../rules/refusal.ts';
import { HOLD_KINDS, HOLD_SCOPES, type HoldScope } from '../rules/workflow.ts';
import { shown, unreadable } from './extractColumns.ts';
import { plainName } from './extractNames.ts';
import { systemCode } from './fileIo.ts';
import type { NewHold } from './holds.ts';

export const HOLD_COLUMNS = ['kind', 'scope', 'authority', 'review_on'] as const;
export type HoldColumn = (typeof HOLD_COLUMNS)[number];

/** `line` counts from 1, the header's. */
export type HoldRow = NewHold & { line: number };

/** One bad cell, or with `column` null a row that cannot be read as cells. */
export interface RejectedHold {
  line: number;
  column: HoldColumn | null;
  reason: string;
}

export interface HoldFile {
  /** SHA-256 of the file, by which the audit knows it. */
  digest: string;
  /** Rows below the header, good and bad; empty lines are none. */
  read: number;
  rows: HoldRow[];
  rejects: RejectedHold[];
  ignoredColumns: string[];
}

/** What a scope covers, or what is wrong with how it is written. */
export type ReadScope = { scope: HoldScope; scopeRef: string | null } | { problem: string };

/** Reads the whole file. Throws a Refusal when it is no CSV file with these columns. */
export async function readHoldFile(path: string, categories: readonly string[]): Promise<HoldFile> {
  const text = await readText(path);
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const header = readHeader(lines[0] ?? '');
  const file: HoldFile = { digest: sha256(text), read: 0, rows: [], rejects: [], ignoredColumns: ignoredColumns(header) };
  lines.forEach((line, index) => {
    if (index === 0 || line.trim() === '') return;
    file.read++;
    const row = readRow(line, index + 1, header, categories);
    if (Array.isArray(row)) file.rejects.push(...row);
    else file.rows.push(row);
  });
  return file;
}

/** Reads a scope as `hold add` and files of holds write it. */
export function readScope(text: string, categories: readonly string[]): ReadScope {
  const [word = '', ...rest] = text.split(':');
  const scope = HOLD_SCOPES.find((known) => known === word.trim());
  const scopeRef = rest.join(':').trim() || null;
  if (!scope || (scope === 'everything') !== (scopeRef === null)) {
    return { problem: 'write everything, category:X, family:REF, person:REF or file:REF' };
  }
  if (scope === 'category' && scopeRef !== null && !categories.includes(scopeRef)) {
    return { problem: `"${shown(scopeRef)}": no such category; known are ${categories.join(', ')}` };
  }
  if (scopeRef !== null && (scopeRef.length > LONGEST_REFERENCE || CONTROL.test(scopeRef))) {
    return { problem: `a reference has at most ${LONGEST_REFERENCE} characters and no control characters` };
  }
  return { scope, scopeRef };
}
const LONGEST_AUTHORITY = 1_000;
const CONTROL = /\p{Cc}/u;

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw unusable(`${path} cannot be read (${systemCode(error)}). Give a CSV file with the columns ${HOLD_COLUMNS.join(', ')}.`);
  }
}

function readHeader(line: string): string[] {
  const cells = readCells(line);
  if (cells === null) throw unusable('The header, line 1, cannot be read: its quotes are not as they should be.');
  // As in an extract: "Review On" is review_on.
  const header = cells.map((cell) => HOLD_COLUMNS.find((column) => plainName(column) === plainName(cell)) ?? cell);
  if (header.some((cell) => unreadable(cell) !== null))
    throw unusable('The file is not UTF-8 text. Save it as "CSV UTF-8" and import it again.');
  for (const column of HOLD_COLUMNS) {
    const times = header.filter((cell) => cell === column).length;
    if (times === 1) continue;
    throw unusable(
      `The header has ${times === 0 ? 'no' : 'more than one'} column "${column}". Line 1 names the columns, separated by commas: ${HOLD_COLUMNS.join(',')}.`,
    );
  }
  return header;
}

function ignoredColumns(header: readonly string[]): string[] {
  return header.filter((cell) => cell !== '' && !(HOLD_COLUMNS as readonly string[]).includes(cell)).map(shown);
}

/** The hold of a row, or one rejection for every bad cell, so that all can be mended at once. */
function readRow(text: string, line: number, header: readonly string[], categories: readonly string[]): HoldRow | RejectedHold[] {
  const cells = readCells(text);
  const whole = (reason: string) => [{ line, column: null, reason }];
  if (cells === null)
    return whole('quotes are not as they should be: put the whole cell in quotes, on one line, and write each quote inside it twice');
  if (cells.length !== header.length) {
    return whole(`the row has ${cells.length} cells and the header ${header.length}: put a cell that holds a comma in quotes`);
  }
  const cell = (column: HoldColumn) => cells[header.indexOf(column)] ?? '';
  const rejects = HOLD_COLUMNS.flatMap((column) => {
    const reason =
      cell(column) === '' ? 'empty: every row needs it' : (unreadable(cell(column)) ?? badCell(column, cell(column), categories));
    return reason === null ? [] : [{ line, column, reason }];
  });
  const kind = HOLD_KINDS.find((known) => known === cell('kind'));
  const scope = readScope(cell('scope'), categories);
  const reviewOn = readDate(cell('review_on'));
  if (rejects.length > 0 || !kind || 'problem' in scope || !reviewOn) return rejects;
  return { line, kind, ...scope, authority: cell('authority'), reviewOn };
}

function badCell(column: HoldColumn, text: string, categories: readonly string[]): string | null {
  if (column === 'kind') {
    return (HOLD_KINDS as readonly string[]).includes(text) ? null : `"${shown(text)}": no such kind; known are ${HOLD_KINDS.join(', ')}`;
  }
  if (column === 'scope') {
    const scope = readScope(text, categories);
    return 'problem' in scope ? scope.problem : null;
  }
  if (column === 'authority') return text.length > LONGEST_AUTHORITY ? `longer than ${LONGEST_AUTHORITY} characters` : null;
  return readDate(text) ? null : 'not a date: write a day that exists as yyyy-mm-dd or dd/mm/yyyy, the year with four digits';
}

/**
 * Each line by itself: no cell of a hold holds a line break, and a quote that is never closed would otherwise swallow the good
 * rows below it unseen. Null where the quotes are wrong.
 */
function readCells(line: string): string[] | null {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim());
  try {
    return parse(line, { trim: true, relax_column_count: true })[0] ?? null;
  } catch (error) {
    if (error instanceof CsvError) return null;
    throw error;
  }
}

function unusable(words: string): Refusal {
  return new Refusal('hold_file_unusable', `${words} Nothing was placed.`);
}
