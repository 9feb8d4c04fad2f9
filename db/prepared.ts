/** Long statements that are asked again and again for a few files: planned once a connection, which takes longer than they run. */
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';

/** As `db.raw`, under a name by which PostgreSQL keeps the statement as long as the connection lives. */
export async function askPrepared<Row>(db: Knex, sql: string, bindings: Record<string, unknown>): Promise<Row[]> {
  const name = createHash('md5').update(sql).digest('hex');
  const result = await db.raw<{ rows: Row[] }>(sql, bindings as Record<string, Knex.Value>).options({ name });
  return result.rows;
}

/** Until the transaction ends, kept statements keep their plans too, whatever files they are asked about. */
export async function keepPlans(trx: Knex.Transaction): Promise<void> {
  await trx.raw('set local plan_cache_mode = force_generic_plan');
}
