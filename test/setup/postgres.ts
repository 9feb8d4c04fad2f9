/** Starts one real PostgreSQL for a test run, the one on the PATH or the embedded one, with a prepared template database. */
import { execFileSync } from 'node:child_process';
import { access, chmod, mkdtemp, realpath, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import knexModule from 'knex';
import type { TestProject } from 'vitest/node';
import { knexConfig } from '../../db/connect.ts';
import { startEmbedded, type Connection } from '../../db/embedded.ts';
import { prepareAs } from '../../db/prepare.ts';
import { plainClient } from './plainClient.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the server's maintenance database, as its owner; another database of it is this URL with another path. */
    postgresUrl: string;
    /** The same as the role that commands work as, which owns nothing. */
    serviceUrl: string;
    /** Name of the prepared database that every test clones. */
    templateDatabase: string;
  }
}

const TEMPLATE = 'retention_template';

/** Tests may lose their data when the machine crashes; the product may not. */
const FASTER = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_wal_size: '256MB' };

/** So much memory, in bytes, must be free for the server's data to lie there. */
const ROOM = 4 * 2 ** 30;

/** Compiles the product for the commands that tests start as processes. RETENTION_TEST_POSTGRES is `path` or `embedded`; without it the server on the PATH is taken when there is one. */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../jobs/build.mjs', import.meta.url))], { stdio: 'inherit' });
  const binaries = await chosenBinaries();
  const home = await mkdtemp(path.join(await fastFolder(), 'retention-tests-'));
  // As root the server runs as another user, who must pass through.
  await chmod(home, 0o711);
  const server = await startEmbedded(home, { ...(binaries === null ? {} : { binaries }), settings: FASTER });
  const url = urlOf(server.owner);
  const version = await makeTemplate(url, server.connection.user).catch(async (error: unknown) => {
    await server.release();
    throw error;
  });
  console.info(`Tests run over PostgreSQL ${version} (${binaries ?? 'embedded'}).`);
  project.provide('postgresUrl', url);
  project.provide('serviceUrl', urlOf(server.connection));
  project.provide('templateDatabase', TEMPLATE);
  return async () => {
    if (process.env['RETENTION_KEEP_DATABASES'] === '1') {
      console.info(`The server was left running. To stop it: RETENTION_HOME=${home} npx retention stop`);
      return;
    }
    await server.release();
    await rm(home, { recursive: true });
  };
}

/** Hundreds of databases are made and dropped, which takes half the time in memory, where a machine has a folder there. */
async function fastFolder(): Promise<string> {
  const memory = await statfs('/dev/shm').catch(() => null);
  return memory !== null && memory.bavail * memory.bsize > ROOM ? '/dev/shm' : tmpdir();
}

async function chosenBinaries(): Promise<string | null> {
  const choice = process.env['RETENTION_TEST_POSTGRES'] ?? '';
  if (!['', 'path', 'embedded'].includes(choice))
    throw new Error(`RETENTION_TEST_POSTGRES is "${choice}": use path or embedded, or leave it out.`);
  if (choice === 'embedded') return null;
  const found = await binariesOnPath();
  if (choice === 'path' && found === null)
    throw new Error('RETENTION_TEST_POSTGRES=path, but no PostgreSQL server is on the PATH. Install one, or use embedded.');
  return found;
}

/** What is on the PATH may be a link into the folder where its companions lie. */
async function binariesOnPath(): Promise<string | null> {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    for (const name of ['postgres', 'initdb', 'pg_ctl']) {
      const real = await realpath(path.join(folder, name)).catch(() => null);
      if (real !== null && (await holdsServer(path.dirname(real)))) return path.dirname(real);
    }
  }
  return null;
}

async function holdsServer(folder: string): Promise<boolean> {
  const found = ['postgres', 'initdb', 'pg_ctl'].map((name) => access(path.join(folder, name)));
  return (await Promise.allSettled(found)).every((result) => result.status === 'fulfilled');
}

function urlOf({ host, port, user, password }: Connection): string {
  return `postgresql://${user}:${password}@${host}:${port}/postgres`;
}

/** Prepared once, for the role of the commands; every test clones it. Returns the version of the server. */
async function makeTemplate(url: string, serviceRole: string): Promise<string> {
  const client = plainClient(url);
  await client.connect();
  await client.query(`create database ${TEMPLATE}`);
  const { rows } = await client.query<{ server_version: string }>('show server_version');
  await client.end();

  const db = knexModule.knex(knexConfig(url.replace(/\/postgres$/, `/${TEMPLATE}`)));
  await prepareAs(db, serviceRole);
  await db.destroy();
  return rows[0]?.server_version ?? '?';
}
