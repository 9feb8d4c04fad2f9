/** Owns one cluster of the embedded PostgreSQL: its first data, the start and stop of its server, and whether one runs. */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { codeOf, commandFor, giveTo, messageOf, missingIsUndefined, renameOrDiscard, runBinary } from './embeddedBinaries.ts';
import type { Runner } from './embeddedBinaries.ts';
import { syncFolder } from './fileIo.ts';

export const HOST = '127.0.0.1';
/** Owns the cluster and its tables. */
export const OWNER = 'retention';
/** What commands work as: owns nothing. */
export const SERVICE = 'retention_service';
const UNFINISHED = 'unfinished-';
/** Set on every start, so that a newer program may change them without touching the data. */
const SETTINGS = {
  listen_addresses: HOST,
  // Socket paths are short and would break in deep folders.
  unix_socket_directories: '',
  timezone: 'UTC',
  lc_messages: 'C',
  max_connections: '100',
  shared_buffers: '256MB',
  work_mem: '64MB',
  maintenance_work_mem: '256MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  // Its shared memory overruns the 64 MB that containers allow.
  enable_parallel_hash: 'off',
  // Where it is built in, compiling our long statements takes longer than running them.
  jit: 'off',
  // Failed statements and their details hold names; the client gets them, the log does not.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

/** What postmaster.pid says; no port while the server writes it. */
export interface Postmaster {
  pid: number;
  port: number | undefined;
}
/** A postgres that we spawned; `ended` says how, once it did. */
export interface Attempt {
  logStart: number;
  ended: string | undefined;
}

/**
 * Makes the cluster (`${folder}/cluster`: data and password) when there is none, and gives it to the account that runs it.
 * Throws an Error that says what to do when another major version of PostgreSQL made it. Call it only before a start.
 */
export async function ensureCluster(runner: Runner): Promise<void> {
  const cluster = path.join(runner.folder, 'cluster');
  if (!(await stat(cluster).catch(missingIsUndefined))) await createCluster(runner, cluster);
  await sweepUnfinished(runner.folder);
  await assertSameVersion(runner, path.join(cluster, 'data'));
  await giveTo(runner.account, runner.folder);
  await giveTo(runner.account, cluster);
}

/** Returns the password of a role. Throws an Error that says so when this user may not read it. */
export async function passwordOf(runner: Runner, role: typeof OWNER | typeof SERVICE): Promise<string> {
  const file = passwordFile(path.join(runner.folder, 'cluster'), role);
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`The password of the embedded database, ${file}, cannot be read: ${messageOf(error)}. Run as the user who made it.`, {
      cause: error,
    });
  });
}

/** Returns the server that runs on this folder, or undefined; clears a lock file that would keep PostgreSQL from starting. */
export async function livePostmaster(runner: Runner): Promise<Postmaster | undefined> {
  const text = await readLock(runner);
  const [pid, , , port] = (text ?? '').split('\n').map(Number);
  if (text === undefined || !pid) return undefined;
  if (await isPostgresOn(pid, dataOf(runner))) return { pid, port: port || undefined };
  if (isAlive(pid)) await discardLock(runner, text);
  return undefined;
}

