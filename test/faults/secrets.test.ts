/** Secrets: passwords, tokens and one-time codes are in no process list, no log, no message and no table. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startEmbedded } from '../../db/embedded.ts';
import { describeError } from '../../jobs/log.ts';
import { rehearsal, type Council, type Ended } from '../setup/commands.ts';
import { watchWhile } from '../setup/processes.ts';
import { tally } from '../setup/tally.ts';
import { plainClient } from '../setup/plainClient.ts';

const TODAY = '2026-11-22';
const TOKEN = 'token-of-m.jones-4f1c2a';
const SECRET = 'wrong-Secret-9';
/** As much is said as can be. */
const LOUD = { LOG_LEVEL: 'trace', RETENTION_TRACE: '1' };
const councils: Council[] = [];

afterAll(async () => {
  for (const council of councils) await council.close();
});

describe('secrets', () => {
  it('are in no command line, no environment of PostgreSQL, no log, no message and no table', { timeout: 180_000 }, async () => {
    const council = await councilOf({ DATABASE_URL: '', RETENTION_TOKEN: TOKEN, ...LOUD });
    council.register.child('CF-1');
    await council.writeExtract();
    const ended: Ended<number | null>[] = [];
    const run = async (...argv: string[]) => ended.push(await council.spawn(argv).exit);
    let code = '';
    const watched = await watchWhile(async () => {
      await run('nightly', '--import', council.extract, '--as-of', TODAY);
      await run('users', 'add', 'm.jones', '--role', 'records_manager', '--json');
      code = ended.at(-1)?.json<{ code: string }>().code ?? '';
    });
    for (const command of ['runs --json', 'doctor', 'audit verify']) ended.push(await council.retention(command));
    const cluster = await realpath(path.join(council.folder, 'home', 'postgres', 'cluster'));
    const files = (await readdir(cluster)).filter((name) => name.includes('password'));
    const passwords = await Promise.all(files.map((name) => readFile(path.join(cluster, name), 'utf8')));
    const secrets = [TOKEN, code, ...passwords];
    expect(secrets.every((secret) => secret.length > 20)).toBe(true);

    for (const program of ['initdb', 'postgres', 'retention.mjs nightly'])
      expect([...watched.commandLines]).toContainEqual(expect.stringContaining(program));
    expect(watched.environments.size).toBeGreaterThan(0);
    expect([...watched.environments].filter((variables) => /RETENTION_|DATABASE_URL|PGPASSWORD/.test(variables))).toEqual([]);
    reportShown('command lines and environments of processes', [...watched.commandLines, ...watched.environments], secrets);

    const log = await readFile(path.join(cluster, '..', 'server.log'), 'utf8');
    const said = ended.flatMap(({ stdout, stderr }) => [stdout.replace(code, ''), stderr]);
    expect(said.join('\n')).toContain('run.finished');
    reportShown('logs, results and messages', [log, ...said], secrets);
    const server = await startEmbedded(path.join(council.folder, 'home'));
    const rows = await everyRow(server.connection).finally(() => server.release());
    reportShown('rows of every table', rows, secrets);
  });

  it('of a DATABASE_URL are in no command line of ours and in no message', { timeout: 120_000 }, async () => {
    const council = await councilOf(LOUD);
    council.register.child('CF-1');
    await council.writeExtract();
    const { password } = new URL(council.env['DATABASE_URL'] ?? '');
    const ended: Ended<number | null>[] = [];
    const watched = await watchWhile(async () => {
      ended.push(await council.spawn(['nightly', '--import', council.extract]).exit);
    });
    for (const command of ['runs --json', 'doctor', 'audit verify']) ended.push(await council.retention(command));
    ended.push(await council.done(['backup', path.join(council.folder, 'backup.zip')]));
    expect([...watched.commandLines]).toContainEqual(expect.stringContaining('retention.mjs nightly'));
    reportShown('command lines over a given server', [...watched.commandLines], [password]);
    const said = ended.flatMap(({ stdout, stderr }) => [stdout, stderr]);
    reportShown('messages and rows over a given server', [...said, ...(await everyRow(council.env['DATABASE_URL'] ?? ''))], [password]);
  });
});

