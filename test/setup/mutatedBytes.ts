/** Carries out mutations on one file of an extract: first on its cells, then on its lines and bytes. */
import { stringify } from 'csv-stringify/sync';
import { OUTSIDE } from './hostileWords.ts';
import type { Mutation, Name } from './mutatedExtract.ts';

/** The bytes of a file after all mutations that concern it; they must be in the order of their levels. */
export function mutatedBytes(name: Name, valid: readonly (readonly string[])[], ordered: readonly Mutation[], outside: string): Buffer {
  const rows = valid.map((cells) => cells.map((cell) => cell));
  for (const mutation of ordered) mutateRows(rows, name, mutation);
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll(OUTSIDE, outside)));
  return ordered.reduce<Buffer>((bytes, mutation) => mutateBytes(bytes, name, mutation), Buffer.from(stringify(cells)));
}

function mutateRows(rows: string[][], name: Name, mutation: Mutation): void {
  if (mutation.on === 'reference') rename(rows, mutation);
  if (!('file' in mutation) || mutation.file !== name || rows.length < 2) return;
  if (mutation.on === 'cell') setCell(rows, mutation);
  if (mutation.on === 'clash') clash(rows, mutation);
  if (mutation.on === 'row') mutateRow(rows, mutation);
  if (mutation.on === 'column') mutateColumn(rows, mutation);
}

/** A reference becomes another wherever it stands, so that the rows still belong together. */
function rename(rows: string[][], { of, number, value }: Mutation & { on: 'reference' }): void {
  const was = `${of}${number}`;
  for (const row of rows)
    row.forEach(
      (cell, column) =>
        (row[column] = cell
          .split(';')
          .map((word) => (word === was ? value : word))
          .join(';')),
    );
}

function setCell(rows: string[][], { column, row, value }: Mutation & { on: 'cell' }): void {
  const place = rows[0]?.indexOf(column) ?? -1;
  // Two of these in one row would pass the longest row that is read.
  const huge = typeof value === 'string' || rows.flat().some((cell) => cell.length > 1_000_000);
  const cells = rows[1 + ((row - 1) % (rows.length - 1))] ?? [];
  cells[place] = typeof value === 'string' ? value : huge ? 'x' : 'x'.repeat(value.huge);
}

function clash(rows: string[][], { row, other, how }: Mutation & { on: 'clash' }): void {
  const cells = rows[1 + ((row - 1) % (rows.length - 1))] ?? [];
  const reference = rows[1 + ((other - 1) % (rows.length - 1))]?.[0] ?? '';
  cells[0] = {
    same: reference,
    capitals: reference.toLowerCase(),
    composed: `${reference}é`.normalize(row % 2 === 0 ? 'NFD' : 'NFC'),
    spaces: ` ${reference}  `,
    'no-break space': `${reference}\u00A0`,
    'zero width': `${reference}\u200B`,
  }[how];
}

function mutateRow(rows: string[][], { row, how }: Mutation & { on: 'row' }): void {
  const place = 1 + ((row - 1) % (rows.length - 1));
  const cells = rows[place] ?? [];
  if (how === 'repeat') rows.splice(place, 0, [...cells]);
  if (how === 'leave out' || how === 'to the end') rows.splice(place, 1);
  if (how === 'to the end') rows.push(cells);
  if (how === 'shorten') cells.pop();
  if (how === 'lengthen') cells.push('one more');
}

function mutateColumn(rows: string[][], { column, how }: Mutation & { on: 'column' }): void {
  const place = column % (rows[0]?.length ?? 1);
  rows.forEach((cells, row) => {
    const cell = cells[place] ?? '';
    if (how === 'repeat') cells.push(cell);
    if (how === 'leave out' || how === 'to the end') cells.splice(place, 1);
    if (how === 'to the end') cells.push(cell);
    if (how === 'ten thousand more') for (let n = 0; n < 10_000; n++) cells.push(row === 0 ? `column ${n}` : 'x');
    if (typeof how === 'object' && row === 0) cells[place] = how.name;
  });
}

function mutateBytes(bytes: Buffer, name: Name, mutation: Mutation): Buffer {
  if (!('file' in mutation) || mutation.file !== name) return bytes;
  if (mutation.on === 'line') return mutateLine(bytes, mutation);
  if (mutation.on === 'bytes') {
    const place = placeIn(bytes, mutation.at);
    const rest = mutation.how === 'insert' ? place : place + mutation.bytes.length;
    return Buffer.concat([bytes.subarray(0, place), Buffer.from(mutation.how === 'delete' ? [] : mutation.bytes), bytes.subarray(rest)]);
  }
  return mutation.on === 'encoding' ? encoded(bytes, mutation.as) : bytes;
}

function mutateLine(bytes: Buffer, { at, how }: Mutation & { on: 'line' }): Buffer {
  const place = placeIn(bytes, at);
  if (how === 'cut') return bytes.subarray(0, place);
  if (typeof how === 'object') return Buffer.concat([bytes.subarray(0, place), Buffer.from(how.insert), bytes.subarray(place)]);
  // From the place on, so that the ends of lines are of two kinds.
  const end = how === 'CR' ? '\r' : '\r\n';
  return Buffer.concat([bytes.subarray(0, place), Buffer.from(bytes.subarray(place).toString('latin1').replaceAll('\n', end), 'latin1')]);
}

function encoded(bytes: Buffer, as: (Mutation & { on: 'encoding' })['as']): Buffer {
  const text = bytes.toString('utf8');
  if (as === 'latin1') return Buffer.from(text, 'latin1');
  if (as === 'utf16le') return Buffer.from(text, 'utf16le');
  if (as === 'utf16le with mark') return Buffer.from(`\uFEFF${text}`, 'utf16le');
  if (as === 'utf16be with mark') return Buffer.from(`\uFEFF${text}`, 'utf16le').swap16();
  const mark = Buffer.from('\uFEFF');
  return Buffer.concat(as === 'marked' ? [mark, bytes] : [mark, mark, bytes]);
}

/** `at` is in ten-thousandths of the file. */
function placeIn(bytes: Buffer, at: number): number {
  return Math.floor((at / 10_000) * bytes.length);
}
