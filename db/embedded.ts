/** Owns the life of the embedded PostgreSQL: who starts it, who is present, and that the last one out stops it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { codeOf, existingFolder, messageOf, runnerFor } from './embeddedBinaries.ts';
import type { Runner, ServerChoice } from './embeddedBinaries.ts';
import {
  ensureCluster,
  ensureServicePassword,
  HOST,
  livePostmaster,
  logOf,
  OWNER,
  passwordOf,
  SERVICE,
  spawnPostgres,
  stopPostmaster,
} from './embeddedCluster.ts';
import type { Attempt, Postmaster } from './embeddedCluster.ts';
import { settleSession } from './session.ts';

export interface Connection {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

export interface EmbeddedServer {
  /** As the role that commands work as: it owns nothing. */
  connection: Connection;
  /** As the role that owns everything: for making tables, and for restoring. */
  owner: Connection;
  /** Ends this process's presence; the last one out stops the server. Further calls do nothing more. */
  release(): Promise<void>;
}

const DATABASE = 'retention';
// Advisory lock keys in database `postgres`: who is here, and whose turn it is to create the database.
const PRESENCE = 7_301_001;
const CREATION = 7_301_002;
// A start that gets nowhere ends after the first; a server that recovers from a crash may use the second.
const PATIENCE_MS = 60_000;
const RECOVERY_MS = 600_000;
const POLL_MS = 40;
const LOCK_WAIT_MS = 10_000;
// Another starter won, the port was taken, or the backends of a killed server have not noticed yet.
const PASSING = /lock file .* already exists|shared memory block .* in use|Address already in use/;

/** pg has these; its types do not know them. */
type PresenceClient = pg.Client & { ref(): void; unref(): void };

interface Entered {
  client: PresenceClient;
  postmaster: Postmaster;
  connection: Connection;
  owner: Connection;
}

/**
 * Starts the server under `${home}/postgres`, or joins the one that runs, and creates the database `retention` when missing.
 * Returns how to connect, and marks this process as present until `release` or its death. Without a `choice` it runs the
 * package's binaries with our settings; every process of one home must make the same choice.
 * Throws an Error that names the folder, the log and the next step: another PostgreSQL version made the data, the folder or
 * the binaries cannot be used, or nothing answered for 60 seconds (10 minutes while the server recovers).
 */
export async function startEmbedded(home: string, choice: ServerChoice = {}): Promise<EmbeddedServer> {
  const runner = await runnerFor(home, choice);
  const entered = await joinOrStart(runner);
  const leave = stayPresent(runner, entered);
  let left: Promise<void> | undefined;
  return { connection: entered.connection, owner: entered.owner, release: () => (left ??= leave()) };
}

/**
 * Stops the server under `${home}/postgres` whoever is present; open transactions are rolled back.
 * Returns whether there was one. Throws an Error that names the folder and the log when even an immediate stop fails.
 */
export async function stopEmbedded(home: string): Promise<'stopped' | 'not_running'> {
  if (!(await existingFolder(home))) return 'not_running';
  const runner = await runnerFor(home);
  if (!(await livePostmaster(runner))) return 'not_running';
  await stopPostmaster(runner, ['fast', 'immediate']);
  return 'stopped';
}

/** Joins a live server, else starts one, until one of both works: whoever loses a race just goes round again. */
async function joinOrStart(runner: Runner): Promise<Entered> {
  const began = performance.now();
  let deadline = began + PATIENCE_MS;
  let attempt: Attempt | undefined;
  let last = 'nothing answered';
  for (let failures = 0; performance.now() < deadline; await sleep(POLL_MS)) {
    const postmaster = await livePostmaster(runner);
    if (postmaster) {
      const answer = await enter(runner, postmaster);
      if ('client' in answer) return answer;
      last = answer.message;
      if (answer.busy) deadline = Math.min(performance.now() + PATIENCE_MS, began + RECOVERY_MS);
    } else if (!attempt || attempt.ended) {
      if (attempt) last = await explain(runner, attempt, (failures += 1));
      attempt = await startOnce(runner);
    }
  }
  throw new Error(
    `The embedded database in ${runner.folder} could not be reached (${last}). ` +
      `See the end of ${logOf(runner)}; if a server hangs there, run "retention stop" and start again.`,
  );
}

async function startOnce(runner: Runner): Promise<Attempt> {
  await ensureCluster(runner);
  return spawnPostgres(runner);
}

/** Returns why it ended, and waits longer after each failure; throws at the third that time will not mend. */
async function explain(runner: Runner, attempt: Attempt, failures: number): Promise<string> {
  const said = (await readFile(logOf(runner))).subarray(attempt.logStart).toString('utf8');
  const reason = /(?:FATAL|PANIC): +(.*)/.exec(said)?.[1] ?? `${attempt.ended ?? 'it ended'}: ${said.trim()}`;
  if (failures >= 3 && !PASSING.test(said)) {
    throw new Error(`The embedded database in ${runner.folder} did not start: ${reason}. See the end of ${logOf(runner)}.`);
  }
  await sleep(Math.min(50 * 2 ** failures, 2_000));
  return reason;
}

