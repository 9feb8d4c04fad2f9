/** Who may manage people on a live database, and that somebody always can. */
import knexModule from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { knexConfig, shippedMigrations } from '../db/connect.ts';
import { closeAccount } from '../db/people.ts';
import { prepareAs } from '../db/prepare.ts';
import { issueSecret } from '../db/secrets.ts';
import { foldedUserName, readUserName } from '../rules/userNames.ts';
import { rehearsal, type Council } from './setup/commands.ts';
import { emptyDatabase } from './setup/database.ts';

let council: Council;

beforeEach(async () => {
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
});

afterEach(() => council.close());

it('an admin whose account is closed is none: the last one left keeps the role, until another is added', async () => {
  const admin = { RETENTION_TOKEN: await enrolled('users add s.lee --role admin') };
  await council.done('users add n.patel --role admin', admin);
  await council.db.transaction((trx) => closeAccount(trx, 'n.patel', { name: 's.lee', roles: ['admin'] }));
  const last = await council.retention('users add s.lee --role auditor', admin);
  expect([last.exitCode, last.stderr]).toEqual([1, expect.stringContaining('s.lee is the only admin, and somebody must manage people')]);

  const closed = await council.retention('users add n.patel --role admin', admin);
  expect([closed.exitCode, closed.stderr]).toEqual([1, expect.stringContaining('The account n.patel was closed')]);
  expect(await council.db('accounts').where({ user_name: 'n.patel', closed_at: null })).toEqual([]);
  await council.done('users add n.patel --role admin --reopen', admin);
  await council.done('users add s.lee --role auditor', admin);
});

it('somebody added again keeps what they have until the new code is used: a sole admin does not lock themselves out', async () => {
  const admin = { RETENTION_TOKEN: await enrolled('users add s.lee --role admin') };
  const { code } = (await council.done('users add s.lee --role admin --json', admin)).json<{ code: string }>();
  const { code: later } = (await council.done('users add s.lee --role admin --json', admin)).json<{ code: string }>();
  expect((await council.retention(['users', 'enrol', code])).exitCode).toBe(1);
  const { token } = (await council.done(['users', 'enrol', later, '--json'])).json<{ token: string }>();
  expect((await council.retention('users add m.jones --role auditor', admin)).stderr).toContain('This token is unknown');
  await council.done('users add m.jones --role auditor', { RETENTION_TOKEN: token });
});

describe('a user name', () => {
  it('is nobody else’s, in whatever letters, width or form it is written', async () => {
    const admin = { RETENTION_TOKEN: await enrolled('users add s.lee --role admin') };
    await council.done('users add m.jones --role records_manager', admin);
    await council.done('users add Zoë.Straße --role records_manager', admin);
    await council.done('users add ελένη --role records_manager', admin);
    const alike: [string, string][] = [
      ['M.Jones', 'There is m.jones already'],
      ['ｍ.jones', 'There is m.jones already'],
      ['m.jónes', 'There is m.jones already'],
      ['ZOE\u0308.STRASSE', 'There is Zoë.Straße already'],
      ['ΕΛΈΝΗ', 'There is ελένη already'],
      ['m.jonеs', 'mixes Latin and Cyrillic letters'],
      ['ѕоѕо', 'reads as "soso"'],
      ['νικο', 'reads as "viko"'],
      ['m.jo\u200bnes', 'neither spaces nor what cannot be seen'],
      ['m.jo\u00adnes', 'neither spaces nor what cannot be seen'],
      ['\u202em.jones', 'neither spaces nor what cannot be seen'],
      ['m.jones ', 'neither spaces nor what cannot be seen'],
      ['m\u0332.jones', 'neither spaces nor what cannot be seen'],
      ['m.ǀee', 'easily taken for another'],
      ['m.jones١', 'neither spaces nor what cannot be seen'],
      ['Service', 'The night itself acts under the name "service"'],
      ['ѕеrvісе', 'The night itself acts under the name "service"'],
      ['serv1ce', 'The night itself acts under the name "service"'],
      ['ｓｅｒｖｉｃｅ', 'The night itself acts under the name "service"'],
      ['s3rv1c3', 'The night itself acts under the name "service"'],
      ['service.', 'The night itself acts under the name "service"'],
      ['.serv-ice_', 'The night itself acts under the name "service"'],
      ['OpenID_Connect', 'the product itself'],
      ['rehearsal', 'the product itself'],
    ];
    for (const [name, words] of alike) {
      const refused = await council.retention(['users', 'add', name, '--role', 'authoriser'], admin);
      expect([name, refused.exitCode, refused.stderr]).toEqual([name, 1, expect.stringContaining(words)]);
    }
    expect(await council.db('users').orderBy('added_at').pluck('name')).toEqual(['s.lee', 'm.jones', 'Zoë.Straße', 'ελένη']);
    await council.done('users add MJONES --role auditor', admin);
    await council.done(['users', 'add', 'Zoe\u0308.Straße', '--role', 'auditor'], admin);
  });

  it('is compared by the database itself, which takes none that is like another, nor one from before', async () => {
    await council.done('users add s.lee --role admin');
    const service = knexModule.knex(knexConfig(council.env['DATABASE_URL'] ?? ''));
    const insert = (row: object) => service('users').insert({ roles: ['auditor'], added_by: 's.lee', ...row });
    try {
      await expect(insert({ name: 'S.LEE' })).rejects.toThrow('users_unlike');
      await expect(insert({ name: 'ѕ.lee' })).rejects.toThrow('users_name_check');
      for (const name of ['service', 's3rvice', '_service', 'openid-connect'])
        await expect(insert({ name })).rejects.toThrow('users_name_check');
      await expect(insert({ name: 'S.LEE', alike: true })).rejects.toThrow('no person is added under a name that is like another');
      await expect(service('users').update({ alike: true })).rejects.toThrow('no person is added under a name that is like another');
      await expect(service('users').update({ name: 'n.obody' })).rejects.toThrow('the user name s.lee never changes');
    } finally {
      await service.destroy();
    }
  });

  it('is folded by the database as by the rules, letter by letter', async () => {
    // Blocks to which Unicode adds nothing any more: PostgreSQL and Node may know different versions of it.
    const letters = Array.from({ length: 0x10000 }, (_, code) => code)
      .filter((code) => code > 0x1f && (code < 0x2c00 || code > 0xff00))
      .map((code) => String.fromCharCode(code))
      .filter((letter) => /[\p{L}\p{N}\p{P}]/u.test(letter));
    const { rows } = await council.db.raw<{ rows: { letter: string; folded: string; stands: boolean }[] }>(
      'select letter, folded_user_name(letter) as folded, is_user_name(letter) as stands from unnest(cast(:letters as text[])) letter',
      { letters },
    );
    const stands = (letter: string) => {
      try {
        return readUserName(letter) === letter;
      } catch {
        return false;
      }
    };
    expect(rows).toHaveLength(letters.length);
    expect(rows.filter(({ letter, folded }) => folded !== foldedUserName(letter)).map(({ letter }) => letter)).toEqual([]);
    expect(rows.filter((row) => row.stands !== stands(row.letter)).map(({ letter }) => letter)).toEqual([]);
  });
});

