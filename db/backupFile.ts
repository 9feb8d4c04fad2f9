/** Owns what a backup file is: a zip with one entry a table and a manifest of them all; opened, read back and verified. */
import { createHash } from 'node:crypto';
import { rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Entry, ZipFile } from 'yauzl';
import { z } from 'zod';
import { Refusal } from '../rules/refusal.ts';
import { entryBytes, openZip } from './bagReader.ts';
import { systemCode } from './fileIo.ts';
import { FolderStore } from './folderStore.ts';
import { StoreProblem } from './storeProblem.ts';

export const MANIFEST = 'manifest.json';
const WHOLE = z.number().int().min(0);
const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);

const manifestShape = z.object({
  format: z.literal(1),
  /** Version of the product that made it. */
  product: z.string(),
  /** Business date, and the moment by the clock of the database. */
  as_of: z.string(),
  made_at: z.string(),
  installation: z.object({ id: z.uuid(), kind: z.enum(['live', 'rehearsal']) }),
  postgres: z.string(),
  /** Names of the migrations that had run, in their order. */
  migrations: z.array(z.string()),
  audit: z.object({ events: WHOLE, head: SHA256 }),
  /** In an order in which rows can go into them. */
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()), rows: WHOLE, bytes: WHOLE, sha256: SHA256 })),
  sequences: z.array(z.object({ name: z.string(), last_value: WHOLE.nullable() })),
});
export type Manifest = z.infer<typeof manifestShape>;
export type BackedUpTable = Manifest['tables'][number];

/** A backup while it is open; `rows` yields a table in PostgreSQL's text format of COPY. */
export interface OpenBackup {
  manifest: Manifest;
  rows(table: BackedUpTable): AsyncGenerator<Buffer, void, undefined>;
}

/** The folder of a backup as a store: it writes beside, syncs, and moves into place as a whole, never over another file. */
export function placeOf(file: string): { store: FolderStore; location: string; close(): Promise<void> } {
  const folder = dirname(resolve(file));
  return {
    store: new FolderStore(folder),
    location: basename(file),
    close: () => removeIfEmpty(join(folder, '.partial')),
  };
}

/** Name of a table's entry in the zip. */
export function entryNameOf(table: string): string {
  return `tables/${table}.copy`;
}

/** Measures rows in the text format of COPY as they pass; a line break ends a row, for those within values are escaped. */
export function rowMeter(): { pass(piece: Buffer): Buffer; measure(): Pick<BackedUpTable, 'rows' | 'bytes' | 'sha256'> } {
  const hash = createHash('sha256');
  let [rows, bytes] = [0, 0];
  return {
    pass(piece) {
      hash.update(piece);
      bytes += piece.length;
      for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) rows++;
      return piece;
    },
    measure: () => ({ rows, bytes, sha256: hash.digest('hex') }),
  };
}

/** Opens a backup for `use`, and closes it after. Throws a Refusal when it is not there, is no backup, or is damaged. */
export async function withBackup<T>(store: FolderStore, location: string, use: (backup: OpenBackup) => Promise<T>): Promise<T> {
  const object = await store.open(location).catch((error: unknown) => {
    if (!(error instanceof StoreProblem)) throw error;
    throw new Refusal('no_such_backup', `There is no file ${location} there. Give the path of a file that "retention backup" wrote.`);
  });
  try {
    const zip = await openZip(object).catch(() => {
      throw damaged(location, 'it is no zip, or its end is missing');
    });
    const entries = await entriesOf(zip);
    const manifest = await readManifest(zip, entries.get(MANIFEST), location);
    requireSameTables(manifest, entries, location);
    return await use({ manifest, rows: (table) => bytesOf(zip, entries.get(entryNameOf(table.name)), location) });
  } finally {
    await object.close();
  }
}

/** Reads every table back and compares it with the manifest. Throws a Refusal that names the table that is not as written. */
export async function verifyBackup(backup: OpenBackup, location: string): Promise<void> {
  for (const table of backup.manifest.tables) {
    const meter = rowMeter();
    for await (const piece of backup.rows(table)) meter.pass(piece);
    const found = meter.measure();
    if (found.sha256 !== table.sha256 || found.bytes !== table.bytes || found.rows !== table.rows)
      throw damaged(location, `the table ${table.name} is not as the manifest says`);
  }
}

function damaged(location: string, fault: string): Refusal {
  return new Refusal('backup_damaged', `The backup ${location} cannot be used: ${fault}. Nothing was changed. Take another backup.`);
}

async function entriesOf(zip: ZipFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
  return entries;
}

async function readManifest(zip: ZipFile, entry: Entry | undefined, location: string): Promise<Manifest> {
  const pieces: Buffer[] = [];
  for await (const piece of bytesOf(zip, entry, location)) pieces.push(piece);
  const read = manifestShape.safeParse(jsonOf(Buffer.concat(pieces).toString('utf8')));
  if (read.success) return read.data;
  throw damaged(location, 'its manifest is not one that this release can read');
}

function requireSameTables(manifest: Manifest, entries: ReadonlyMap<string, Entry>, location: string): void {
  const listed = manifest.tables.map((table) => entryNameOf(table.name));
  const same = listed.every((name) => entries.has(name)) && entries.size === listed.length + 1;
  if (!same) throw damaged(location, 'it does not hold the tables that its manifest lists');
}

async function* bytesOf(zip: ZipFile, entry: Entry | undefined, location: string): AsyncGenerator<Buffer, void, undefined> {
  if (!entry) throw damaged(location, `it holds no ${MANIFEST}`);
  try {
    yield* entryBytes(zip, entry);
  } catch (error) {
    // What the disk says is about the disk; anything else is about the zip.
    if (systemCode(error) !== undefined) throw error;
    throw damaged(location, 'its zip does not read back');
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error;
  }
}
