/**
 * Fills an empty database from a backup, whichever PostgreSQL made either: the migrations that the backup had, its rows, the
 * migrations since. All in one transaction, so that a failure leaves the database as empty as it was.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Knex } from 'knex';
import { from as copyFrom } from 'pg-copy-streams';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { readEvents, recordEvent, verifyChain } from './audit.ts';
import type { BackedUpTable, Manifest, OpenBackup } from './backupFile.ts';
import { tripBrake } from './brakes.ts';
import { quotedName, tablesInOrder, whatIsThere } from './catalogue.ts';
import { shippedMigrations } from './connect.ts';
import { refuseRootsOfOthers, type Roots } from './roots.ts';
import { connectionOf } from './staging.ts';
import { noteBrakesTold } from './told.ts';
import { takeOverBags, type TakeOver, type TakingOver } from './takeOver.ts';

export type Restoring = TakingOver & Roots;

export interface Restored extends TakeOver {
  installation: Manifest['installation'];
  backup_as_of: IsoDate;
  backup_made_at: string;
  tables: number;
  rows: number;
  audit: Manifest['audit'];
  /** Migrations of this release that the backup did not have. */
  migrated: string[];
}

/** Restores a verified backup, with the brake on. Throws a Refusal, with nothing changed, when the database is not empty. */
export async function restoreDatabase(db: Knex, backup: OpenBackup, restoring: Restoring): Promise<Restored> {
  const { manifest } = backup;
  const since = migrationsSince(manifest);
  return db.transaction(async (trx) => {
    // The lock of every start: nobody else makes tables in this database meanwhile.
    await trx.raw("select pg_advisory_xact_lock(hashtext('migrate'))");
    await refuseUnlessEmpty(trx);
    for (const name of manifest.migrations) await trx.migrate.up({ name });
    await fillTables(trx, backup);
    await requireWhole(trx, manifest);
    await trx.migrate.latest();
    // What was ended or used up after the backup would live again.
    await trx('sessions').delete();
    await trx('user_secrets').whereNull('ended_at').update({ ended_at: trx.fn.now() });
    await refuseRootsOfOthers(manifest.installation, restoring);
    const takeOver = await takeOverBags(trx, restoring);
    await stopUntilConfirmed(trx, manifest, takeOver, restoring.asOf);
    const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
    const { installation, as_of, made_at, tables, audit } = manifest;
    return { installation, backup_as_of: as_of, backup_made_at: made_at, tables: tables.length, rows, audit, migrated: since, ...takeOver };
  });
}

/** Throws a Refusal when the database has tables, or anything else of its own. */
export async function refuseUnlessEmpty(db: Knex): Promise<void> {
  const there = await whatIsThere(db);
  if (there.length === 0) return;
  throw new Refusal(
    'database_not_empty',
    `This database is not empty (it has ${there.slice(0, 3).join(', ')}${there.length > 3 ? ' and more' : ''}), and a backup is restored into an empty one only. Nothing was changed. Point DATABASE_URL at a new database, or RETENTION_HOME at a new folder.`,
  );
}

function migrationsSince(manifest: Manifest): string[] {
  const shipped = shippedMigrations();
  const unknown = manifest.migrations.filter((name) => !shipped.includes(name));
  if (unknown.length > 0)
    throw new Refusal(
      'backup_is_newer',
      `The backup was made by version ${manifest.product}, which has tables that this release does not know (${unknown.join(', ')}). Nothing was changed. Install that version or a later one, then restore.`,
    );
  return shipped.filter((name) => !manifest.migrations.includes(name));
}

/** Rows as they were, past the triggers that guard how they come to be; foreign keys and checks hold all the same. */
async function fillTables(trx: Knex.Transaction, backup: OpenBackup): Promise<void> {
  const { manifest } = backup;
  await requireTheseTables(trx, manifest);
  await switchTriggers(trx, manifest.tables, 'disable');
  // A migration may write rows of its own; the backup has them, as they have become since.
  for (const { name } of manifest.tables.toReversed()) await trx.raw(`delete from ${quotedName(name)}`);
  for (const table of manifest.tables) await fillTable(trx, table, Readable.from(backup.rows(table), { objectMode: false }));
  for (const { name, last_value } of manifest.sequences) {
    if (last_value !== null) await trx.raw('select setval(cast(:name as regclass), :last_value)', { name: quotedName(name), last_value });
  }
  await switchTriggers(trx, manifest.tables, 'enable');
}

async function fillTable(trx: Knex.Transaction, { name, columns }: BackedUpTable, rows: Readable): Promise<void> {
  const connection = await connectionOf(trx);
  await pipeline(rows, connection.query(copyFrom(`copy ${quotedName(name)} (${columns.map(quotedName).join(', ')}) from stdin`)));
}

async function switchTriggers(trx: Knex.Transaction, tables: readonly BackedUpTable[], how: 'enable' | 'disable'): Promise<void> {
  for (const { name } of tables) await trx.raw(`alter table ${quotedName(name)} ${how} trigger user`);
}

async function requireTheseTables(trx: Knex.Transaction, manifest: Manifest): Promise<void> {
  const shape = (tables: readonly { name: string; columns: readonly string[] }[]) =>
    JSON.stringify(tables.map(({ name, columns }) => [name, columns.toSorted()]).toSorted());
  if (shape(await tablesInOrder(trx)) === shape(manifest.tables)) return;
  throw new Refusal(
    'backup_is_unlike',
    `The tables of the backup are not those that its migrations make in this release, though they have the same names. Nothing was changed. Restore with version ${manifest.product}, which made it.`,
  );
}

/** Every row arrived, and the audit chain ends where it ended. */
async function requireWhole(trx: Knex.Transaction, manifest: Manifest): Promise<void> {
  for (const { name, rows } of manifest.tables) {
    const counted = Number((await trx(name).count())[0]?.['count'] ?? 0);
    if (counted !== rows)
      throw new Error(`The table ${name} has ${counted} rows after restoring, and the backup has ${rows}. Nothing was kept.`);
  }
  const chain = await verifyChain(readEvents(trx));
  const faults = [...chain.faults];
  if (chain.events !== manifest.audit.events || chain.head !== manifest.audit.head)
    faults.push('its last event is not the one that the manifest names');
  if (faults.length > 0)
    throw new Refusal(
      'audit_broken',
      `The audit chain of the backup is broken: ${faults.join('; ')}. Nothing was kept. Take another backup.`,
    );
}

async function stopUntilConfirmed(trx: Knex.Transaction, manifest: Manifest, { taken_over, left }: TakeOver, asOf: IsoDate): Promise<void> {
  const { events, head } = manifest.audit;
  await recordEvent(trx, 'service', 'database.restored', { backup_as_of: manifest.as_of, made_at: manifest.made_at, events, head });
  await tripBrake(trx, 'restored', { bags_taken_over: taken_over.length, bags_left: left.length }, { asOf, runId: null });
  await noteBrakesTold(trx);
}
