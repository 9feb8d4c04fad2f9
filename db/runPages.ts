/** The run ledger as pages show it: some runs of many by key, or one. */
import type { Knex } from 'knex';
import type { Page } from './listPages.ts';
import type { Run } from './runs.ts';

/** `nights`: whole nights; `steps`: steps that somebody ran by themselves. */
export type RunsWanted = 'all' | 'nights' | 'steps';

/** Runs, newest first, of a lower number than `before` where it is given. */
export async function runPage(
  db: Knex,
  { wanted, before }: { wanted: RunsWanted; before?: number | undefined },
  limit: number,
): Promise<Page<Run>> {
  const rows = (await db<Run>('runs')
    .modify((query) => {
      if (wanted === 'nights') void query.where({ kind: 'nightly' });
      if (wanted === 'steps') void query.whereNot({ kind: 'nightly' });
      if (before !== undefined) void query.where('id', '<', before);
    })
    .orderBy('id', 'desc')
    .limit(limit + 1)) as Run[];
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/** One run; undefined when there is none of that number. */
export async function oneRun(db: Knex, id: number): Promise<Run | undefined> {
  return db<Run>('runs').where({ id }).first();
}
