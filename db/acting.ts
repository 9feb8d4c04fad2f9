/** The transaction in which a person acts: it stands only where, at its end, their account is open and their roles are what they were. */
import type { Knex } from 'knex';
import type { Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Role } from '../rules/workflow.ts';

/** Does it in one transaction of that person. Throws a Refusal, with nothing done, where their account or a role ended meanwhile. */
export async function actAs<T>(db: Knex, person: Person, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return db.transaction(async (trx) => {
    const done = await work(trx);
    await requireStillActs(trx, person);
    return done;
  });
}

/**
 * Asked last, for what went before may have waited for other people. Closing an account and changing its roles lock the row of the
 * person too. Who finds it locked does not wait: they hold the audit, which the other may be waiting for.
 */
export async function requireStillActs(trx: Knex.Transaction, { name, roles }: Person): Promise<void> {
  if (roles === null) return;
  const locked = await trx('users').where({ name }).forShare().skipLocked().first<object | undefined>('name');
  const now = await trx('users')
    .leftJoin('accounts', 'accounts.user_name', 'users.name')
    .where({ 'users.name': name })
    .first<{ roles: Role[]; closed_at: Date | null; own: boolean } | undefined>(
      'users.roles',
      'accounts.closed_at',
      trx.raw('users.xmin = cast(pg_current_xact_id() as xid) as own'),
    );
  // The sample people of a rehearsal have no accounts, and nobody is ever removed.
  if (now === undefined) return;
  // An admin may give up their own role.
  if (locked !== undefined && now.closed_at === null && (now.own || roles.every((role) => now.roles.includes(role)))) return;
  throw new Refusal(
    'account_ended',
    'Your account was closed, or your roles were changed, while this was being done. Nothing was done. If you still have an account, sign in again.',
  );
}
