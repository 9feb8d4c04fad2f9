/** Who loses an account or a role while they act has done nothing; and of admins who remove each other at once, one stays. */
import type { Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeAccount } from '../db/people.ts';
import { actAs } from '../db/acting.ts';
import { addUser } from '../db/users.ts';
import type { Person } from '../rules/people.ts';
import { type Contender, freeze } from './setup/frozen.ts';
import { liveCouncil, liveNight, type LiveCouncil } from './setup/liveCouncil.ts';

const LEE: Person = { name: 's.lee', roles: ['admin'] };
const PATEL: Person = { name: 'n.patel', roles: ['admin'] };
const ENDED = /your account was closed, or your roles were changed, while this was being done/i;

let live: LiveCouncil;

beforeEach(async () => {
  live = await liveCouncil();
});

afterEach(() => live.council.close());

/** Starts a command that waits for what `statement` locks; ends the person's right meanwhile; lets it go. Returns how it ended. */
async function meanwhile(
  statement: string,
  argv: string[],
  who: Record<string, string>,
  end: () => Promise<unknown>,
): Promise<{ exitCode: number | null; stderr: string }> {
  const frozen = await freeze(live.council, statement);
  const exit = live.council.retention(argv, who);
  const contender: { exit: typeof exit; ended: Contender['ended'] } = { exit, ended: null };
  void exit.then((ended) => (contender.ended = ended));
  try {
    await frozen.reached([contender]);
    expect(contender.ended, 'it waits').toBeNull();
    await end();
  } finally {
    await frozen.letGo();
  }
  return exit;
}

const closing = (name: string) => () => actAs(live.council.db, LEE, (trx) => closeAccount(trx, name, LEE));
const otherRole = (name: string) => () => actAs(live.council.db, LEE, (trx) => addUser(trx, name, ['auditor'], LEE));

describe('somebody whose account ends while they act', () => {
  it('has signed nothing, decided nothing, released nothing', async () => {
    const { council, jones, khan } = live;
    council.register.child('CF-1').child('CF-2', { categories: 'adopters', adoption_order_on: '' });
    await liveNight(council);
    const items = 'select from disposal_list_items for update';
    await council.done('decide 1 --approve --all --acknowledge-cautions', jones);
    const { digest } = await council.show(1);
    const signing = await meanwhile(items, ['sign-off', '1', '--digest', digest], khan, closing('a.khan'));
    expect([signing.exitCode, signing.stderr]).toEqual([1, expect.stringMatching(ENDED)]);
    expect((await council.show(1)).signed_by).toBeNull();

    const hold = ['--kind', 'police', '--scope', 'file:CF-1', '--authority', 'x', '--review-on', '2027-06-01'];
    await council.done(['hold', 'add', ...hold], jones);
    const asking = await meanwhile(
      'select from holds for update',
      ['hold', 'release', '1', '--reason', 'over'],
      jones,
      otherRole('m.jones'),
    );
    expect([asking.exitCode, asking.stderr]).toEqual([1, expect.stringMatching(ENDED)]);
    expect(await council.db('holds').whereNotNull('release_asked_by')).toEqual([]);
    const refused = await council.db('audit_events').where({ event: 'refused' }).orderBy('seq').select('actor', 'details');
    expect(refused.map(({ actor, details }: { actor: string; details: string }) => [actor, JSON.parse(details) as object])).toEqual([
      ['a.khan', { what: 'sign_off', why: 'account_ended' }],
      ['m.jones', { what: 'release_hold', why: 'account_ended' }],
    ]);
  });
});

describe('admins', () => {
  it('who close each other at once, or take the role from each other, leave one', async () => {
    const { council } = live;
    await actAs(council.db, LEE, (trx) => addUser(trx, 'n.patel', ['admin'], LEE));
    const left = async () =>
      council
        .db('users')
        .leftJoin('accounts', 'user_name', 'name')
        .whereRaw("'admin' = any(roles)")
        .whereNull('closed_at')
        .pluck<string[]>('name');
    const toAuditor = (trx: Knex.Transaction) => addUser(trx, 'n.patel', ['auditor'], LEE);
    const toNothing = (trx: Knex.Transaction) => closeAccount(trx, 'n.patel', LEE);
    for (const how of [toNothing, toAuditor]) {
      const done = await Promise.allSettled([
        actAs<unknown>(council.db, LEE, how),
        actAs(council.db, PATEL, (trx) => closeAccount(trx, 's.lee', PATEL)),
      ]);
      expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const [admin = ''] = await left();
      expect(await left()).toHaveLength(1);
      for (const name of ['s.lee', 'n.patel'])
        await actAs(council.db, { name: admin, roles: ['admin'] }, (trx) =>
          addUser(trx, name, ['admin'], { name: admin, roles: ['admin'] }, { reopen: true }),
        );
    }
  });

  it('are made without a token once in the life of a database: afterwards by whoever owns it', async () => {
    const { council } = live;
    // As an earlier release could leave it: nobody is an admin any more.
    await council
      .db('users')
      .where({ name: 's.lee' })
      .update({ roles: ['auditor'] });
    const again = await council.retention('users add e.vil --role admin');
    expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining('retention users recover')]);
    await expect(council.db.transaction((trx) => addUser(trx, 'e.vil', ['admin'], 'nobody_yet'))).rejects.toThrow(
      'There was an admin before',
    );
    expect(await council.db('users').where({ name: 'e.vil' })).toEqual([]);

    await council.done('users recover s.lee', { DATABASE_OWNER_URL: council.ownerUrl });
    expect(await council.db('users').where({ name: 's.lee' }).pluck('roles')).toEqual([['admin']]);
  });
});