describe('a DATABASE_URL that does not work', () => {
  let council: Council;
  beforeAll(async () => {
    council = await councilOf(LOUD);
  });

  it.each<[what: string, url: (right: URL) => string, exitCode: number, says: RegExp[]]>([
    ['a wrong password', (url) => changed(url, { password: SECRET }), 1, [/password authentication failed/, /127\.0\.0\.1:\d+/]],
    ['an unknown user', (url) => changed(url, { username: 'nobody', password: SECRET }), 1, [/as nobody at 127\.0\.0\.1:\d+/]],
    [
      'a port where nothing answers',
      (url) => changed(url, { port: '1', password: SECRET }),
      1,
      [/ECONNREFUSED/, /as \w+ at 127\.0\.0\.1:1 /],
    ],
    ['a host that is not there', (url) => changed(url, { hostname: 'db.invalid', password: SECRET }), 1, [/as \w+ at db\.invalid:\d+/]],
    ['a database that is not there', (url) => changed(url, { pathname: '/nowhere' }), 1, [/nowhere/, /as \w+ at 127\.0\.0\.1:\d+/]],
    ['TLS where there is none', (url) => `${changed(url, { password: SECRET })}?sslmode=require`, 1, [/SSL/, /at 127\.0\.0\.1:\d+/]],
    ['encoded special characters', (url) => changed(url, { password: `${SECRET}%40%3A%2F%23%3F%25` }), 1, [/as \w+ at 127\.0\.0\.1:\d+/]],
    ['a raw #', (url) => raw(url, `${SECRET}#x`), 2, [/DATABASE_URL cannot be read.*# as %23/]],
    ['a raw # after digits', (url) => raw(url, `12#${SECRET}`), 2, [/DATABASE_URL cannot be read/]],
    ['a raw ?', (url) => raw(url, `12?${SECRET}`), 2, [/DATABASE_URL cannot be read/]],
    ['a raw /', (url) => raw(url, `12/${SECRET}`), 2, [/DATABASE_URL cannot be read/]],
    ['a raw %', (url) => raw(url, `${SECRET}%zz`), 2, [/DATABASE_URL cannot be read.*% as %25/]],
    ['a port that is none', (url) => `postgres://x:${SECRET}@127.0.0.1:${url.port}x/retention`, 2, [/DATABASE_URL cannot be read/]],
    ['another kind of database', () => `mysql://x:${SECRET}@127.0.0.1/retention`, 2, [/DATABASE_URL must look like/]],
  ])('with %s: the message names host and user, or the mistake, and never the password', async (what, urlOf, exitCode, says) => {
    const DATABASE_URL = urlOf(new URL(inject('postgresUrl')));
    const right = new URL(inject('postgresUrl')).password;
    const said = [];
    for (const command of ['lists', 'nightly', 'audit verify', 'backup nowhere.zip', 'doctor']) {
      const ended = await council.retention(command, { DATABASE_URL });
      expect(ended.exitCode, `${command}: ${ended.stderr}`).toBe(command === 'doctor' ? 1 : exitCode);
      if (command !== 'doctor') for (const words of says) expect(ended.stderr).toMatch(words);
      said.push(ended.stdout, ended.stderr);
    }
    reportShown(`messages on a DATABASE_URL with ${what}`, said, [SECRET, right]);
  });

  it('a host of several addresses that all refuse is said in words', () => {
    const each = ['::1:5432', '127.0.0.1:5432'].map((place) => new Error(`connect ECONNREFUSED ${place}`));
    expect(describeError(new AggregateError(each))).toBe('connect ECONNREFUSED ::1:5432; connect ECONNREFUSED 127.0.0.1:5432');
  });
});

async function councilOf(settings: Record<string, string>): Promise<Council> {
  const council = await rehearsal(settings);
  councils.push(council);
  return council;
}

/** Every row of every table as text. */
async function everyRow(connection: string | pg.ClientConfig): Promise<string[]> {
  const client = plainClient(connection);
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'");
    const texts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ text: string }>(`select cast(t as text) as text from ${name} t`);
      texts.push(...rows.map(({ text }) => text));
    }
    return texts;
  } finally {
    await client.end();
  }
}

/** Adds the line to the table: how many texts were looked at, and how many showed a secret. */
function reportShown(where: string, texts: string[], secrets: string[]): void {
  const looked = texts.filter((text) => text !== '');
  const leaked = looked.filter((text) => secrets.some((secret) => text.includes(secret))).length;
  tally({ what: `secrets: ${where}`, tried: looked.length, leaked });
}

function changed(url: URL, parts: Partial<Record<'username' | 'password' | 'hostname' | 'port' | 'pathname', string>>): string {
  return Object.assign(new URL(url), parts).href;
}

/** A password written as it is, where it should have been encoded. */
function raw(url: URL, password: string): string {
  return `postgres://${url.username}:${password}@${url.host}/retention`;
}
