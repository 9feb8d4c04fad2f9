/** The run ledger and the lock that keeps it to one night at a time. */
import type { Knex } from 'knex';
import type { PoolClient } from 'pg';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';

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
 * Runs `work` while holding the lock of the night; the database drops it when this process dies. Throws a Refusal when
 * another holds it.
 */
export async function withNightLock<T>(db: Knex, work: () => Promise<T>): Promise<T> {
  const pool = db.client as { acquireConnection(): Promise<PoolClient>; releaseConnection(c: PoolClient): Promise<void> };
  const connection = await pool.acquireConnection();
  try {
    const lock = await connection.query<{ got: boolean }>("select pg_try_advisory_lock(hashtext('night')) as got");
    if (!lock.rows[0]?.got) {
      throw new Refusal(
        'night_is_running',
        'Another night, or a step of one, is running on this database. Nothing was done; wait until it has ended ("retention runs" shows it).',
      );
    }
    try {
      return await work();
    } finally {
      await connection.query("select pg_advisory_unlock(hashtext('night'))");
    }
  } finally {
    await pool.releaseConnection(connection);
  }
}

/** Opens a row in the ledger. Only under the lock: rows left `running` by a process that died are marked interrupted. */
export async function startRun(db: Knex, kind: RunKind, asOf: IsoDate): Promise<number> {
  await db('runs').where({ outcome: 'running' }).update({ outcome: 'interrupted', finished_at: db.fn.now() });
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
