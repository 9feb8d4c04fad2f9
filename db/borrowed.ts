/** One connection of the pool to itself, for what belongs to a session: a lock that outlives transactions, a look at the session. */
import type { Knex } from 'knex';
import type pg from 'pg';

/** `processID` is what the other end called its session when it let us in. */
export type Borrowed = pg.ClientBase & { processID: number | null };

/** Gives the connection back however `work` ends. */
export async function withConnection<T>(db: Knex, work: (connection: Borrowed) => Promise<T>): Promise<T> {
  const pool = db.client as { acquireConnection(): Promise<Borrowed>; releaseConnection(connection: Borrowed): Promise<void> };
  const connection = await pool.acquireConnection();
  try {
    return await work(connection);
  } finally {
    await pool.releaseConnection(connection);
  }
}
