/** Proves who starts, joins and stops the embedded PostgreSQL, with real servers and real processes. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, readlink, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbedded, stopEmbedded } from '../db/embedded.ts';
import type { EmbeddedServer } from '../db/embedded.ts';
import { until } from './setup/commands.ts';
import { plainClient } from './setup/plainClient.ts';

type Connection = EmbeddedServer['owner'];
interface Holder {
  process: ChildProcess;
  connection: Connection;
}

const FIXTURE = fileURLToPath(new URL('fixtures/embeddedHolder.mjs', import.meta.url));
const SLOW = 60_000;
/** The last that a server tells a session when it is told to stop: https://www.postgresql.org/docs/current/protocol-error-fields.html */
const ERROR_GOING = errorMessage('SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection due to administrator command');
const isRoot = process.getuid?.() === 0;
let home = '';
let holders: ChildProcess[] = [];

beforeEach(async () => {
  home = path.join(await mkdtemp(path.join(tmpdir(), 'retention test ')), 'home');
});

afterEach(async () => {
  for (const holder of holders) await end(holder, 'SIGKILL');
  holders = [];
  delete process.env['RETENTION_EMBEDDED_AS'];
  await stopEmbedded(home);
  await rm(await stateFolder(), { recursive: true, force: true });
  await rm(path.dirname(home), { recursive: true });
}, SLOW);

describe('one process', () => {
  it('gets a usable server, and its release stops it', { timeout: SLOW }, async () => {
    const server = await startEmbedded(home);
    expect(server.owner).toMatchObject({ host: '127.0.0.1', database: 'retention' });
    expect(await ask(server.owner, 'show data_checksums')).toBe('on');
    expect(await ask(server.owner, 'show fsync')).toBe('on');
    expect(await ask(server.owner, 'show timezone')).toBe('UTC');
    expect(await ask(server.owner, `select lower('ÁÉ') || pg_encoding_to_char(encoding) from pg_database limit 1`)).toBe('áéUTF8');
    await server.release();
    expect(await isRunning()).toBe(false);
    await server.release();
  });

  it('finds its rows again on a second start', { timeout: SLOW }, async () => {
    await keepOneRow(await startEmbedded(home));
    expect(await readRowAndRelease()).toBe('kept');
  });

  it('takes a home relative to the working folder, as the default is', { timeout: SLOW }, async () => {
    const server = await startEmbedded(path.relative(process.cwd(), home));
    expect((await stat(path.join(home, 'postgres'))).isDirectory()).toBe(true);
    expect(await realpath(path.join(home, 'postgres'))).toBe(path.join(await realpath(home), 'postgres'));
    expect(await stopEmbedded(path.relative(process.cwd(), home))).toBe('stopped');
    await server.release();
  });

  it('takes settings on top of its own', { timeout: SLOW }, async () => {
    const server = await startEmbedded(home, { settings: { fsync: 'off' } });
    expect(await ask(server.owner, 'show fsync')).toBe('off');
    expect(await ask(server.owner, 'show timezone')).toBe('UTC');
    await server.release();
  });

  it('may start twice: the server lives until the second release', { timeout: SLOW }, async () => {
    const [first, second] = await Promise.all([startEmbedded(home), startEmbedded(home)]);
    expect(second.owner).toEqual(first.owner);
    await first.release();
    expect(await ask(second.owner, 'select 1')).toBe(1);
    await second.release();
    expect(await isRunning()).toBe(false);
  });

  it('leaves folders and files that only their owner can read', { timeout: SLOW }, async () => {
    const server = await startEmbedded(home);
    expect(await openToOthers(home)).toEqual([]);
    expect((await stat(path.join(home, 'postgres', 'cluster', 'password'))).mode & 0o777).toBe(0o600);
    await server.release();
  });

  it('keeps failed statements and their values out of the log', { timeout: SLOW }, async () => {
    const server = await startEmbedded(home);
    await ask(server.owner, 'create table persons (name text primary key)');
    await ask(server.owner, `insert into persons values ('Ada Example')`);
    await expect(ask(server.owner, `insert into persons values ('Ada Example')`)).rejects.toThrow(/duplicate/);
    await expect(ask(server.owner, `select 'Ada Example'::date`)).rejects.toThrow(/invalid input/);
    await server.release();
    expect(await readFile(path.join(home, 'postgres', 'server.log'), 'utf8')).not.toContain('Ada');
  });

  it('ends by itself while present, without a release', { timeout: SLOW }, async () => {
    const module = JSON.stringify(new URL('../.build/db/embedded.js', import.meta.url).href);
    const script = `const { startEmbedded } = await import(${module}); await startEmbedded(${JSON.stringify(home)});`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    holders.push(child);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await stopEmbedded(home)).toBe('stopped');
  });

  it('does not fail when the server is stopped under it', { timeout: SLOW }, async () => {
    const server = await startEmbedded(home);
    expect(await stopEmbedded(home)).toBe('stopped');
    expect(await stopEmbedded(home)).toBe('not_running');
    await server.release();
  });
});

