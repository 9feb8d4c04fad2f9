/** People as an admin and they themselves look after them: who there is, their tokens, and the end of an account. */
import type { Knex } from 'knex';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Role } from '../rules/workflow.ts';
import { requireStillActs } from './acting.ts';
import { recordEvent } from './audit.ts';
import { confirmCode } from './codes.ts';
import { endSessionOf } from './sessions.ts';
import { endAccess, endSecrets } from './secrets.ts';
import { lockPeople } from './users.ts';

export interface ListedPerson {
  name: string;
  roles: Role[];
  added_by: string;
  has_password: boolean;
  by_openid_connect: boolean;
  /** A one-time code waits to be used. */
  invited: boolean;
  /** Who made it, where a second admin has to confirm it; empty otherwise. */
  code_waits: string | null;
  /** They have an authenticator app. */
  has_factor: boolean;
  closed_at: Date | null;
}

/** Everybody who was ever added, by name. */
export async function listPeople(db: Knex): Promise<ListedPerson[]> {
  return db('users')
    .leftJoin('accounts', 'accounts.user_name', 'users.name')
    .orderBy('users.name')
    .select<ListedPerson[]>(
      'users.name',
      'users.roles',
      'users.added_by',
      db.raw('accounts.password_hash is not null as has_password'),
      db.raw('accounts.oidc_subject is not null as by_openid_connect'),
      db.raw(
        "exists (select from user_secrets s where s.user_name = users.name and s.kind = 'code' and s.ended_at is null and s.expires_at > now()) as invited",
      ),
      db.raw(
        "(select s.made_by from user_secrets s where s.user_name = users.name and s.kind = 'code' and s.takes_two and s.seconded_by is null and s.ended_at is null and s.expires_at > now()) as code_waits",
      ),
      db.raw('accounts.factor_since is not null as has_factor'),
      'accounts.closed_at',
    );
}

/** The roles of a person, and what they come in by. */
export interface OpenAccount {
  roles: Role[];
  has_password: boolean;
  has_factor: boolean;
  /** Others made a one-time code for them, or used one, and they do not know it yet. */
  code_untold: boolean;
}

/** The account of a person; null where there is none that is open. */
export async function openAccount(db: Knex, name: string): Promise<OpenAccount | null> {
  const row = await db('users')
    .leftJoin('accounts', 'accounts.user_name', 'users.name')
    .where({ 'users.name': name, 'accounts.closed_at': null })
    .first<OpenAccount | undefined>(
      'users.roles',
      db.raw('accounts.password_hash is not null as has_password'),
      db.raw('accounts.factor_since is not null as has_factor'),
      db.raw(
        `exists (select from user_secrets s where s.user_name = users.name and s.kind = 'code' and s.made_by not in (users.name, 'service')
           and (s.told_at is null or s.used_at > s.told_at)) as code_untold`,
      ),
    );
  return row ?? null;
}

/** The roles of a person whose account is not closed; null where there is none. */
export async function rolesOf(db: Knex, name: string): Promise<Role[] | null> {
  return (await openAccount(db, name))?.roles ?? null;
}

/** Ends an account: its password, its codes and tokens, its sessions. What the person did stays under their name. */
export async function closeAccount(trx: Knex.Transaction, name: string, actor: Person): Promise<void> {
  await lockPeople(trx);
  requirePermission(actor, 'manage_people');
  await requireStillActs(trx, actor);
  if (name === actor.name) throw new Refusal('own_account', 'You cannot close your own account. Another admin can.');
  // Held against whatever this person is doing at this moment (requireStillActs).
  await trx('users').where({ name }).forUpdate().first('name');
  if ((await rolesOf(trx, name)) === null) throw new Refusal('no_such_person', `There is no open account ${name}.`, { user: name });
  const closed = { password_hash: null, password_set_at: null, closed_at: trx.fn.now() };
  await trx('accounts')
    .insert({ user_name: name, ...closed })
    .onConflict('user_name')
    .merge(Object.keys(closed));
  await endSecrets(trx, name);
  await endAccess(trx, name);
  await recordEvent(trx, actor.name, 'user.closed', { user: name });
}

/** Confirms that the account of a person is to be reset by the code another admin made. */
export async function confirmCodeBy(trx: Knex.Transaction, name: string, actor: Person): Promise<void> {
  await lockPeople(trx);
  requirePermission(actor, 'manage_people');
  await requireStillActs(trx, actor);
  await confirmCode(trx, name, actor);
}

/** Signs a person out everywhere: their tokens end too. Returns how many sessions that ended. */
export async function endSessionsBy(trx: Knex.Transaction, name: string, actor: Person): Promise<number> {
  if (name !== actor.name) requirePermission(actor, 'manage_people');
  await recordEvent(trx, actor.name, 'user.sessions_ended', { user: name });
  return endAccess(trx, name);
}

/** Ends one session of a person's own. */
export async function endOwnSession(trx: Knex.Transaction, person: Person, idHash: string): Promise<void> {
  if (!(await endSessionOf(trx, person.name, idHash)))
    throw new Refusal('no_such_session', 'This session has ended already, or is not yours.');
  await recordEvent(trx, person.name, 'user.session_ended', { user: person.name });
}
