/** Makes backups: every table from one moment into one verified file; and deletes those of ours that are old. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Knex } from 'knex';
import { to as copyTo } from 'pg-copy-streams';
import { addDays, type IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import type { StagedObject } from './archiveStore.ts';
import { auditHead, recordEvent } from './audit.ts';
import { entryNameOf, MANIFEST, placeOf, rowMeter, verifyBackup, withBackup, type BackedUpTable, type Manifest } from './backupFile.ts';
import { quotedName, readSequences, tablesInOrder, type TableShape } from './catalogue.ts';
import { systemCode } from './fileIo.ts';
import { inOneMoment } from './figures.ts';
import type { FolderStore } from './folderStore.ts';
import type { Installation } from './installation.ts';
import { connectionOf } from './staging.ts';
import { stageZip, type LongZip } from './zipStage.ts';

export interface Backup {
  file: string;
  /** Of the whole file. */
  sha256: string;
  size: number;
  tables: number;
  rows: number;
  audit: Manifest['audit'];
}

const OWNER_ONLY = 0o100600;

/**
 * Writes every table, from one moment, into a new file that only its owner can read: beside its place, synced, read back,
 * then moved. On failure nothing is left. Throws a Refusal when there is such a file already.
 */
export async function makeBackup(db: Knex, file: string, made: { product: string; asOf: IsoDate }): Promise<Backup> {
  const place = placeOf(file);
  const { store, location } = place;
  if (await store.exists(location))
    throw new Refusal('file_exists', `${file} is there already, and a backup is not overwritten. Give it another name.`);
  try {
    // A copy of what the database has: it is never the last.
    await store.clearPartials(() => Promise.resolve(true));
    const { staged, filled: manifest } = await inOneMoment(db, (trx) => stageZip(store, (zip, signal) => fill(trx, zip, made, signal)));
    await publish(store, staged, location);
    const { tables, audit } = manifest;
    await recordEvent(db, 'service', 'database.backed_up', { sha256: staged.sha256, events: audit.events, head: audit.head });
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    return { file, sha256: staged.sha256, size: staged.size, tables: tables.length, rows, audit };
  } finally {
    await place.close();
  }
}

/** Deletes our backups made more than `keepDays` before `asOf` in a folder; anything else in it stays. Returns their names. */
export async function removeOldBackups(folder: string, asOf: IsoDate, keepDays: number): Promise<string[]> {
  const oldest = addDays(asOf, -keepDays);
  const removed: string[] = [];
  for (const name of await filesIn(folder)) {
    const day = await dayOfBackup(join(folder, name));
    if (day === null || day >= oldest) continue;
    await rm(join(folder, name));
    removed.push(name);
  }
  return removed;
}

async function publish(store: FolderStore, staged: StagedObject, location: string): Promise<void> {
  try {
    await withBackup(store, staged.location, (backup) => verifyBackup(backup, location));
    await store.move(staged.location, location);
  } catch (error) {
    await store.delete(staged.location);
    throw error;
  }
}

async function fill(
  trx: Knex.Transaction,
  zip: LongZip,
  { product, asOf }: { product: string; asOf: IsoDate },
  signal: AbortSignal,
): Promise<Manifest> {
  const tables: BackedUpTable[] = [];
  for (const table of await tablesInOrder(trx)) tables.push(await addTable(trx, zip, table, signal));
  const manifest: Manifest = {
    format: 1,
    product,
    as_of: asOf,
    ...(await momentOf(trx)),
    installation: await trx('installation').first<Installation>('id', 'kind'),
    migrations: await trx('knex_migrations').orderBy('id').pluck<string[]>('name'),
    audit: await auditHead(trx),
    tables,
    sequences: await readSequences(trx),
  };
  zip.addBuffer(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), MANIFEST, { mode: OWNER_ONLY });
  zip.end();
  return manifest;
}

async function addTable(trx: Knex.Transaction, zip: LongZip, { name, columns }: TableShape, signal: AbortSignal): Promise<BackedUpTable> {
  signal.throwIfAborted();
  const meter = rowMeter();
  const connection = await connectionOf(trx);
  const copy = connection.query(copyTo(`copy ${quotedName(name)} (${columns.map(quotedName).join(', ')}) to stdout`));
  const rows = async function* (): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of copy as AsyncIterable<Buffer>) yield meter.pass(piece);
  };
  const stream = Readable.from(rows(), { objectMode: false, signal });
  await zip.addStream(stream, entryNameOf(name), { mode: OWNER_ONLY });
  return { name, columns, ...meter.measure() };
}

async function momentOf(trx: Knex.Transaction): Promise<{ made_at: string; postgres: string }> {
  const result = await trx.raw<{ rows: { made_at: string; postgres: string }[] }>(
    `select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as made_at, current_setting('server_version') as postgres`,
  );
  return result.rows[0] ?? { made_at: '', postgres: '' };
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
}

/** The business date of a backup; null for a file that is none of ours, which nobody here deletes. */
async function dayOfBackup(file: string): Promise<IsoDate | null> {
  const { store, location } = placeOf(file);
  try {
    return await withBackup(store, location, ({ manifest }) => Promise.resolve(manifest.as_of));
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
