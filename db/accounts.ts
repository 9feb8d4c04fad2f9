/** Signing in to the site: passwords and lock-out, the code that is exchanged for a password, identities of OpenID Connect. */
import { hash, verify } from '@node-rs/argon2';
import type { Knex } from 'knex';
import { sha256 } from '../rules/digest.ts';
import { Refusal } from '../rules/refusal.ts';
import { readUserName } from '../rules/userNames.ts';
import { ROLES, type Role } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { endSessionsOf } from './sessions.ts';
import { endSecrets, lockPeople, useCode, userNamed } from './users.ts';

/** Wrong passwords in a row after which an account is locked. */
export const ATTEMPTS_BEFORE_LOCK = 5;

/** Minutes that it then stays locked. */
export const LOCKED_MINUTES = 15;

/** Fewest characters of a password. */
export const LEAST_PASSWORD = 12;

const MOST_PASSWORD = 200;

/** Argon2id, which is what the package takes when nothing is said: 19 MiB and two passes. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** A hash of nobody's password: asked where there is no account, so that an answer takes as long as where there is one. */
const NOBODYS = '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRvZm5vYm9keQ$8iDkYjL8IgQpBB6hAQ0qTz5nUpBJU3TFtvfpH1RmlRY';

/** Whose name and password these are. Throws a Refusal in the same words whatever is wrong, lest it tells who has an account. */
export async function signInByPassword(db: Knex, typed: string, password: string): Promise<string> {
  const known = (await userNamed(db, typed))?.name;
  const name = known ?? typed;
  if (!(await isPasswordOf(db, name, password)))
    throw new Refusal(
      'sign_in_failed',
      `The user name or the password is wrong, or the account is locked. It locks for ${LOCKED_MINUTES} minutes after ${ATTEMPTS_BEFORE_LOCK} wrong passwords in a row.`,
      known === undefined ? {} : { user: known },
    );
  await recordEvent(db, name, 'user.signed_in', { user: name, by: 'password' });
  return name;
}

/**
 * True when it is that person's password, and the account is neither closed nor locked. The attempt is counted before the password
 * is looked at, so that many at once are no more than the same one after another.
 */
export async function isPasswordOf(db: Knex, name: string, password: string): Promise<boolean> {
  const attempt = await countAttempt(db, name);
  const right = await verify(attempt?.password_hash ?? NOBODYS, password.slice(0, MOST_PASSWORD));
  if (attempt && right && attempt.failed_attempts <= ATTEMPTS_BEFORE_LOCK) {
    await db('accounts').where({ user_name: name }).update({ failed_attempts: 0 });
    return true;
  }
  if (attempt && attempt.failed_attempts >= ATTEMPTS_BEFORE_LOCK) await lock(db, name);
  return false;
}

/**
 * Exchanges a one-time code for a password of the person's own, and ends every session they had. Returns whose it is. Throws a
 * Refusal for a code that is of no use, or a password that is too weak.
 */
export async function choosePassword(trx: Knex.Transaction, code: string, password: string): Promise<string> {
  const name = await useCode(trx, code);
  await setPassword(trx, name, password);
  return name;
}

/** Gives a person that password, and ends every session they had. Throws a Refusal for one that is too weak. */
export async function setPassword(trx: Knex.Transaction, name: string, password: string): Promise<void> {
  requireStrong(password, name);
  const chosen = {
    password_hash: await hash(password, COST),
    password_set_at: trx.fn.now(),
    failed_attempts: 0,
    locked_until: null,
    closed_at: null,
  };
  await trx('accounts')
    .insert({ user_name: name, ...chosen })
    .onConflict('user_name')
    .merge(Object.keys(chosen));
  await endSessionsOf(trx, name);
  await recordEvent(trx, name, 'user.password_chosen', { user: name });
}

/** True when the person signs in by a password of their own. */
export async function hasPassword(db: Knex, name: string): Promise<boolean> {
  const account = await db('accounts').where({ user_name: name }).whereNotNull('password_hash').first<object | undefined>('user_name');
  return account !== undefined;
}

/** What a provider of OpenID Connect says of somebody. */
export interface Vouched {
  issuer: string;
  /** Who it is, for ever; a name may be given to somebody else. */
  subject: string;
  preferredName: string | null;
  /** Words of the claim that names roles; those that are no role of ours are left out. */
  roles: readonly string[];
}

