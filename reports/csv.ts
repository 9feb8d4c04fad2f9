/** The one place that writes CSV: cells that a spreadsheet would run are inert, and a file is there whole or not at all. */
import { createWriteStream } from 'node:fs';
import { open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import type { Options } from 'csv-stringify';
import { stringify } from 'csv-stringify/sync';
import { syncFolder } from '../db/fileIo.ts';

/** What a cell may hold: several values are joined by `;`, yes and no are words, null is an empty cell, dates are ISO text. */
export type CsvValue = string | number | boolean | null | readonly string[];
export type CsvRow<Column extends string> = Readonly<Record<Column, CsvValue>>;

/**
 * Lines end in LF, not in the CRLF of RFC 4180: every spreadsheet reads both, while `grep`, `diff` and checks that split by
 * line trip over a CR. No byte order mark, which scripts would take for a part of the first column's name.
 */
const FORMAT = { record_delimiter: '\n', quote_record_delimiter: true, escape_formulas: true } satisfies Options;

/** Rows turned to text at a time: few enough that a million rows need little memory. */
const ROWS_A_PIECE = 1000;

/** Header and rows as text, piece by piece as they come. */
export async function* csvPieces<Column extends string>(
  columns: readonly Column[],
  rows: Iterable<CsvRow<Column>> | AsyncIterable<CsvRow<Column>>,
): AsyncGenerator<string> {
  let piece: (string | number)[][] = [[...columns]];
  for await (const row of rows) {
    piece.push(cells(columns, row));
    if (piece.length < ROWS_A_PIECE) continue;
    yield stringify(piece, FORMAT);
    piece = [];
  }
  yield stringify(piece, FORMAT);
}

/** Writes header and rows, as they come, to a file for its owner alone; its folder must be there. Returns the number of rows. */
export async function writeCsv<Column extends string>(
  path: string,
  columns: readonly Column[],
  rows: Iterable<CsvRow<Column>> | AsyncIterable<CsvRow<Column>>,
): Promise<number> {
  let written = 0;
  async function* counted(): AsyncGenerator<CsvRow<Column>> {
    for await (const row of rows) {
      written++;
      yield row;
    }
  }
  await writeWhole(path, csvPieces(columns, counted()));
  return written;
}

/** Writes text beside its place and renames it, for its owner alone: neither a reader nor a crash meets half of it. */
export async function writeWhole(path: string, text: string | AsyncIterable<string>): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.partial`);
  // One that a crash left is not written over: its mode might be another.
  await rm(beside, { force: true });
  const handle = await open(beside, 'wx', 0o600);
  try {
    await writeFile(handle, text);
    await handle.sync();
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  await rename(beside, path);
  await syncFolder(dirname(path));
}

/**
 * Lets `write` fill a file for its owner alone, whole or not at all. One that is there is replaced, not written into: its rights
 * might be wider. What is no file, as a pipe or /dev/stdout, is written as it is.
 */
export async function writeWholeBy(path: string, write: (output: Writable) => Promise<void>): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const there = await stat(target).catch(() => undefined);
  if (there && !there.isFile()) {
    await write(createWriteStream(path));
    return;
  }
  const output = new PassThrough().setEncoding('utf8');
  const writing = writeWhole(target, output);
  // Awaited below, after what fills it; until then a failure must not end the process.
  writing.catch(() => undefined);
  try {
    await write(output);
  } catch (error) {
    // Where it failed before it wrote anything, nobody else ends the file.
    output.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  } finally {
    await writing;
  }
}

function cells<Column extends string>(columns: readonly Column[], row: CsvRow<Column>): (string | number)[] {
  return columns.map((column) => cell(row[column]));
}

function cell(value: CsvValue): string | number {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'object' ? value.join(';') : value;
}
