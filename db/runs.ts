/** The run ledger and the lock that keeps it to one night at a time. */
import type { Knex } from 'knex';
import { longDate, type IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import { withConnection } from './borrowed.ts';

export type RunKind = 'nightly' | 'import' | 'compute' | 'recheck' | 'list' | 'archive' | 'report';

export interface Run {
  id: number;
  kind: RunKind;
  as_of: IsoDate;
  started_at: Date;
  finished_at: Date | null;
  outcome: 'running' | 'succeeded' | 'repeated' | 'failed' | 'interrupted';
  counts: Record<string, unknown>;
  error: string | null;
}

/**
 * Runs `work` while holding the lock of the night, which the database drops when this process dies. `alone` for a night or
 * a step that must be by itself; `together` for archiving, which several processes may do at once. Throws a Refusal when
 * it cannot be had. `work` is given what throws once the lock was lost: an administrator or the network ended its connection.
 */
export async function withNightLock<T>(
  db: Knex,
  how: 'alone' | 'together',
  work: (requireLock: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const shared = how === 'together' ? '_shared' : '';
  return withConnection(db, async (connection) => {
    const lock = await connection.query<{ got: boolean }>(`select pg_try_advisory_lock${shared}(hashtext('night')) as got`);
    if (!lock.rows[0]?.got) {
      throw new Refusal(
        'night_is_running',
        'Another night, or a step of one, is running on this database. Nothing was done; wait until it has ended ("retention runs" shows it).',
      );
    }
    const requireLock = async () => {
      const [answer] = await Promise.allSettled([connection.query('select')]);
      if (answer.status === 'rejected') throw new Error(LOCK_LOST);
    };
    const [ended] = await Promise.allSettled([work(requireLock)]);
    // Where the connection is gone the lock is too, and what is told is how the work ended.
    const [unlocked] = await Promise.allSettled([connection.query(`select pg_advisory_unlock${shared}(hashtext('night'))`)]);
    if (ended.status === 'rejected') throw ended.reason as Error;
    if (unlocked.status === 'rejected') throw unlocked.reason as Error;
    return ended.value;
  });
}

const LOCK_LOST =
  'The connection that holds the lock of the night was ended, by an administrator or the network. Nothing more was done, for another night may run beside this one. Run it again: what it left is finished or cleared then.';

/**
 * Throws a Refusal for a day before the last successful night: what became due since, or has a date of since, would be taken off its
 * list, and be blocked as shortened the night after.
 */
export async function refuseEarlierDay(db: Knex, asOf: IsoDate): Promise<void> {
  const last = await lastSuccessfulNight(db);
  if (last === null || last <= asOf) return;
  throw new Refusal(
    'earlier_day',
    `The night of ${longDate(last)} has succeeded, and this would be as of ${longDate(asOf)}, an earlier day. Nothing was done. Find out whose clock is wrong, that of this machine now or that of the machine on that night; run it again as of ${longDate(last)} or later.`,
  );
}

/** Opens a row in the ledger. Who holds the lock alone marks rows that a dead process left `running` as interrupted. */
export async function startRun(db: Knex, kind: RunKind, asOf: IsoDate): Promise<number> {
  if (kind !== 'archive') await db('runs').where({ outcome: 'running' }).update({ outcome: 'interrupted', finished_at: db.fn.now() });
  const rows = await db('runs').insert({ kind, as_of: asOf }).returning('id');
  return (rows[0] as { id: number }).id;
}

/** Closes a run. A night of a date that had succeeded already is entered as `repeated`. */
export async function finishRun(
  db: Knex,
  id: number,
  outcome: 'succeeded' | 'failed',
  counts: object,
  error: string | null = null,
): Promise<void> {
  await db.raw(
    `update runs r set finished_at = clock_timestamp(), counts = :counts, error = :error,
       outcome = case when :outcome = 'succeeded' and r.kind = 'nightly' and exists (
         select from runs o where o.kind = 'nightly' and o.outcome = 'succeeded' and o.as_of = r.as_of) then 'repeated' else :outcome end
     where id = :id`,
    { id, outcome, counts: JSON.stringify(counts), error },
  );
}

/** Business date of the last compute that succeeded; null on a database that never computed. */
export async function lastComputed(db: Knex): Promise<IsoDate | null> {
  const row = await db('runs')
    .whereIn('kind', ['nightly', 'compute'])
    .whereRaw("counts -> 'compute' is not null")
    .orderBy('id', 'desc')
    .first<{ as_of: IsoDate } | undefined>('as_of');
  return row?.as_of ?? null;
}

/** Whether what is stored may not be what the schedule makes of the facts: an extract landed since the last compute, or another version is in force. */
export async function changedSinceCompute(db: Knex, schedule: Schedule): Promise<boolean> {
  const result = await db.raw<{ rows: { landed: boolean }[] }>(
    `select exists (select from imports
       where landed_at > all (select finished_at from runs where counts -> 'compute' is not null and finished_at is not null)) as landed`,
  );
  return (result.rows[0]?.landed ?? true) || (await isOfOtherSchedule(db, schedule));
}

/** What is said to whoever asks for what needs every file determined as it is now. */
export const COMPUTE_FIRST =
  'Facts or schedule changed since the last compute, so this step does nothing: run "retention compute" and "retention recheck" first, or the whole night.';

/** Whether anything stored was determined by another version of the schedule than the one in force. */
export async function isOfOtherSchedule(db: Knex, { version }: Schedule): Promise<boolean> {
  const result = await db.raw<{ rows: { other: boolean }[] }>(
    'select exists (select from determinations where schedule_version <> :version) as other',
    { version },
  );
  return result.rows[0]?.other ?? true;
}

/** Business date of the last successful night; null before the first. */
export async function lastSuccessfulNight(db: Knex): Promise<IsoDate | null> {
  const row = await db('runs')
    .where({ kind: 'nightly', outcome: 'succeeded' })
    .max('as_of as as_of')
    .first<{ as_of: IsoDate | null } | undefined>();
  return row?.as_of ?? null;
}

/** The latest runs, newest first. */
export async function latestRuns(db: Knex, limit: number): Promise<Run[]> {
  return db<Run>('runs').orderBy('id', 'desc').limit(limit);
}

/** The latest night, however it ended; undefined before the first. */
export async function latestNight(db: Knex): Promise<Run | undefined> {
  return db<Run>('runs').where({ kind: 'nightly' }).orderBy('id', 'desc').first();
}

/** Business date of the last extract that landed; null before the first. */
export async function lastImported(db: Knex): Promise<IsoDate | null> {
  const row = await db('imports').max('as_of as as_of').first<{ as_of: IsoDate | null } | undefined>();
  return row?.as_of ?? null;
}
