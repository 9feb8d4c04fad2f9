/** What server, database and role say changes nothing: every connection sets what the product relies on, and the doctor names it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Knex } from 'knex';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect } from '../db/connect.ts';
import type { Finding } from '../jobs/doctor/findings.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { forgetConnections } from './setup/keptConnections.ts';

const SIGNED_ON = '2026-11-22';
const ARCHIVED_ON = '2026-11-30';

/** Each alone would break a night, a digest, a date or a lock. */
const WORST = {
  datestyle: "'SQL, DMY'",
  intervalstyle: "'sql_standard'",
  timezone: "'Pacific/Kiritimati'",
  extra_float_digits: '-15',
  bytea_output: "'escape'",
  client_encoding: "'LATIN1'",
  standard_conforming_strings: 'off',
  transform_null_equals: 'on',
  array_nulls: 'off',
  quote_all_identifiers: 'on',
  default_transaction_isolation: "'serializable'",
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  statement_timeout: '100',
  lock_timeout: '1',
  idle_in_transaction_session_timeout: "'1s'",
  idle_session_timeout: "'1s'",
  synchronous_commit: 'off',
  search_path: "''",
};
/** The same kinds, set otherwise. */
const WORST_TOO = {
  ...WORST,
  datestyle: "'German'",
  timezone: "'America/Adak'",
  intervalstyle: "'iso_8601'",
  default_transaction_isolation: "'repeatable read'",
  synchronous_commit: 'local',
  search_path: 'shadow, public',
};

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1').child('CF-2');
  await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
});

afterEach(() => council.close());

it.each([
  ['the database', WORST],
  ['the role', WORST_TOO],
] as const)('a night with archiving is the same whatever %s sets', async (who, settings) => {
  // Tables of the same names in front of ours, with nothing in them: a hold would be looked for there.
  await council.db.raw('create schema shadow; create table shadow.holds (like public.holds); grant all on schema shadow to public');
  await setAll(council.db, who, settings);

  await council.night(SIGNED_ON);
  await council.approveAndSign(1, SIGNED_ON);
  const hold = ['--kind', 'police', '--scope', 'file:CF-2', '--authority', 'DI', '--review-on', '2027-01-01'];
  await council.done(['hold', 'add', ...hold], { asOf: SIGNED_ON, as: 'm.jones' });
  const night = await council.night(ARCHIVED_ON);

  expect(night).toMatchObject({ stopped: [], steps: { archive: { archived: 1, failed: 0 } } });
  expect(await council.bags()).toEqual(['CF-1.zip']);
  const determinations = path.join(council.folder, 'determinations.csv');
  await council.done(['determinations', '--out', determinations], { asOf: ARCHIVED_ON });
  expect(await readFile(determinations, 'utf8')).toContain('CF-2,expires,child-in-need,2000-01-02,2025-01-02,');
  const doctor = (await council.retention('doctor --json', { asOf: ARCHIVED_ON })).json<Finding[]>();
  expect(doctor.filter(({ level }) => level === 'fault')).toEqual([]);
  const said = doctor.find(({ check }) => check === 'connection')?.says ?? '';
  const by = who === 'the role' ? 'the role has' : 'the database has';
  // What the driver asks for at the start of a connection no setting reaches.
  for (const name of Object.keys(settings).filter((name) => name !== 'client_encoding'))
    expect(said.toLowerCase()).toContain(`${name} (${by}`);
});

it('a connection is refused in words where guards would not be asked and the role cannot change that', async () => {
  await setAll(council.db, 'the role', { session_replication_role: 'replica' });
  // A process of its own, for a connection left open would keep it from ending.
  const refused = await council.spawn(['compute']).exit;
  expect([refused.exitCode, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/session_replication_role is replica\. Nothing was done, .*alter role … reset session_replication_role/),
  ]);
  const doctor = (await council.retention('doctor --json')).json<Finding[]>();
  expect(doctor.at(-1)).toMatchObject({
    check: 'database',
    level: 'fault',
    says: expect.stringContaining('session_replication_role') as string,
  });
  // The owner of the tests' server is a superuser, and may.
  await setAll(council.db, 'the database', { session_replication_role: 'replica' });
  const owner = await connect({ databaseUrl: council.ownerUrl, ownerUrl: null, home: '' });
  const shown = await owner.db.raw<{ rows: { session_replication_role: string }[] }>('show session_replication_role');
  await owner.close();
  expect(shown.rows).toEqual([{ session_replication_role: 'origin' }]);
});

it('a policy that would hide rows from us is an error, and no smaller register', async () => {
  await council.db.raw('alter table holds enable row level security; create policy none_of_them on holds using (false)');
  const { exitCode, stderr } = await council.retention('hold list');
  expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/row-level security policy for table "holds"/)]);
});

it('a file is archived by no connection that could miss a hold it waited for', async () => {
  await council.night(SIGNED_ON);
  await council.approveAndSign(1, SIGNED_ON);
  const archive = (isolationLevel: Knex.IsolationLevels) =>
    council.db.transaction(
      (trx) =>
        trx('disposal_list_items').where({ file_ref: 'CF-1' }).update({ status: 'archived', status_on: ARCHIVED_ON, binding: false }),
      { isolationLevel },
    );
  await expect(archive('repeatable read')).rejects.toThrow('at isolation "read committed" alone');
  await expect(archive('serializable')).rejects.toThrow('at isolation "read committed" alone');
});

async function setAll(db: Knex, who: 'the database' | 'the role', settings: Record<string, string>): Promise<void> {
  const { rows } = await db.raw<{ rows: { database: string }[] }>('select current_database() as database');
  const database = rows[0]?.database ?? '';
  const service = new URL(council.env['DATABASE_URL'] ?? '').username;
  const place = who === 'the role' ? `role ${service} in database ${database}` : `database ${database}`;
  for (const [name, value] of Object.entries(settings)) await db.raw(`alter ${place} set ${name} = ${value}`);
  await forgetConnections();
}
