/** Connects to the database, given by DATABASE_URL or embedded, and brings its tables up to date. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import knexModule, { type Knex } from 'knex';
import pg from 'pg';
import { startEmbedded } from './embedded.ts';

export interface DatabaseSettings {
  /** Null: an embedded PostgreSQL under `home`. */
  databaseUrl: string | null;
  home: string;
}

export interface Database {
  db: Knex;
  embedded: boolean;
  close(): Promise<void>;
}

/** A civil date must stay text: the driver's default turns 2026-07-01 into 30 June 23:00 UTC. */
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text);
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** Connects, without touching the tables. Throws with what to do when the database cannot be reached or is too old. */
export async function connect(settings: DatabaseSettings): Promise<Database> {
  const server = settings.databaseUrl ? null : await startEmbedded(settings.home);
  const db = knexModule.knex(knexConfig(settings.databaseUrl ?? server?.connection ?? ''));
  const close = async () => {
    await db.destroy();
    await server?.release();
  };
  try {
    await requireVersion15(db);
  } catch (error) {
    await close();
    throw error;
  }
  return { db, embedded: server !== null, close };
}

/** knex's settings for a connection; `knexfile.ts` uses the same. */
export function knexConfig(connection: string | Knex.PgConnectionConfig): Knex.Config {
  return {
    client: 'pg',
    connection,
    // Compiling these long statements takes far longer than running them, a million files included.
    pool: {
      min: 0,
      max: 8,
      afterCreate: (client: pg.Client, done: (error?: Error) => void) => client.query('set jit = off', (error) => done(error)),
    },
    // An error must not carry the values of its statement: they are names and births, and errors are logged.
    compileSqlOnError: false,
    // knex would print on standard output, where a command's JSON goes, what it throws as well.
    log: { warn: () => undefined },
    migrations: { directory: fileURLToPath(new URL('./migrations', import.meta.url)), loadExtensions: ['.ts'], extension: 'ts' },
  };
}

/** Runs the migrations that are missing. Several processes may call it at once: knex takes a lock. */
export async function migrate(db: Knex): Promise<void> {
  if (await isMigrated(db)) return;
  // knex's own lock refuses a second starter at once; this one makes it wait.
  await db.transaction(async (trx) => {
    await trx.raw("select pg_advisory_xact_lock(hashtext('migrate'))");
    await db.migrate.latest();
  });
}

/** True when every migration of this release has run, and none of a later one. */
export async function isMigrated(db: Knex): Promise<boolean> {
  if (!(await db.schema.hasTable('knex_migrations'))) return false;
  const done = await db('knex_migrations').count();
  return Number(done[0]?.['count'] ?? 0) === shippedMigrations().length;
}

/** Names of the migrations of this release, in their order. */
export function shippedMigrations(): string[] {
  return readdirSync(fileURLToPath(new URL('./migrations', import.meta.url))).sort();
}

async function requireVersion15(db: Knex): Promise<void> {
  const result = await db.raw<{ rows: { server_version_num: string; server_version: string }[] }>(
    "select current_setting('server_version_num') as server_version_num, current_setting('server_version') as server_version",
  );
  const version = result.rows[0];
  if (!version || Number(version.server_version_num) < 150000) {
    throw new Error(`PostgreSQL ${version?.server_version ?? '?'} is too old. Point DATABASE_URL at PostgreSQL 15 or later.`);
  }
}