/** The person a provider vouches for, with the roles it names: added at their first sign-in, kept in step at each. Returns their name. */
export async function signInVouched(trx: Knex.Transaction, vouched: Vouched): Promise<string> {
  const roles = ROLES.filter((role) => vouched.roles.includes(role));
  if (roles.length === 0)
    throw new Refusal('no_role', 'You are signed in, but your organisation gave you no role here. Ask who manages your account for one.');
  if (roles.includes('admin') && roles.length > 1)
    throw new Refusal(
      'admin_excludes',
      'Your organisation gave you the role admin together with others. An admin sees no files: ask for the one or the others.',
    );
  // One at a time: two first sign-ins of one person must not make two people.
  await lockPeople(trx);
  const known = await accountOf(trx, vouched);
  if (known?.closed_at)
    throw new Refusal('account_closed', 'An admin closed your account here. Ask one to open it again.', { user: known.user_name });
  const name = known?.user_name ?? (await addVouched(trx, vouched, roles));
  await keepRolesInStep(trx, name, roles);
  await recordEvent(trx, name, 'user.signed_in', { user: name, by: 'openid_connect' });
  return name;
}

/** Ends the sessions, codes and tokens of somebody who came from the provider without a role they can use here. */
export async function dismissVouched(trx: Knex.Transaction, vouched: Vouched): Promise<void> {
  const known = await accountOf(trx, vouched);
  if (!known) return;
  await endSecrets(trx, known.user_name);
  await endSessionsOf(trx, known.user_name);
  await recordEvent(trx, 'service', 'user.dismissed', { user: known.user_name });
}

async function accountOf(
  trx: Knex.Transaction,
  { issuer, subject }: Vouched,
): Promise<{ user_name: string; closed_at: Date | null } | undefined> {
  return trx('accounts')
    .where({ oidc_issuer: issuer, oidc_subject: subject })
    .first<{ user_name: string; closed_at: Date | null } | undefined>('user_name', 'closed_at');
}

async function countAttempt(db: Knex, name: string): Promise<{ password_hash: string; failed_attempts: number } | undefined> {
  const rows = await db('accounts')
    .where({ user_name: name, closed_at: null })
    .whereNotNull('password_hash')
    .whereRaw('(locked_until is null or locked_until <= now())')
    .update({ failed_attempts: db.raw('case when locked_until is null then failed_attempts + 1 else 1 end'), locked_until: null })
    .returning(['password_hash', 'failed_attempts']);
  return (rows as { password_hash: string; failed_attempts: number }[])[0];
}

async function lock(db: Knex, name: string): Promise<void> {
  const until = db.raw('now() + make_interval(mins => ?)', [LOCKED_MINUTES]);
  const locked = await db('accounts').where({ user_name: name, locked_until: null }).update({ locked_until: until });
  if (locked > 0) await recordEvent(db, 'service', 'user.locked', { user: name, minutes: LOCKED_MINUTES });
}

function requireStrong(password: string, name: string): void {
  const weak =
    password.length < LEAST_PASSWORD
      ? `A password has at least ${LEAST_PASSWORD} characters. Three words that have nothing to do with one another are easy to remember.`
      : password.length > MOST_PASSWORD
        ? `A password has at most ${MOST_PASSWORD} characters.`
        : new Set(password.toLowerCase()).size < 5
          ? 'This password repeats too few different characters. Choose another.'
          : password.toLowerCase().includes(name.toLowerCase())
            ? 'A password must not hold the user name. Choose another.'
            : null;
  if (weak !== null) throw new Refusal('password_weak', weak);
}

/** The name a person prefers, where it is like nobody's; else the subject; else a short form of its digest. */
async function addVouched(trx: Knex.Transaction, vouched: Vouched, roles: readonly Role[]): Promise<string> {
  const wanted = [vouched.preferredName ?? '', vouched.subject, `oidc-${sha256(`${vouched.issuer} ${vouched.subject}`).slice(0, 16)}`];
  for (const typed of wanted) {
    const name = usableName(typed);
    if (name === null || (await userNamed(trx, name))) continue;
    await trx('users').insert({ name, roles, added_by: 'openid_connect' });
    await trx('accounts').insert({ user_name: name, oidc_issuer: vouched.issuer, oidc_subject: vouched.subject });
    await recordEvent(trx, 'service', 'user.added', { user: name, roles });
    return name;
  }
  throw new Error('No user name is left for this person.');
}

/** Null for what a provider calls somebody and is no user name here. */
function usableName(typed: string): string | null {
  try {
    return readUserName(typed);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

async function keepRolesInStep(trx: Knex.Transaction, name: string, roles: readonly Role[]): Promise<void> {
  const changed = await trx('users').where({ name }).whereRaw('roles <> cast(:roles as text[])', { roles }).update({ roles });
  if (changed > 0) await recordEvent(trx, 'service', 'user.roles_changed', { user: name, roles });
}
