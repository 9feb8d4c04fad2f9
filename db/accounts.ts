/** Signing in to the site: passwords, the code that is exchanged for one, identities of OpenID Connect. */
import { hash, verify } from '@node-rs/argon2';
import type { Knex } from 'knex';
import { sha256 } from '../rules/digest.ts';
import { Refusal } from '../rules/refusal.ts';
import { readUserName } from '../rules/userNames.ts';
import { ROLES, type Role } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { forgetGuesses, LONGEST_WAIT_MINUTES, mayGuess } from './guesses.ts';
import { MOST_PASSWORD, requireStrong } from './passwords.ts';
import { useCode } from './codes.ts';
import { endAccess, endSecrets } from './secrets.ts';
import { lockPeople, userNamed } from './users.ts';

/** Argon2id, which is what the package takes when nothing is said: 19 MiB and two passes. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** A hash of nobody's password: asked where there is no account, so that an answer takes as long as where there is one. */
const NOBODYS = '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRvZm5vYm9keQ$8iDkYjL8IgQpBB6hAQ0qTz5nUpBJU3TFtvfpH1RmlRY';

/** Whose name and password these are. Throws a Refusal in the same words whatever is wrong, lest it tells who has an account. */
export async function personOfPassword(db: Knex, typed: string, password: string, address: string): Promise<string> {
  const known = (await userNamed(db, typed))?.name;
  const name = known ?? typed;
  if (await isPasswordOf(db, name, password, address)) return name;
  throw new Refusal(
    'sign_in_failed',
    `The user name or the password is wrong, or too many wrong ones came from where you are. After some wrong ones wait a while, ${LONGEST_WAIT_MINUTES} minutes at most, and try again.`,
    known === undefined ? {} : { user: known },
  );
}

/** True when it is that person's password, the account is open, and whoever asks does not have to wait after wrong ones. */
export async function isPasswordOf(db: Knex, name: string, password: string, address: string): Promise<boolean> {
  const account = await db('accounts')
    .where({ user_name: name, closed_at: null })
    .whereNotNull('password_hash')
    .first<{ password_hash: string } | undefined>('password_hash');
  const guess = { name, kind: 'password', address } as const;
  const may = await mayGuess(db, guess);
  // Nobody's password is longer, and it costs nobody the time to find that out.
  const right = await verify(account?.password_hash ?? NOBODYS, password.length > MOST_PASSWORD ? '' : password);
  if (!account || !may || !right) return false;
  await forgetGuesses(db, guess);
  return true;
}

/** Somebody has come in. What they prove by, beside their name, is for the audit. */
export async function noteSignedIn(
  db: Knex,
  name: string,
  by: 'password' | 'code' | 'recovery_code' | 'openid_connect' | 'sample',
): Promise<void> {
  await db('accounts').where({ user_name: name }).update({ signed_in_at: db.fn.now() });
  await recordEvent(db, name, 'user.signed_in', { user: name, by });
}

/**
 * Exchanges a one-time code for a password of the person's own, and ends every session and token they had. Returns whose it is. Throws
 * a Refusal for a code that is of no use, or a password that is too weak; `words` are those of the authority.
 */
export async function choosePassword(
  trx: Knex.Transaction,
  { code, recoveryCode, password }: { code: string; recoveryCode: string; password: string },
  words: readonly string[],
): Promise<string> {
  const name = await useCode(trx, code, { recoveryCode });
  await setPassword(trx, name, password, words);
  return name;
}

/** Gives a person that password, and ends every session and token they had. Throws a Refusal for one that is too weak. */
export async function setPassword(trx: Knex.Transaction, name: string, password: string, words: readonly string[]): Promise<void> {
  await requireStrong(password, name, words);
  const chosen = { password_hash: await hash(password, COST), password_set_at: trx.fn.now() };
  await trx('accounts')
    .insert({ user_name: name, ...chosen })
    .onConflict('user_name')
    .merge(Object.keys(chosen));
  await endAccess(trx, name);
  await recordEvent(trx, name, 'user.password_chosen', { user: name });
}

/** When a person chose their password, as text; null where they have none, or the account is closed. */
export async function passwordSince(db: Knex, name: string): Promise<string | null> {
  const account = await db('accounts')
    .where({ user_name: name, closed_at: null })
    .first<{ since: string | null } | undefined>(db.raw('cast(password_set_at as text) as since'));
  return account?.since ?? null;
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
  await noteSignedIn(trx, name, 'openid_connect');
  return name;
}

/** Ends the sessions, codes and tokens of somebody who came from the provider without a role they can use here. */
export async function dismissVouched(trx: Knex.Transaction, vouched: Vouched): Promise<void> {
  const known = await accountOf(trx, vouched);
  if (!known) return;
  await endSecrets(trx, known.user_name);
  await endAccess(trx, known.user_name);
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

/** A role that the provider takes away is gone from every session and token at once. */
async function keepRolesInStep(trx: Knex.Transaction, name: string, roles: readonly Role[]): Promise<void> {
  const before = (await trx('users').where({ name }).first<{ roles: Role[] }>('roles')).roles;
  if (before.length === roles.length && before.every((role) => roles.includes(role))) return;
  await trx('users').where({ name }).update({ roles });
  await recordEvent(trx, 'service', 'user.roles_changed', { user: name, roles });
  if (before.some((role) => !roles.includes(role))) await endAccess(trx, name);
}
