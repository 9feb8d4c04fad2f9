/** Listing and archiving begin with a look at the guards: with one of them gone nothing is listed, and nothing archived by anybody. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NightResult } from '../jobs/night.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { forgetConnections } from './setup/keptConnections.ts';

const LISTED = '2026-11-22';
const ARCHIVED = '2026-11-30';
let council: Council;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1').child('PA-1', { medium: 'both' });
  await council.night(LISTED);
  await council.approveAndSign(1, LISTED);
});

afterEach(() => council.close());

it.each([
  ['a trigger switched off', 'alter table holds disable trigger all', 'trigger holds'],
  ['a trigger dropped', 'drop trigger disposal_lists_are_guarded on disposal_lists', 'trigger disposal_lists.disposal_lists_are_guarded'],
  ['a constraint dropped', 'alter table bags drop constraint bags_state_check', 'constraint bags.bags_state_check'],
  [
    'a constraint made anew and not validated',
    'alter table holds drop constraint holds_scope_check; alter table holds add constraint holds_scope_check check (scope is not null) not valid',
    'constraint holds.holds_scope_check',
  ],
  ['a unique index dropped', 'drop index a_file_is_archived_once', 'index a_file_is_archived_once'],
  [
    'a guard that asks nothing',
    "create or replace function require_no_brake() returns void language sql as 'select'",
    'function require_no_brake',
  ],
])('%s stops the night before list and archive, by a brake that says which', async (_what, statement, named) => {
  await council.db.raw(statement);
  const night = await nightThen();
  expect(night).toMatchObject({ exitCode: 3, stopped: [expect.stringMatching(`The brake "guards" is on .off: .*${named}`)] });
  expect(await council.bags()).toEqual([]);
  expect((await council.retention('doctor')).stdout).toMatch(/fault +guards: /);
});

it('goes on again after its release while anything is off; put right by "migrate" and released, the night archives', async () => {
  await council.db.raw('alter table disposal_list_items disable trigger user');
  expect(await nightThen()).toMatchObject({ exitCode: 3 });
  const release = ['brake', 'release', 'guards', '--reason', 'looked into'];
  await council.done(release, { asOf: ARCHIVED, as: 'h.grant' });
  expect(await nightThen()).toMatchObject({ exitCode: 3, stopped: [expect.stringContaining('"guards"')] });
  const step = (await council.retention('archive --json', { asOf: ARCHIVED })).json<NightResult>();
  expect([step.steps, step.stopped]).toEqual([{}, [expect.stringContaining('"guards"')]]);

  await council.done('migrate', { DATABASE_OWNER_URL: council.ownerUrl });
  await council.done(release, { asOf: ARCHIVED, as: 'h.grant' });
  expect(await nightThen()).toMatchObject({ exitCode: 0, stopped: [] });
  expect(await council.bags()).toContain('CF-1.zip');

  await council.db.raw('alter table documents disable trigger user');
  await council.refused(
    ['paper', 'done', 'PA-1', '--moved-to', 'store 4'],
    { as: 'm.jones', asOf: ARCHIVED },
    'brake_on',
    /"guards" is on/,
  );
});

it('a role whose sessions fire no trigger is noticed, and "migrate" hides no constraint that is gone', async () => {
  const role = new URL(council.env['DATABASE_URL'] ?? '').username;
  const database = new URL(council.ownerUrl).pathname.slice(1);
  await council.db.raw(`alter role ${role} in database ${database} set session_replication_role = replica`);
  await forgetConnections();
  for (const command of [['nightly', '--import', council.extract], ['list'], ['archive']]) {
    const { exitCode, stderr } = await council.retention(command, { asOf: ARCHIVED });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('session_replication_role is replica. Nothing was done')]);
  }
  expect(await council.bags()).toEqual([]);
  await council.db.raw(`alter role ${role} in database ${database} reset session_replication_role`);
  await forgetConnections();
  await council.db.raw('alter table brakes drop constraint brakes_name_check');
  await council.done('migrate', { DATABASE_OWNER_URL: council.ownerUrl });
  expect((await council.retention('doctor')).stdout).toMatch(/fault +guards: .*constraint brakes\.brakes_name_check/);
});

async function nightThen(): Promise<{ exitCode: number; stopped: string[] }> {
  const ended = await council.retention(['nightly', '--import', council.extract, '--json'], { asOf: ARCHIVED });
  return { exitCode: ended.exitCode, stopped: ended.json<NightResult>().stopped };
}