/** In a session of its own, so that Ctrl-C in our terminal does not reach it; its log is a file, as it outlives us. */
export async function spawnPostgres(runner: Runner): Promise<Attempt> {
  const settings = Object.entries({ ...SETTINGS, ...runner.settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', dataOf(runner), '-p', String(await freePort()), ...settings];
  const { file, args: all, options } = commandFor(runner, 'postgres', args);
  const log = await open(logOf(runner), 'a', 0o600);
  if (runner.account.as === 'uid') await log.chown(runner.account.uid, runner.account.gid);
  const attempt: Attempt = { logStart: (await log.stat()).size, ended: undefined };
  const child = spawn(file, all, { ...options, detached: true, stdio: ['ignore', log.fd, log.fd] });
  child.once('error', (error) => (attempt.ended = error.message));
  child.once('exit', (code, signal) => (attempt.ended = `it ended with ${signal ?? `code ${code}`}`));
  child.unref();
  await log.close();
  return attempt;
}

/** Stops it the first way that works, and waits for its end. A server that is gone by itself is fine as well. */
export async function stopPostmaster(runner: Runner, modes: readonly ('fast' | 'immediate')[]): Promise<void> {
  let failure: unknown;
  for (const mode of modes) {
    try {
      // A fast stop writes all that is in memory, which takes a slow disk its time.
      await runBinary(runner, 'pg_ctl', ['stop', '-D', dataOf(runner), '-m', mode, '-w', '-t', '300']);
      return;
    } catch (error) {
      failure = error;
    }
    if (!(await livePostmaster(runner))) return;
  }
  throw new Error(`The embedded database in ${runner.folder} could not be stopped: ${messageOf(failure)}. See ${logOf(runner)}.`, {
    cause: failure,
  });
}

/** Makes a password for the service role where there is none, as in a cluster of an earlier release. Returns whether it did. */
export async function ensureServicePassword(runner: Runner): Promise<boolean> {
  const file = passwordFile(path.join(runner.folder, 'cluster'), SERVICE);
  if (await stat(file).catch(missingIsUndefined)) return false;
  const beside = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(beside, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
  await rename(beside, file);
  return true;
}

export function logOf(runner: Runner): string {
  return path.join(runner.folder, 'server.log');
}

/** Made beside and renamed with its password, so that two first starts cannot mix: the second throws its own away. */
async function createCluster(runner: Runner, cluster: string): Promise<void> {
  const fresh = path.join(runner.folder, `${UNFINISHED}${randomBytes(4).toString('hex')}`);
  const password = passwordFile(fresh, OWNER);
  await mkdir(fresh, { mode: 0o700 });
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  await giveTo(runner.account, fresh);
  try {
    const args = ['-D', path.join(fresh, 'data'), '-U', OWNER, `--pwfile=${password}`, '--auth=scram-sha-256', '--data-checksums'];
    await runBinary(runner, 'initdb', [...args, '--encoding=UTF8', ...localeFor(await versionOf(runner))]);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
  // Or a crash of the machine could undo the rename, and a later start begin anew.
  if (await renameOrDiscard(fresh, cluster)) await syncFolder(runner.folder);
}

/** The built-in locale sorts and folds alike on every machine, and needs none installed; before 17 the system's comes closest. */
function localeFor(version: number): string[] {
  return version >= 17 ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ['--locale=C.UTF-8'];
}

async function versionOf(runner: Runner): Promise<number> {
  return Number(/\d+/.exec(await runBinary(runner, 'postgres', ['--version']))?.[0]);
}

/** Left by a first start that was killed; a younger one may still be at work, and will throw its own away. */
async function sweepUnfinished(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(UNFINISHED));
  for (const name of names) {
    const made = await stat(path.join(folder, name)).catch(missingIsUndefined);
    if (made && Date.now() - made.mtimeMs > 600_000) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

async function assertSameVersion(runner: Runner, data: string): Promise<void> {
  const ours = String(await versionOf(runner));
  const theirs = (await readFile(path.join(data, 'PG_VERSION'), 'utf8').catch(missingIsUndefined))?.trim();
  if (theirs === ours) return;
  throw new Error(
    `The embedded database in ${data} was made by PostgreSQL ${theirs ?? '(no PG_VERSION there)'}, this program carries ${ours}; ` +
      `nothing was changed. Start the program version that made it, copy the database out with pg_dump, ` +
      `and restore it into an empty RETENTION_HOME, or set DATABASE_URL to a server that holds it.`,
  );
}

function readLock(runner: Runner): Promise<string | undefined> {
  return readFile(lockOf(runner), 'utf8').catch(missingIsUndefined);
}

/** A pid is given again after a restart, above all in containers: only the command line tells whose it is. */
async function isPostgresOn(pid: number, data: string): Promise<boolean> {
  if (process.platform === 'win32') return isAlive(pid);
  if (process.platform !== 'linux') return (await commandLine(pid)).includes(`postgres -D ${data} `);
  // A process that ends while we read gives ESRCH.
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch((error: unknown) =>
    codeOf(error) === 'ESRCH' ? '' : missingIsUndefined(error),
  );
  const [file, flag, folder] = (line ?? '').split('\0');
  return path.basename(file ?? '') === 'postgres' && flag === '-D' && folder === data;
}

async function commandLine(pid: number): Promise<string> {
  const listed = promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  // ps fails when there is no such process.
  return listed.then(
    ({ stdout }) => stdout,
    () => '',
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** PostgreSQL refuses to start while the pid in its lock file is alive, whoever it is. Taken aside first: it may be new by now. */
async function discardLock(runner: Runner, stale: string): Promise<void> {
  const aside = `${lockOf(runner)}.${randomBytes(4).toString('hex')}`;
  const moved = await rename(lockOf(runner), aside).then(() => true, missingIsUndefined);
  if (!moved) return;
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, lockOf(runner));
  await unlink(aside);
}

/** Another program may take it before PostgreSQL does; then that start fails and the next takes another. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function passwordFile(cluster: string, role: typeof OWNER | typeof SERVICE): string {
  return path.join(cluster, role === OWNER ? 'password' : 'service-password');
}

function dataOf(runner: Runner): string {
  return path.join(runner.folder, 'cluster', 'data');
}

function lockOf(runner: Runner): string {
  return path.join(dataOf(runner), 'postmaster.pid');
}
