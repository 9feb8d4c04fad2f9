/** Counting and adding up, once for all who do it. */
import type { Knex } from 'knex';

/** The number that a `select count(*)` gives. */
export async function countOf(db: Knex, select: string): Promise<number> {
  const result = await db.raw<{ rows: { count: number }[] }>(select);
  return result.rows[0]?.count ?? 0;
}

/** The sum of the numbers; 0 of none. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
