/** A log that cannot be written, and a night whose lock was ended from outside. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Finding } from '../jobs/doctor/findings.ts';
import { rehearsal, RETENTION, until, type Council } from './setup/commands.ts';
import { contend, freeze } from './setup/frozen.ts';
import { plainClient } from './setup/plainClient.ts';

const NIGHT = '2026-11-22';
let council: Council;

beforeEach(async () => {
  council = await rehearsal({ LOG_LEVEL: 'info' });
  council.register.child('CF-1');
  await council.writeExtract();
});

afterEach(() => council.close());

/** Runs it in a shell with its output sent where `redirected` says, and returns the exit code. */
async function shell(redirected: string, argv: string[]): Promise<unknown> {
  const env = { PATH: process.env['PATH'], ...council.env };
  const child = spawn('sh', ['-c', redirected, process.execPath, RETENTION, ...argv], { cwd: council.folder, env, stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as unknown[];
  return code;
}

describe('where what is printed is lost', () => {
  const night = () => ['nightly', '--import', council.extract, '--as-of', NIGHT];

  it.each([
    ['both outputs go to a full disk', '"$0" "$@" >/dev/full 2>&1'],
    ['the log goes to a full disk', '"$0" "$@" 2>/dev/full'],
    ['who read them has gone', '{ "$0" "$@" 2>&1; echo $? >code; } | true; exit $(cat code)'],
  ])('a night is done as ever: %s', async (_what, redirected) => {
    expect(await shell(redirected, night())).toBe(0);
    expect(await council.lists()).toHaveLength(1);
    const [run] = await council.db('runs').select<{ outcome: string; counts: { output_lost?: object } }[]>('outcome', 'counts');
    expect(run?.outcome).toBe('succeeded');
    expect(Object.keys(run?.counts.output_lost ?? {})).toContain('standard error');
    const report = await readFile(path.join(council.folder, 'home', 'reports', NIGHT, 'retention-report.html'), 'utf8');
    expect(report).toMatch(/The log could not be written \(.*standard error: (ENOSPC|EPIPE).*Make room where it goes/);
    const findings = (await council.retention('doctor --json', { asOf: NIGHT })).json<Finding[]>();
    expect(findings).toContainEqual(expect.objectContaining({ check: 'log', level: 'warning' }));
  });

  it('what was only to be printed has failed, but for who had read enough', async () => {
    expect(await shell('"$0" "$@" >/dev/full', ['lists'])).toBe(1);
    expect(await shell('{ "$0" "$@"; echo $? >code; } | true; exit $(cat code)', ['lists'])).toBe(0);
  });
});

it('a night whose lock was ended from outside does no more', async () => {
  const frozen = await freeze(council, 'lock table determinations in access exclusive mode');
  const night = contend(council, ['nightly', '--import', council.extract], { asOf: NIGHT, process: false });
  await frozen.reached([night]);
  const holder = await until(() => holderOfNight(council.db), 'the night is at work');
  const client = plainClient(inject('postgresUrl'));
  await client.connect();
  await client.query('select pg_terminate_backend($1)', [holder]);
  await client.end();
  await frozen.letGo();
  const { exitCode, stderr } = await night.exit;
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('The connection that holds the lock of the night was ended')]);
  expect(await council.db('disposal_lists')).toEqual([]);
  await council.night(NIGHT);
  expect(await council.lists()).toHaveLength(1);
});

async function holderOfNight(db: Knex): Promise<number | undefined> {
  const { rows } = await db.raw<{ rows: { pid: number }[] }>(
    `select pid from pg_locks where locktype = 'advisory' and granted and objid = (hashtext('night')::bigint & 4294967295)::oid
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return rows[0]?.pid;
}