type Refusal = { message: string; busy: boolean };

/** One try to be present; a refusal is an answer, as the server may be starting, recovering or on its way out. */
async function enter(runner: Runner, postmaster: Postmaster): Promise<Entered | Refusal> {
  if (postmaster.port === undefined) return { message: 'the server is starting', busy: false };
  const place = { host: HOST, port: postmaster.port, database: DATABASE };
  const owner = { ...place, user: OWNER, password: await passwordOf(runner, OWNER) };
  const client = presenceClient(owner);
  try {
    await client.connect();
    await settleSession(client);
    // Keeps us from waiting for ever on a stopper that is itself stuck.
    await client.query(`set lock_timeout = ${LOCK_WAIT_MS}; set application_name = 'retention presence'`);
    await client.query('select pg_advisory_lock_shared($1)', [PRESENCE]);
    await ensureDatabase(client, runner);
    client.unref();
    return { client, postmaster, owner, connection: { ...place, user: SERVICE, password: await passwordOf(runner, SERVICE) } };
  } catch (error) {
    await client.end();
    if (codeOf(error) === '28P01') throw wrongPassword(runner, postmaster, error);
    return { message: messageOf(error), busy: codeOf(error) === '57P03' };
  }
}

function presenceClient(connection: Connection): PresenceClient {
  const settings = { ssl: false, connectionTimeoutMillis: 5_000 };
  const client = new pg.Client({ ...connection, ...settings, database: 'postgres' }) as PresenceClient;
  // Without a listener Node would end. 'end' follows, and decides what the loss means; who waits for it must not lose the socket.
  client.on('error', () => undefined);
  return client;
}

/** One after another: two creations at once would have one fail. */
async function ensureDatabase(client: pg.Client, runner: Runner): Promise<void> {
  await client.query('select pg_advisory_lock($1)', [CREATION]);
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
  if (!rowCount) await client.query(`create database ${DATABASE}`);
  const role = await client.query('select 1 from pg_roles where rolname = $1', [SERVICE]);
  const isNew = await ensureServicePassword(runner);
  if (isNew || !role.rowCount) {
    const password = client.escapeLiteral(await passwordOf(runner, SERVICE));
    await client.query(`${role.rowCount ? 'alter' : 'create'} role ${SERVICE} login password ${password}`);
  }
  await client.query('select pg_advisory_unlock($1)', [CREATION]);
}

/**
 * Returns the function that ends our presence. Until then a lost presence is taken again: when one backend crashes,
 * PostgreSQL drops every connection and lives on, and without our lock somebody else would stop it under us.
 */
function stayPresent(runner: Runner, entered: Entered): () => Promise<void> {
  let present: PresenceClient | undefined;
  let leaving = false;
  let returning: Promise<void> = Promise.resolve();
  const watch = (client: PresenceClient): void => {
    present = client;
    client.once('end', () => {
      present = undefined;
      if (!leaving) returning = comeBack();
    });
  };
  const comeBack = async (): Promise<void> => {
    const again = await enterAgain(runner, entered.postmaster, () => leaving);
    if (again) watch(again.client);
  };
  watch(entered.client);
  return async () => {
    leaving = true;
    await returning;
    if (present) await leave(runner, present);
  };
}

/** Never starts a server: one that was stopped on purpose stays stopped. Returns undefined when it is gone. */
async function enterAgain(runner: Runner, before: Postmaster, given: () => boolean): Promise<Entered | undefined> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline && !given(); await sleep(POLL_MS)) {
    const now = await livePostmaster(runner);
    if (now?.pid !== before.pid) return undefined;
    const answer = await enter(runner, now);
    if ('client' in answer) return answer;
  }
  return undefined;
}

async function leave(runner: Runner, client: PresenceClient): Promise<void> {
  client.ref();
  if (await isLastOut(client)) await stopPostmaster(runner, ['fast']);
  await client.end();
}

/** Nobody can enter while we hold the exclusive lock; it goes with the server. */
async function isLastOut(client: pg.Client): Promise<boolean> {
  try {
    await client.query('select pg_advisory_unlock_shared($1)', [PRESENCE]);
    const { rows } = await client.query<{ last: boolean }>('select pg_try_advisory_lock($1) as last', [PRESENCE]);
    return rows[0]?.last === true;
  } catch (error) {
    // The server went while we asked, and our presence with it; anything else is a fault of ours.
    if (codeOf(error)?.startsWith('42')) throw error;
    return false;
  }
}

function wrongPassword(runner: Runner, postmaster: Postmaster, cause: unknown): Error {
  return new Error(
    `The embedded database in ${runner.folder} (process ${postmaster.pid}) refuses the password kept beside it. ` +
      `Run "retention stop" and start again; if that does not help, restore the folder from a backup.`,
    { cause },
  );
}
