/** Whether this database is live or a rehearsal, fixed when it is made; and the day by its own clock. */
import type { Knex } from 'knex';
import { addDays, longDate, type IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { noteIdentity } from './identity.ts';

export interface Installation {
  id: string;
  kind: 'live' | 'rehearsal';
}

/** The installation of this database; made on first use, a rehearsal if asked for at that moment. */
export async function openInstallation(db: Knex, rehearsal: boolean): Promise<Installation> {
  await db('installation')
    .insert({ kind: rehearsal ? 'rehearsal' : 'live' })
    .onConflict('only_row')
    .ignore();
  await noteIdentity(db);
  const installation = await db<Installation>('installation').first<Installation>('id', 'kind');
  if (rehearsal && installation.kind === 'live') {
    throw new Refusal(
      'database_is_live',
      'RETENTION_REHEARSAL=1 is set, but this is a live database, and what a database is never changes. Unset it to work on the live one, or name another RETENTION_HOME or DATABASE_URL to rehearse.',
    );
  }
  return installation;
}

/**
 * Refuses a business date ahead of the database's own clock: a machine whose clock runs ahead must not archive early. Behind it may
 * be by a day, as a night is that began before midnight; one further behind would sign and list as of days gone by.
 */
export async function requireClocksAgree(db: Knex, asOf: IsoDate): Promise<void> {
  const result = await db.raw<{ rows: { today: IsoDate }[] }>("select (now() at time zone 'Europe/London')::date as today");
  const today = result.rows[0]?.today ?? '';
  if (addDays(today, -1) <= asOf && asOf <= today) return;
  throw new Refusal(
    asOf > today ? 'clock_ahead' : 'clock_behind',
    `This machine says it is ${longDate(asOf)}, but for the database it is ${longDate(today)}. Nothing was done; set the clocks right.`,
  );
}