describe('several processes', () => {
  it('first-start at once and share one server', { timeout: SLOW }, async () => {
    const all = await Promise.all([hold(), hold(), hold()]);
    expect(new Set(all.map((holder) => JSON.stringify(holder.connection))).size).toBe(1);
    expect(await readdir(path.join(home, 'postgres'))).toEqual(expect.arrayContaining(['cluster', 'server.log']));
    expect(await readdir(path.join(home, 'postgres'))).toHaveLength(2);
    await Promise.all(all.map((holder) => end(holder.process)));
    expect(await isRunning()).toBe(false);
  });

  it('the first out leaves it running for the second', { timeout: SLOW }, async () => {
    const first = await hold();
    const second = await hold();
    await end(first.process);
    expect(await ask(second.connection, 'select 1')).toBe(1);
    await end(second.process);
    expect(await isRunning()).toBe(false);
  });

  it('one that leaves waits for a server that says it is going, and closes later', { timeout: SLOW }, async () => {
    const first = await hold();
    const slow = await slowToClose(first.connection.port);
    try {
      const lock = path.join(home, 'postgres', 'cluster', 'data', 'postmaster.pid');
      const lines = (await readFile(lock, 'utf8')).split('\n');
      await writeFile(lock, [...lines.slice(0, 3), String(slow.port), ...lines.slice(4)].join('\n'));
      const second = await hold();
      expect(second.connection.port).toBe(slow.port);
      await end(second.process);
      await writeFile(lock, lines.join('\n'));
      await end(first.process);
    } finally {
      slow.close();
    }
  });

  it('survive starts and releases that cross', { timeout: 3 * SLOW }, async () => {
    const visit = async (): Promise<void> => {
      for (let round = 0; round < 6; round += 1) {
        const server = await startEmbedded(home);
        expect(await ask(server.owner, 'select 1')).toBe(1);
        await server.release();
      }
    };
    await Promise.all([visit(), visit(), visit()]);
    expect(await isRunning()).toBe(false);
  });
});