it('in a rehearsal M.Jones is m.jones, whether or not anybody was added: two persons are asked for', async () => {
  const rehearsed = await rehearsal();
  try {
    for (const ref of ['CF-1', 'CF-2']) rehearsed.register.child(ref);
    await rehearsed.night('2026-11-22');
    await rehearsed.done('decide 1 --approve --all --acknowledge-cautions', { as: 'm.jones' });
    const { digest } = await rehearsed.show(1);
    await rehearsed.refused(`sign-off 1 --digest ${digest}`, { as: 'M.Jones' }, 'own_decision', /M\.Jones cannot sign list 1/);
    await expect(
      rehearsed
        .db('disposal_lists')
        .update({ state: 'cooling_off', signed_by: 'Ｍ.Jones', signed_on: '2026-11-22', signed_digest: digest, cooling_off_days: 7 }),
    ).rejects.toThrow('nobody signs a list of which they decided an item');
    await rehearsed.done(['hold', 'add', '--kind', 'police', '--scope', 'file:CF-1', '--authority', 'x', '--review-on', '2027-01-01'], {
      as: 'm.jones',
    });
    await rehearsed.done('hold release 1 --reason over', { as: 'm.jones' });
    await rehearsed.refused('hold release 1 --confirm', { as: 'M.JÓNES' }, 'own_request', /another person must confirm/);
    await expect(rehearsed.db('holds').update({ released_by: 'M.JONES', released_on: '2026-11-22' })).rejects.toThrow(
      'release_takes_two_people',
    );
    for (const nobody of ['service', 'm.jonеs', ' m.jones'])
      expect((await rehearsed.retention('hold release 1 --confirm', { as: nobody })).exitCode).toBe(1);
    await rehearsed.done('users add a.khan --role auditor');
    expect((await rehearsed.retention('hold release 1 --confirm', { as: 'A.Khan' })).stderr).toContain('a.khan may not do this');
  } finally {
    await rehearsed.close();
  }
});

it('a database from before names were compared keeps those it has, and the doctor names them', async () => {
  const old = await emptyDatabase();
  try {
    const before = shippedMigrations().filter((name) => name < '23');
    for (const name of before) await old.db.migrate.up({ name });
    for (const name of ['s.lee', 'm.jones', 'M.Jones', 'mjones', 'n.оbody', 'service'])
      await old.db('users').insert({ name, roles: ['admin'], added_by: 'service', added_at: old.db.raw('clock_timestamp()') });
    await prepareAs(old.db, new URL(old.url).username);
    expect(await old.db('users').where({ alike: true }).orderBy('added_at').pluck('name')).toEqual(['M.Jones', 'n.оbody', 'service']);
    const doctor = await council.retention('doctor', { DATABASE_URL: old.url });
    expect(doctor.stdout).not.toContain('user names');
    await council.retention('lists', { DATABASE_URL: old.url });
    const { stdout } = await council.retention('doctor', { DATABASE_URL: old.url });
    expect(stdout).toContain('Nobody can tell these user names apart: m.jones and M.Jones.');
    expect(stdout).toContain('These user names could be taken for others: n.оbody, service.');
  } finally {
    await old.close();
  }
});

it('a code never begins with a dash, which the command line would take for an option', async () => {
  await council.done('users add s.lee --role admin');
  const codes = await council.db.transaction(async (trx) => {
    const issued: string[] = [];
    while (issued.length < 1_000) issued.push(await issueSecret(trx, 's.lee', 'code', 1));
    return issued;
  });
  expect(codes.filter((code) => code.startsWith('-'))).toEqual([]);
});

async function enrolled(add: string): Promise<string> {
  const { code } = (await council.done(`${add} --json`)).json<{ code: string }>();
  return (await council.done(['users', 'enrol', code, '--json'])).json<{ token: string }>().token;
}
