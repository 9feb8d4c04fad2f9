/** Looks at this machine's processes as anybody could: their command lines and environments, and what they listen on. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

export interface Watched {
  /** Command lines of all processes that ran meanwhile, words separated by spaces. */
  commandLines: Set<string>;
  /** Environments of those that are PostgreSQL's own programs. */
  environments: Set<string>;
}

const POSTGRES = /^(\S*\/)?(postgres|initdb|pg_ctl|unshare)\b/;

/** Watches every process while `work` is done. */
export async function watchWhile(work: () => Promise<void>): Promise<Watched> {
  const watched: Watched = { commandLines: new Set(), environments: new Set() };
  const over = new AbortController();
  const working = work().finally(() => over.abort());
  // Every few milliseconds: what lives shorter nobody sees, and what watches all the time slows down what it watches.
  while (!over.signal.aborted) {
    for (const pid of await processes()) await watch(pid, watched);
    await setTimeout(5);
  }
  await working;
  return watched;
}

/** What a process listens on: `127.0.0.1:5432` for an address, `unix` for a socket in a folder. */
export async function listensOn(pid: number): Promise<string[]> {
  const inodes = await socketsOf(pid);
  const [four, six, unix] = await Promise.all(['tcp', 'tcp6', 'unix'].map((table) => rows(`/proc/${pid}/net/${table}`)));
  const listening = [...(four ?? []), ...(six ?? [])].filter((row) => row[3] === '0A' && inodes.has(row[9] ?? ''));
  const sockets = (unix ?? []).filter((row) => row[7] !== undefined && inodes.has(row[6] ?? ''));
  return [...listening.map((row) => address(row[1] ?? '')), ...sockets.map(() => 'unix')];
}

async function watch(pid: string, watched: Watched): Promise<void> {
  const line = words(await textOf(`/proc/${pid}/cmdline`));
  if (line === '') return;
  watched.commandLines.add(line);
  if (POSTGRES.test(line)) watched.environments.add(words(await textOf(`/proc/${pid}/environ`)));
}

async function processes(): Promise<string[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
}

async function socketsOf(pid: number): Promise<Set<string>> {
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(gone)));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

async function rows(table: string): Promise<string[][]> {
  return (await textOf(table))
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
}

/** The kernel writes an address as numbers in the order of the machine's bytes. */
function address(hex: string): string {
  const [host = '', port = ''] = hex.split(':');
  const bytes = host.match(/../g)?.map((byte) => parseInt(byte, 16)) ?? [];
  return `${bytes.length === 4 ? bytes.toReversed().join('.') : host}:${parseInt(port, 16)}`;
}

function words(text: string): string {
  return text.replaceAll('\0', ' ').trim();
}

/** A process that ends while it is looked at has nothing more to show; another user's environment shows nothing either. */
function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(gone);
}

function gone(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) throw error;
  return '';
}