describe('after a crash', () => {
  it('of the holder, the next start joins the server and its release stops it', { timeout: SLOW }, async () => {
    const holder = await hold();
    const before = await postmasterPid();
    await end(holder.process, 'SIGKILL');
    expect(await isRunning()).toBe(true);
    const server = await startEmbedded(home);
    expect(server.owner).toEqual(holder.connection);
    expect(await postmasterPid()).toBe(before);
    await presenceOf(server.owner, 1);
    await server.release();
    expect(await isRunning()).toBe(false);
  });

  it('of the server, the next start recovers', { timeout: SLOW }, async () => {
    const holder = await hold();
    await ask(holder.connection, 'create table kept (word text)');
    await ask(holder.connection, `insert into kept values ('kept')`);
    process.kill(await postmasterPid(), 'SIGKILL');
    expect(await readRowAndRelease()).toBe('kept');
  });

  it('of one backend, a holder is present again', { timeout: SLOW }, async () => {
    const holder = await hold();
    const victim = plainClient(holder.connection);
    const dropped = new Promise((resolve) => victim.on('error', resolve));
    await victim.connect();
    process.kill(Number((await victim.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid), 'SIGKILL');
    await dropped;
    await presenceOf(holder.connection, 1);
    const server = await startEmbedded(home);
    await server.release();
    expect(await ask(holder.connection, 'select 1')).toBe(1);
  });

  it('a lock file with the number of another living program does not prevent a start', { timeout: SLOW }, async () => {
    await keepOneRow(await startEmbedded(home));
    const data = path.join(home, 'postgres', 'cluster', 'data');
    await writeFile(path.join(data, 'postmaster.pid'), `${process.pid}\n${data}\n1\n1\n\n127.0.0.1\n0 0\nready\n`, { mode: 0o600 });
    expect(await stopEmbedded(home)).toBe('not_running');
    expect(await readRowAndRelease()).toBe('kept');
  });
});

describe('refusals', () => {
  it('names both versions when another PostgreSQL made the data', { timeout: SLOW }, async () => {
    await (await startEmbedded(home)).release();
    const file = path.join(home, 'postgres', 'cluster', 'data', 'PG_VERSION');
    await writeFile(file, '15\n');
    await expect(startEmbedded(home)).rejects.toThrow(/made by PostgreSQL 15, this program carries 18.*pg_dump/s);
    await writeFile(file, '18\n');
    await (await startEmbedded(home)).release();
  });

  it('gives the reason and the log when the server cannot start', { timeout: SLOW }, async () => {
    await (await startEmbedded(home)).release();
    await rm(path.join(home, 'postgres', 'cluster', 'data', 'global', 'pg_control'));
    await expect(startEmbedded(home)).rejects.toThrow(/did not start: .*pg_control.*server\.log/s);
  });

  it('names the binary that cannot be run, of those it was told to use', async () => {
    await expect(startEmbedded(home, { binaries: path.dirname(home) })).rejects.toThrow(/initdb cannot be run/);
  });

  it('says that there is nothing to stop', async () => {
    expect(await stopEmbedded(home)).toBe('not_running');
  });
});

describe.runIf(isRoot)('as root', () => {
  it.each(['userns', 'nobody'])('works by %s', { timeout: SLOW }, async (way) => {
    process.env['RETENTION_EMBEDDED_AS'] = way;
    await chmod(path.dirname(home), 0o755);
    await mkdir(home, { mode: 0o755 });
    await keepOneRow(await startEmbedded(home));
    expect((await stat(path.join(home, 'postgres', 'cluster', 'data'))).uid).toBe(way === 'nobody' ? 65534 : 0);
    expect(await openToOthers(path.join(home, 'postgres'))).toEqual([]);
    expect(await readRowAndRelease()).toBe('kept');
  });

  it('works by userns below a folder of 0700', { timeout: SLOW }, async () => {
    process.env['RETENTION_EMBEDDED_AS'] = 'userns';
    await keepOneRow(await startEmbedded(home));
    expect(await readRowAndRelease()).toBe('kept');
  });

  it('keeps the data in a system folder where nobody cannot enter home, and finds it again', { timeout: SLOW }, async () => {
    process.env['RETENTION_EMBEDDED_AS'] = 'nobody';
    await keepOneRow(await startEmbedded(home));
    expect(await readlink(path.join(home, 'postgres'))).toBe(path.join(await stateFolder(), 'postgres'));
    delete process.env['RETENTION_EMBEDDED_AS'];
    expect(await readRowAndRelease()).toBe('kept');
  });

  it('takes over for nobody what root made in a namespace', { timeout: SLOW }, async () => {
    await chmod(path.dirname(home), 0o755);
    await mkdir(home, { mode: 0o755 });
    process.env['RETENTION_EMBEDDED_AS'] = 'userns';
    await keepOneRow(await startEmbedded(home));
    process.env['RETENTION_EMBEDDED_AS'] = 'nobody';
    expect(await readRowAndRelease()).toBe('kept');
  });

  it('runs as the ordinary user whose data it is', { timeout: SLOW }, async () => {
    await chmod(path.dirname(home), 0o755);
    await mkdir(home, { mode: 0o755 });
    process.env['RETENTION_EMBEDDED_AS'] = 'nobody';
    await keepOneRow(await startEmbedded(home));
    delete process.env['RETENTION_EMBEDDED_AS'];
    await chownAll(path.join(home, 'postgres'), 1001);
    expect(await readRowAndRelease()).toBe('kept');
    expect((await stat(path.join(home, 'postgres', 'server.log'))).uid).toBe(1001);
  });

  it('refuses an unknown way', async () => {
    process.env['RETENTION_EMBEDDED_AS'] = 'admin';
    await expect(startEmbedded(home)).rejects.toThrow(/RETENTION_EMBEDDED_AS is "admin"/);
    delete process.env['RETENTION_EMBEDDED_AS'];
  });
});

function errorMessage(...fields: string[]): Buffer {
  const body = Buffer.from(`${fields.map((field) => `${field}\0`).join('')}\0`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from('E'), length, body]);
}

