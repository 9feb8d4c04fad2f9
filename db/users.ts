/** People of the system by their names: finding and adding them, and whether somebody manages them. */
import type { Knex } from 'knex';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { foldedUserName, LONGEST_USER_NAME, readUserName } from '../rules/userNames.ts';
import type { Role } from '../rules/workflow.ts';
import { requireStillActs } from './acting.ts';
import { recordEvent } from './audit.ts';
import { CODE_DAYS, newCode, resetTakesTwo, type Invited } from './codes.ts';
import { endAccess } from './secrets.ts';

/** The person of that name, or of one like it. In a rehearsal an unknown name is taken at its word and may do anything. */
export async function findPerson(db: Knex, typed: string): Promise<Person> {
  return (await userNamed(db, typed)) ?? { name: readUserName(typed), roles: null };
}

/** Who was added under that very name, else under one that nobody could tell from it. */
export async function userNamed(db: Knex, typed: string): Promise<{ name: string; roles: Role[] } | undefined> {
  const folded = typed.length > LONGEST_USER_NAME ? '' : foldedUserName(typed);
  return db('users')
    .where({ name: typed })
    .orWhere({ folded, alike: false })
    .orderByRaw('name = :typed desc', { typed })
    .first<{ name: string; roles: Role[] } | undefined>('name', 'roles');
}

/** Held until the transaction ends: of two changes at once to who there is, the second must see the first. */
export async function lockPeople(trx: Knex.Transaction): Promise<void> {
  await trx.raw("select pg_advisory_xact_lock(hashtext('people'))");
}

/**
 * Adds a person, or gives one other roles, and a new code. Returns the one-time code, which is nowhere else. On a live database it
 * takes an admin, except for the first person, who must be one. Whoever loses a role by it loses their sessions and tokens too.
 */
export async function addUser(
  trx: Knex.Transaction,
  typed: string,
  roles: readonly Role[],
  actor: Person | 'nobody_yet',
  { reopen = false } = {},
): Promise<Invited> {
  await lockPeople(trx);
  await requireMayAdd(trx, roles, actor);
  const name = await nameToAdd(trx, typed);
  const by = actor === 'nobody_yet' ? 'service' : actor.name;
  const before = await personBefore(trx, name);
  if (before?.closed_at) await openAgain(trx, name, by, reopen);
  await trx('users').insert({ name, roles, added_by: by }).onConflict('name').merge(['roles']);
  if (actor !== 'nobody_yet' && actor.roles !== null && !(await hasAdmin(trx)))
    throw new Refusal('last_admin', `${name} is the only admin, and somebody must manage people. Make another person an admin first.`);
  if (before?.roles.some((role) => !roles.includes(role))) await endAccess(trx, name);
  await recordEvent(trx, by, 'user.added', { user: name, roles });
  const takesTwo = actor !== 'nobody_yet' && actor.roles !== null && (await resetTakesTwo(trx, name, by));
  return { name, roles, code: await newCode(trx, { name, days: CODE_DAYS, by, takesTwo }), takes_two: takesTwo };
}

async function requireMayAdd(trx: Knex.Transaction, roles: readonly Role[], actor: Person | 'nobody_yet'): Promise<void> {
  if (roles.includes('admin') && roles.length > 1)
    throw new Refusal(
      'admin_excludes',
      'An admin manages people and sees no files, so the role admin goes with no other. Add a second user for the other roles.',
    );
  if (actor !== 'nobody_yet') {
    requirePermission(actor, 'manage_people');
    return requireStillActs(trx, actor);
  }
  if (!roles.includes('admin'))
    throw new Refusal('admin_first', 'The first person of a live database is an admin, who then adds the others: add --role admin.');
  if (await everHadAdmin(trx))
    throw new Refusal(
      'admin_before',
      'There was an admin before, so another is made by an admin, or let in by whoever owns the database: "retention help users recover".',
    );
}

async function personBefore(trx: Knex.Transaction, name: string): Promise<{ roles: Role[]; closed_at: Date | null } | undefined> {
  return trx('users')
    .leftJoin('accounts', 'accounts.user_name', 'users.name')
    .where({ name })
    .first<{ roles: Role[]; closed_at: Date | null } | undefined>('users.roles', 'accounts.closed_at');
}

/** The name is on record, and whoever acts under it again is taken for who acted before. */
async function openAgain(trx: Knex.Transaction, name: string, by: string, asked: boolean): Promise<void> {
  if (!asked)
    throw new Refusal(
      'account_closed',
      `The account ${name} was closed, and what ${name} did stays under that name. If this is the same person, say that it is to be opened again (--reopen); otherwise choose another user name.`,
      { user: name },
    );
  await trx('accounts').where({ user_name: name }).update({ closed_at: null });
  await recordEvent(trx, by, 'user.reopened', { user: name });
}

/** The name as it is kept: that of somebody who is there, or one that is like nobody's. */
async function nameToAdd(trx: Knex.Transaction, typed: string): Promise<string> {
  const known = await userNamed(trx, typed);
  // A keyboard may send letter and accent apart.
  if (known && [typed, typed.normalize('NFC')].includes(known.name)) return known.name;
  const name = readUserName(typed);
  if (!known) return name;
  throw new Refusal(
    'name_taken',
    `There is ${known.name} already, and nobody could tell the two names apart. Choose another user name; to give ${known.name} other roles, write the name just so.`,
    { user: known.name },
  );
}

/** User names of open accounts from before names were compared: those that are like one another, and those that could not be given now. */
export interface DoubtfulNames {
  alike: string[][];
  unusable: string[];
}

/** Names that people should give up: nobody can tell from the audit who it was. */
export async function doubtfulNames(db: Knex): Promise<DoubtfulNames> {
  const open = 'from users left join accounts on user_name = name where closed_at is null';
  const alike = await db.raw<{ rows: { names: string[] }[] }>(
    `select array_agg(name order by added_at, name) as names ${open} group by folded having count(*) > 1 order by 1`,
  );
  const unusable = await db.raw<{ rows: { name: string }[] }>(`select name ${open} and not is_user_name(name) order by 1`);
  return { alike: alike.rows.map(({ names }) => names), unusable: unusable.rows.map(({ name }) => name) };
}

/** True while somebody is an admin whose account nobody closed. */
export async function hasAdmin(db: Knex): Promise<boolean> {
  const admin = await db('users')
    .leftJoin('accounts', 'accounts.user_name', 'users.name')
    .whereRaw("'admin' = any(users.roles)")
    .whereNull('accounts.closed_at')
    .first<object | undefined>('users.name');
  return admin !== undefined;
}

/** True once somebody was made an admin here, whatever became of them. */
export async function everHadAdmin(db: Knex): Promise<boolean> {
  const made = await db('audit_events')
    .whereIn('event', ['user.added', 'user.roles_changed'])
    .whereRaw(`cast(details as jsonb) @> '{"roles": ["admin"]}'`)
    .first<object | undefined>('seq');
  return made !== undefined;
}
