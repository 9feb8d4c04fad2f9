/** People of the system: adding them, and finding out who acts, by name in a rehearsal and by token on a live database. */
import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { sha256 } from '../rules/digest.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { foldedUserName, LONGEST_USER_NAME, readUserName } from '../rules/userNames.ts';
import type { Role } from '../rules/workflow.ts';
import { requireStillActs } from './acting.ts';
import { recordEvent } from './audit.ts';
import { endSessionsOf } from './sessions.ts';
import { recordingFailures } from './signInFailures.ts';

const CODE_DAYS = 7;
/** Days that a personal token is good for. */
export const TOKEN_DAYS = 90;
/** Tokens that a person may have at once. */
export const MOST_TOKENS = 5;
/** Days for which the roles count that a provider of OpenID Connect named at somebody's last sign-in. */
const VOUCHED_DAYS = 30;

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
 * Whom a token belongs to, and that it was used. Throws a Refusal for one that is unknown, expired or taken back, or whose roles a
 * provider said too long ago; that leaves an event of the audit.
 */
export async function personOfToken(db: Knex, token: string): Promise<Person> {
  return recordingFailures(db, { by: 'token', address: null }, async () => {
    const user = await secretsInForce(db, 'token', token)
      .join('users', 'users.name', 'user_secrets.user_name')
      .leftJoin('accounts', 'accounts.user_name', 'users.name')
      .first<(Person & { stale: boolean }) | undefined>(
        'users.name',
        'users.roles',
        db.raw('oidc_subject is not null and coalesce(signed_in_at < now() - make_interval(days => ?), true) as stale', [VOUCHED_DAYS]),
      );
    if (user && !user.stale) {
      const { name, roles } = user;
      await secretsInForce(db, 'token', token).update({ used_at: db.fn.now(), used_from: db.raw('host(inet_client_addr())') });
      return { name, roles };
    }
    if (user)
      throw new Refusal(
        'vouched_too_long_ago',
        `Your organisation says which roles you have, and last said so more than ${VOUCHED_DAYS} days ago. Sign in on the site once, then run this again.`,
        { user: user.name },
      );
    const once = await ownerOfSecret(db, 'token', token);
    throw new Refusal(
      'token_unknown',
      'This token is unknown, has expired or was taken back. Ask an admin to add you again ("retention users add"), then enrol with the new code. The only admin: see "retention help users recover".',
      once === undefined ? {} : { user: once },
    );
  });
}

/** A person with a one-time code, which is nowhere else. */
export interface Invited {
  name: string;
  roles: readonly Role[];
  code: string;
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
  return { name, roles, code: await newCode(trx, name, CODE_DAYS) };
}

/** Ends a person's tokens and sessions, on whatever machine. Returns how many sessions there were. */
export async function endAccess(trx: Knex.Transaction, name: string): Promise<number> {
  await endSecrets(trx, name, 'token');
  return endSessionsOf(trx, name);
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

/**
 * A new one-time code in place of an earlier one. Returns it; it is nowhere else. Tokens end when it is used, not before: who gives
 * themselves a code and loses it still has a way in.
 */
export async function newCode(trx: Knex.Transaction, name: string, days: number): Promise<string> {
  await endSecrets(trx, name, 'code');
  return issueSecret(trx, name, 'code', days);
}

/** Ends a person's codes, or their tokens, or both. */
export async function endSecrets(trx: Knex.Transaction, name: string, kind?: 'code' | 'token'): Promise<void> {
  await trx('user_secrets')
    .where({ user_name: name, ...(kind === undefined ? {} : { kind }) })
    .whereNull('ended_at')
    .update({ ended_at: trx.fn.now() });
}

/** Whose code it is; it is used up by that, and every token they had ends. Throws a Refusal for one that is of no use. */
export async function useCode(trx: Knex.Transaction, code: string): Promise<string> {
  const secret = await secretsInForce(trx, 'code', code).forUpdate().first<{ user_name: string } | undefined>('user_name');
  if (secret) {
    await endSecrets(trx, secret.user_name, 'code');
    await endSecrets(trx, secret.user_name, 'token');
    return secret.user_name;
  }
  const once = await ownerOfSecret(trx, 'code', code);
  throw new Refusal(
    'code_unknown',
    `This code is unknown, was used already or is older than ${CODE_DAYS} days. Ask an admin for a new one ("retention users add").`,
    once === undefined ? {} : { user: once },
  );
}

/** Whose code or token it is or was. */
async function ownerOfSecret(db: Knex, kind: 'code' | 'token', secret: string): Promise<string | undefined> {
  const row = await db('user_secrets')
    .where({ kind, hash: sha256(secret) })
    .first<{ user_name: string } | undefined>('user_name');
  return row?.user_name;
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

/** Exchanges a one-time code for a personal token, which is nowhere else. Returns its days too. */
export async function enrol(trx: Knex.Transaction, code: string): Promise<{ name: string; token: string; days: number }> {
  const name = await useCode(trx, code);
  await recordEvent(trx, name, 'user.enrolled', { user: name });
  return { name, token: await issueToken(trx, name), days: TOKEN_DAYS };
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

/** Codes or tokens that are neither used up, taken back nor outlived, and are this one where `secret` is given. */
export function secretsInForce(db: Knex, kind: 'code' | 'token', secret?: string): Knex.QueryBuilder {
  return db('user_secrets')
    .where({ 'user_secrets.kind': kind, ...(secret === undefined ? {} : { hash: sha256(secret) }) })
    .whereNull('ended_at')
    .where('expires_at', '>', db.fn.now());
}

/** A new token for the command line. Returns the secret, which is nowhere else. Throws a Refusal where the person has as many as may be. */
export async function issueToken(trx: Knex.Transaction, name: string): Promise<string> {
  // Of two made at once the second must see the first.
  await trx('users').where({ name }).forNoKeyUpdate().first('name');
  const inForce = await secretsInForce(trx, 'token').where({ user_name: name }).select<object[]>('id');
  if (inForce.length >= MOST_TOKENS)
    throw new Refusal('too_many_tokens', `You have ${MOST_TOKENS} tokens, and nobody has more. Take one back first.`);
  return issueSecret(trx, name, 'token', TOKEN_DAYS);
}

/** A new code or token of a person. Returns the secret, which is nowhere else. */
export async function issueSecret(trx: Knex.Transaction, name: string, kind: 'code' | 'token', days: number): Promise<string> {
  // 256 random bits cannot be guessed, so a plain digest keeps them as safe as a slow one would.
  // None begins with a dash, which the command line would take for an option.
  const secret = randomBytes(32).toString('base64url').replace(/^-/, '_');
  await trx('user_secrets').insert({ user_name: name, kind, hash: sha256(secret), expires_at: trx.raw(`now() + interval '${days} days'`) });
  return secret;
}