/** Where the launcher keeps what PostgreSQL cannot reach in this home. */
async function stateFolder(): Promise<string> {
  const place = await realpath(home).catch(() => home);
  return `/var/lib/retention-embedded-${createHash('sha256').update(place).digest('hex').slice(0, 16)}`;
}

/** What stands before a server, and to a client that says goodbye says what a server does that is told to stop, a while before it closes. */
async function slowToClose(port: number): Promise<{ port: number; close: () => void }> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const behind = connect(port, '127.0.0.1');
    behind.on('error', () => client.destroy());
    behind.on('data', (data) => client.writable && client.write(data));
    client.on('error', () => behind.destroy());
    client.on('data', (data) => {
      if (data[0] !== 'X'.charCodeAt(0)) return void behind.write(data);
      client.write(ERROR_GOING);
      setTimeout(() => {
        client.end();
        behind.end(data);
      }, 500);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function hold(): Promise<Holder> {
  const child = spawn(process.execPath, [FIXTURE, home], { stdio: ['pipe', 'pipe', 'inherit'] });
  holders.push(child);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { process: child, connection: JSON.parse(line) as Connection };
}

async function end(child: ChildProcess, signal?: 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (signal) child.kill(signal);
  else child.stdin?.end();
  const [code] = (await exited) as [number | null];
  if (!signal) expect(code).toBe(0);
}

async function ask(connection: Connection, sql: string): Promise<unknown> {
  const client = plainClient(connection);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

async function keepOneRow(server: EmbeddedServer): Promise<void> {
  await ask(server.owner, 'create table kept (word text)');
  await ask(server.owner, `insert into kept values ('kept')`);
  await server.release();
  expect(await isRunning()).toBe(false);
}

async function readRowAndRelease(): Promise<unknown> {
  const server = await startEmbedded(home);
  const word = await ask(server.owner, 'select word from kept');
  await server.release();
  expect(await isRunning()).toBe(false);
  return word;
}

/** Waits until as many presences are counted: the server may be recovering, or have yet to notice a dead one. */
async function presenceOf(connection: Connection, count: number): Promise<void> {
  const sql = `select count(*)::int from pg_locks where locktype = 'advisory' and objid = 7301001 and granted`;
  const counted = (): Promise<unknown> => ask(connection, sql).catch((error: unknown) => error);
  await until(async () => (await counted()) === count, `${count} are present`);
}

async function postmasterPid(): Promise<number> {
  return Number((await readFile(path.join(home, 'postgres', 'cluster', 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

async function isRunning(): Promise<boolean> {
  return (await readdir(path.join(home, 'postgres', 'cluster', 'data'))).includes('postmaster.pid');
}

async function chownAll(folder: string, uid: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    await chown(path.join(entry.parentPath, entry.name), uid, uid);
  await chown(folder, uid, uid);
}

async function openToOthers(folder: string): Promise<string[]> {
  const all = (await readdir(folder, { recursive: true })).map((name) => path.join(folder, name));
  const modes = await Promise.all([folder, ...all].map(async (file) => ({ file, mode: (await stat(file)).mode })));
  return modes.filter(({ mode }) => (mode & 0o077) !== 0).map(({ file }) => file);
}
