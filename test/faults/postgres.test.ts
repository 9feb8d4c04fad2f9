/** PostgreSQL killed under the night: the command ends with a sentence, the next one recovers, and nothing is lost or done twice. */
import { afterEach, describe, expect, it } from 'vitest';
import { until, type Council, type Spawned } from '../setup/commands.ts';
import { noticed } from '../setup/killed.ts';
import { ownServer, type OwnServer } from '../setup/ownServer.ts';
import { times } from '../setup/tally.ts';
import {
  anHourPasses,
  endState,
  eveOfTheNight,
  finishTheNight,
  nightly,
  sourcesGone,
  Tries,
  undisturbed,
  type Eve,
} from '../setup/undisturbed.ts';

const KILLS = times(1, 10);
const FILES = times(8, 26);
const servers: OwnServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

describe('PostgreSQL killed in the middle of archiving', () => {
  it('as a whole: the command fails in a sentence, and the next one starts and recovers it', { timeout: 900_000 }, async () => {
    await surviving(`the postmaster killed`, async (server) => {
      process.kill(await server.postmaster(), 'SIGKILL');
    });
  });

  it('one backend of it, which takes all connections with it', { timeout: 900_000 }, async () => {
    await surviving(`the backend of the night killed`, async ({ council }) => {
      const { pid } = await until(() => archivingBackend(council), 'a backend archives');
      process.kill(pid, 'SIGKILL');
    });
  });
});

async function surviving(what: string, kill: (server: OwnServer) => Promise<void>): Promise<void> {
  const server = await startServer();
  const eve = await eveOfTheNight(FILES, () => Promise.resolve(server.council));
  const tries = new Tries(`${what} while archiving`);
  for (let n = 0; n < KILLS; n++) {
    const started = server.council.spawn(nightly(eve.council));
    await until(() => isArchiving(eve, started, 2 * n + 1), `${2 * n + 1} files are bagged`);
    await kill(server);
    await until(() => started.child.exitCode !== null, 'the command has ended by itself');
    const { exitCode, stdout, stderr } = await started.exit;
    expect([exitCode, stdout], stderr).toEqual([1, '']);
    expect(stderr).toMatch(/^retention: .*database.*run again/im);
    expect(stderr).not.toMatch(/^\s+at /m);
    await server.again();
    await noticed(server.council);
    await tries.check(eve);
  }
  await anHourPasses(eve.council.archive);
  await finishTheNight(eve);
  expect(await endState(eve.council)).toEqual(await undisturbed(FILES));
  expect(await eve.council.db('runs').where({ outcome: 'running' })).toEqual([]);
  tries.tell();
}

async function startServer(): Promise<OwnServer> {
  const server = await ownServer();
  servers.push(server);
  return server;
}

/** Watched from outside the database, which is to be killed: bags that lie there, or sources that are gone. */
async function isArchiving({ council, originals }: Eve, { child, said }: Spawned, bags: number): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`It ended before it was killed: ${said.stdout}${said.stderr}`);
  return (await council.bags()).length >= bags || (await sourcesGone(council, [...originals.keys()])).length > 0;
}

async function archivingBackend({ db }: Council): Promise<{ pid: number } | undefined> {
  const result = await db.raw<{ rows: { pid: number }[] }>(
    `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and usename <> current_user
       and state in ('active', 'idle in transaction') limit 1`,
  );
  return result.rows[0];
}
