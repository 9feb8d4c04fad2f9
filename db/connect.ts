/** Connects to the database, given by DATABASE_URL or embedded: as the run-time role, and as the owner where tables are made. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import knexModule, { type Knex } from 'knex';
import pg from 'pg';
import { withConnection } from './borrowed.ts';
import { startEmbedded } from './embedded.ts';
import { existingFolder } from './embeddedBinaries.ts';
import { settleSession } from './session.ts';

export interface DatabaseSettings {
  /** Null: an embedded PostgreSQL under `home`. */
  databaseUrl: string | null;
  /** The same database as the role that owns its tables; null where that is the role of `databaseUrl`, or is not to be used here. */
  ownerUrl: string | null;
  home: string;
}

export interface Database {
  /** As the run-time role, which owns nothing where the set-up has two. */
  db: Knex;
  embedded: boolean;
  /** Does `work` as the role that owns the tables: migrations, guards, restoring a backup. */
  asOwner<T>(work: (owner: Knex) => Promise<T>): Promise<T>;
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
  const asOwner = async <T>(work: (owner: Knex) => Promise<T>): Promise<T> => {
    const connection = settings.databaseUrl ? settings.ownerUrl : server?.owner;
    if (!connection) return work(db);
    const owner = knexModule.knex(knexConfig(connection));
    return work(owner).finally(() => owner.destroy());
  };
  try {
    await requireVersion15(db);
    await requireOwnSession(db);
  } catch (error) {
    await close();
    throw error;
  }
  return { db, embedded: server !== null, asOwner, close };
}

/** False where connecting would make the embedded database. */
export async function hasDatabase({ databaseUrl, home }: Pick<DatabaseSettings, 'databaseUrl' | 'home'>): Promise<boolean> {
  return databaseUrl !== null || (await existingFolder(home)) !== undefined;
}

/** knex's settings for a connection; `knexfile.ts` uses the same. */
export function knexConfig(connection: string | Knex.PgConnectionConfig): Knex.Config {
  return {
    client: 'pg',
    connection: typeof connection === 'string' ? readByDriver(connection) : connection,
    pool: {
      min: 0,
      max: 8,
      afterCreate: (client: pg.Client, done: (error?: unknown) => void) => void settled(client).then(() => done(), done),
    },
    // An error must not carry the values of its statement: they are names and births, and errors are logged.
    compileSqlOnError: false,
    // knex would print on standard output, where a command's JSON goes, what it throws as well.
    log: { warn: () => undefined },
    migrations: { migrationSource: MIGRATIONS },
  };
}

/** The pool forgets a connection that it was refused, and one left open would keep the command from ever ending. */
async function settled(client: pg.Client): Promise<void> {
  try {
    await settleSession(client);
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** The same address as the driver reads it: of an IPv6 one it would ask for the brackets too. */
function readByDriver(databaseUrl: string): string {
  const read = URL.canParse(databaseUrl) ? new URL(databaseUrl) : null;
  if (!read?.hostname.startsWith('[')) return databaseUrl;
  read.searchParams.set('host', read.hostname.slice(1, -1));
  return read.href;
}

/** Names of the migrations of this release, in their order: those of the sources, whatever these were compiled to. */
export function shippedMigrations(): string[] {
  const files = readdirSync(fileURLToPath(new URL('./migrations/', import.meta.url)));
  return files
    .flatMap((file) => /^(.+)\.[jt]s$/.exec(file)?.[1] ?? [])
    .map((name) => `${name}.ts`)
    .sort();
}

/** A database knows by name which migrations it has had, so that the names must not follow what this code runs as. */
const MIGRATIONS: Knex.MigrationSource<string> = {
  getMigrations: () => Promise.resolve(shippedMigrations()),
  getMigrationName: (name) => name,
  // Compiled, this asks for the .js of that name.
  getMigration: (name) => import(/* @vite-ignore */ `./migrations/${name}`) as Promise<Knex.Migration>,
};

async function requireVersion15(db: Knex): Promise<void> {
  const result = await db.raw<{ rows: { server_version_num: string; server_version: string }[] }>(
    "select current_setting('server_version_num') as server_version_num, current_setting('server_version') as server_version",
  );
  const version = result.rows[0];
  if (!version || Number(version.server_version_num) < 150000) {
    throw new Error(`PostgreSQL ${version?.server_version ?? '?'} is too old. Point DATABASE_URL at PostgreSQL 15 or later.`);
  }
}

/**
 * A pooler that hands each transaction to whatever session is free would lose our settings, our temporary tables and a night's
 * lock. Behind one, a second connection's transaction is given the session that the first had a moment ago.
 */
async function requireOwnSession(db: Knex): Promise<void> {
  await withConnection(db, async (mine) => {
    const session = await sessionOf(mine);
    // The server names its own session when it lets us in; a pooler names none of the server's.
    if (mine.processID === session) return;
    await withConnection(db, async (other) => {
      await other.query('begin');
      const shared = (await sessionOf(other)) === session || (await sessionOf(mine)) !== session;
      await other.query('rollback');
      if (shared) throw new Error(OWN_SESSION);
    });
  });
}

async function sessionOf(client: pg.ClientBase): Promise<number | undefined> {
  return (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
}

const OWN_SESSION =
  'DATABASE_URL leads to a pooler that gives each transaction another session (PgBouncer: pool_mode=transaction), where a lock or a setting of ours would be somebody else’s. Nothing was done. Name the database itself, or a pool with pool_mode=session.';
