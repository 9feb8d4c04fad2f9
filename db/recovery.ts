/** The way in for an admin who lost theirs, by whoever owns the database: told in the audit and where people sign in. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { readUserName } from '../rules/userNames.ts';
import type { Role } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { readInstallation } from './health.ts';
import { ownsTables } from './prepare.ts';
import { newCode, type Invited } from './codes.ts';
import { everHadAdmin, lockPeople, userNamed } from './users.ts';

/** Days that its code is good for. */
export const RECOVERY_DAYS = 1;

/** Days that it is told on the page where people sign in, unless the admin has come in before. */
const TOLD_DAYS = 7;

export interface Recovery {
  user: string;
  on: IsoDate;
  /** The event of the audit. */
  event: number;
}

/**
 * Gives an admin a one-time code, and opens their account if it was closed. What they have works until the code is used. Call it as
 * the owner. Throws a Refusal for another role, another database, and anybody who is no admin.
 */
export async function recoverAdmin(owner: Knex.Transaction, typed: string, installationId: string): Promise<Invited> {
  if (!(await ownsTables(owner)) || (await readInstallation(owner))?.id !== installationId)
    throw new Refusal(
      'not_the_owner',
      'DATABASE_OWNER_URL must name the role that owns the tables of this very database. Nobody was given a code.',
    );
  await lockPeople(owner);
  const { name, roles } = await adminToRecover(owner, typed);
  await owner('accounts').where({ user_name: name }).update({ closed_at: null });
  await recordEvent(owner, 'service', 'user.recovered', { user: name });
  return { name, roles, code: await newCode(owner, { name, days: RECOVERY_DAYS, by: 'service', takesTwo: false }), takes_two: false };
}

/** An admin; or where a database that had one has none any more, whoever is to be one. */
async function adminToRecover(owner: Knex.Transaction, typed: string): Promise<{ name: string; roles: readonly Role[] }> {
  const known = await userNamed(owner, typed);
  if (known?.roles.includes('admin')) return known;
  const admins = await owner('users').whereRaw("'admin' = any(roles)").orderBy('name').pluck<string[]>('name');
  if (admins.length === 0 && (await everHadAdmin(owner))) {
    const made = { name: known?.name ?? readUserName(typed), roles: ['admin'] as const };
    await owner('users')
      .insert({ ...made, added_by: 'service' })
      .onConflict('name')
      .merge(['roles']);
    await recordEvent(owner, 'service', 'user.roles_changed', { user: made.name, roles: made.roles });
    return made;
  }
  throw new Refusal(
    'no_such_admin',
    `This way in is for an admin alone, who then adds everybody else. ${admins.length > 0 ? `Those there are: ${admins.join(', ')}.` : 'There is none yet: retention users add NAME --role admin.'}`,
  );
}

/** Recoveries of the last days whose admin has not signed in on the site since, newest first. */
export async function recoveriesToTell(db: Knex): Promise<Recovery[]> {
  return readRecoveries(
    db,
    `recorded_at > now() - interval '${TOLD_DAYS} days' and not exists (select from audit_events s
       where s.event = 'user.signed_in' and s.seq > e.seq and s.actor = cast(e.details as json) ->> 'user')`,
    {},
  );
}

/** Recoveries since the person last signed in, before just now: of the person, and for an admin of every admin. */
export async function recoveriesSince(db: Knex, name: string): Promise<Recovery[]> {
  return readRecoveries(
    db,
    `e.seq > coalesce((select seq from audit_events where event = 'user.signed_in' and actor = :name order by seq desc offset 1 limit 1), 0)
     and (cast(e.details as json) ->> 'user' = :name or exists (select from users where name = :name and 'admin' = any(roles)))`,
    { name },
  );
}

async function readRecoveries(db: Knex, which: string, values: Record<string, string>): Promise<Recovery[]> {
  const { rows } = await db.raw<{ rows: Recovery[] }>(
    `select cast(details as json) ->> 'user' as "user", to_char(recorded_at at time zone 'Europe/London', 'YYYY-MM-DD') as "on", seq as event
     from audit_events e where event = 'user.recovered' and ${which} order by seq desc limit 5`,
    values,
  );
  return rows;
}
