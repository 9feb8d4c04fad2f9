/** Who may manage people on a live database, and that somebody always can. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { closeAccount } from '../db/people.ts';
import { issueSecret } from '../db/users.ts';
import { rehearsal, type Council } from './setup/commands.ts';

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

  await council.done('users add n.patel --role admin', admin);
  await council.done('users add s.lee --role auditor', admin);
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
