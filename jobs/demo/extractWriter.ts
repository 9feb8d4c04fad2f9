/** Writes an extract folder row by row: the four CSV files of the contract and the counts in `extract.json`. */
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';
import { EXTRACT_SPEC, type ExtractFileName } from '../../db/extractColumns.ts';

/** Rows kept before they are written: one call of csv-stringify for many rows is several times as fast as one for each. */
const ROWS_AT_ONCE = 1_000;

interface Sheet {
  stream: WriteStream;
  waiting: string[][];
  count: number;
}

export class ExtractWriter {
  readonly #dir: string;
  readonly #sheets = new Map<ExtractFileName, Sheet>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Starts an extract of these files, each with every column of the contract. */
  static async start(dir: string, names: readonly ExtractFileName[]): Promise<ExtractWriter> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const writer = new ExtractWriter(dir);
    for (const name of names) {
      const header = EXTRACT_SPEC[name].columns.map((column) => column.name);
      writer.#sheets.set(name, { stream: createWriteStream(join(dir, name), { mode: 0o600 }), waiting: [header], count: 0 });
    }
    return writer;
  }

  /** Adds rows; cells stand in the order of the contract's columns. */
  add(name: ExtractFileName, rows: string[][]): void {
    const sheet = this.#sheets.get(name);
    if (!sheet) throw new Error(`This extract was started without ${name}.`);
    sheet.waiting.push(...rows);
    sheet.count += rows.length;
  }

  count(name: ExtractFileName): number {
    return this.#sheets.get(name)?.count ?? 0;
  }

  /** Writes out what has gathered, where it is enough to be worth it. */
  async flush(atLeast: number = ROWS_AT_ONCE): Promise<void> {
    for (const sheet of this.#sheets.values()) {
      if (sheet.waiting.length < atLeast) continue;
      const text = stringify(sheet.waiting);
      sheet.waiting = [];
      if (!sheet.stream.write(text)) await once(sheet.stream, 'drain');
    }
  }

  /** Ends the files and writes `extract.json`; `exportedAt` is a UTC instant. */
  async finish(exportedAt: string): Promise<void> {
    await this.flush(1);
    for (const { stream } of this.#sheets.values()) {
      stream.end();
      await finished(stream);
    }
    const rows = Object.fromEntries([...this.#sheets].map(([name, { count }]) => [name, count]));
    await writeFile(join(this.#dir, 'extract.json'), `${JSON.stringify({ exported_at: exportedAt, rows }, null, 2)}\n`, { mode: 0o600 });
  }
}
