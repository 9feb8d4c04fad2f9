/** A database with two roles: the owner makes it ready, and the one that commands work as owns nothing. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { SHIPPED_SCHEDULE } from '../rules/schedule.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { emptyDatabase, type FreshDatabase } from './setup/database.ts';

let council: Council;
let empty: FreshDatabase;

beforeEach(async () => {
  council = await rehearsal();
  empty = await emptyDatabase();
});

afterEach(() => Promise.all([council.close(), empty.close()]));

it('takes the owner once, by migrate alone, and then the role that owns nothing does for every command', async () => {
  const early = await council.retention('lists', { DATABASE_URL: empty.url });
  expect([early.exitCode, early.stderr]).toEqual([
    1,
    expect.stringMatching(/may not change its tables, as it should be\. Run "retention migrate"/),
  ]);
  const withOwner = await council.retention('lists', { DATABASE_URL: empty.url, DATABASE_OWNER_URL: empty.ownerUrl });
  expect([withOwner.exitCode, withOwner.stderr]).toEqual([1, early.stderr]);
  const ready = await council.done('migrate', { DATABASE_URL: empty.url, DATABASE_OWNER_URL: empty.ownerUrl });
  expect(ready.stdout).toBe('The database is ready for this release, and retention_service may use it.\n');
  await council.done('lists', { DATABASE_URL: empty.url });
  const owned = await empty.db.raw<{ rows: object[] }>(
    "select from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = 'retention_service'",
  );
  expect(owned.rows).toEqual([]);
});

it('goes on with everything but listing under a schedule that the owner has not guarded yet', async () => {
  council.register.child('CF-1');
  await council.writeExtract();
  const changed = path.join(council.folder, 'next.yaml');
  await writeFile(changed, (await readFile(SHIPPED_SCHEDULE, 'utf8')).replace(/^version: .*$/m, 'version: next'));
  const adopted = await council.done(['schedule', 'adopt', changed, '--from', '2026-11-01'], { asOf: '2026-11-01', as: 'm.jones' });
  expect(adopted.stdout).toContain('run "retention migrate"');
  const night = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: '2026-11-22' });
  const result = night.json<NightResult>();
  const words = expect.stringMatching(
    /^Nothing was listed: version next of the schedule has no guard .* Run "retention migrate" /,
  ) as string;
  expect([night.exitCode, result.outcome, result.stopped, result.attention]).toEqual([3, 'succeeded', [words], [words]]);
  const again = await council.retention('list --json', { asOf: '2026-11-22' });
  expect([again.exitCode, again.json()]).toMatchObject([0, { stopped: [words], attention: [] }]);
  expect(result.steps).toMatchObject({ list: { listed: 0 }, archive: { archived: 0 }, report: { folder: expect.any(String) as string } });
  expect(await council.lists()).toEqual([]);
  await council.done('migrate', { DATABASE_OWNER_URL: council.ownerUrl });
  expect((await council.night('2026-11-22')).steps['list']).toMatchObject({ listed: 1 });
});

it('switches a guard on again that somebody switched off, and leaves what others keep in this database as it is', async () => {
  await council.db.raw('alter table holds disable trigger holds_are_guarded');
  await council.db.raw(`create schema finance; create table finance.ledger (id int);
    create function finance.check_entry() returns trigger language plpgsql as 'begin return new; end';
    create trigger theirs before insert on finance.ledger for each row execute function finance.check_entry();
    alter table finance.ledger disable trigger theirs`);
  await council.done('migrate', { DATABASE_OWNER_URL: council.ownerUrl });
  const hold = ['hold', 'add', '--kind', 'police', '--scope', 'everything', '--authority', 'DI', '--review-on', '2030-01-01'];
  await council.retention(hold, { asOf: '2026-11-22', as: 'm.jones' });
  await expect(council.db('holds').delete()).rejects.toThrow('cannot be deleted');
  const theirs = await council.db.raw<{ rows: object[] }>("select tgenabled as state from pg_trigger where tgname = 'theirs'");
  expect(theirs.rows).toEqual([{ state: 'D' }]);
});
