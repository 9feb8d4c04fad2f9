/** A council with a PostgreSQL of its own, the embedded one with its default, durable settings: for tests that kill the server. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import knexModule from 'knex';
import { knexConfig } from '../../db/connect.ts';
import { startEmbedded, stopEmbedded, type EmbeddedServer } from '../../db/embedded.ts';
import { Council, until } from './commands.ts';

export interface OwnServer {
  council: Council;
  /** Process of the postmaster. */
  postmaster(): Promise<number>;
  /** Starts the server again, as the next command would, and stays present in it. */
  again(): Promise<void>;
  close(): Promise<void>;
}

type Running = Pick<EmbeddedServer, 'connection' | 'owner' | 'release'>;

/**
 * Starts it under a folder of its own; commands of the council join it, or start it when it is dead. Given another way to
 * `start` one, commands are told its address and start nothing.
 */
export async function ownServer(start?: () => Promise<Running>): Promise<OwnServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'retention rehearsal '));
  const home = path.join(folder, 'home');
  const begin = start ?? (() => startEmbedded(home));
  let server = await begin();
  const db = knexModule.knex({
    ...knexConfig(''),
    // Each start takes another port.
    connection: () => {
      const used = server;
      return { ...used.owner, expirationChecker: () => used !== server };
    },
  });
  const close = async () => {
    await db.destroy();
    await server.release();
    if (!start) await stopEmbedded(home);
  };
  const council = new Council({ url: '', ownerUrl: '', db, close }, folder, {});
  const address = () => {
    if (start) Object.assign(council.env, { DATABASE_URL: urlOf(server.connection), DATABASE_OWNER_URL: urlOf(server.owner) });
  };
  address();
  if (start) await council.done('migrate');
  return {
    council,
    postmaster: async () =>
      Number((await readFile(path.join(home, 'postgres', 'cluster', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]),
    again: async () => {
      await server.release();
      server = await begin();
      address();
      await answers(db);
    },
    close: () => council.close(),
  };
}

function urlOf({ host, port, user, password, database }: Running['owner']): string {
  return `postgresql://${user}:${password}@${host}:${port}/${database}`;
}

async function answers(db: Council['db']): Promise<void> {
  await until(
    () =>
      db.raw('select').then(
        () => true,
        () => false,
      ),
    'the database answers again',
  );
}
