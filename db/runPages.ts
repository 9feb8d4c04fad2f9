/** The run ledger as pages show it: some runs of many by key, or one. */
import type { Knex } from 'knex';
import { pageOf, type Page } from './page.ts';
import type { Run } from './runs.ts';

/** `nights`: whole nights; `steps`: steps that somebody ran by themselves. */
export type RunsWanted = 'all' | 'nights' | 'steps';

/** Of what a run counted only what its line says: all of it may be long. */
const COUNTS_OF_A_LINE = `jsonb_strip_nulls(jsonb_build_object('compute', counts -> 'compute', 'stopped', counts -> 'stopped',
  'list', jsonb_build_object('listed', counts #> '{list,listed}'), 'archive', jsonb_build_object('archived', counts #> '{archive,archived}'))) as counts`;

/** Runs, newest first, of a lower number than `before` where it is given; with what the line of each says, and no more. */
export async function runPage(
  db: Knex,
  { wanted, before }: { wanted: RunsWanted; before?: number | undefined },
  limit: number,
): Promise<Page<Run>> {
  const rows: Run[] = await db('runs')
    .modify((query) => {
      if (wanted === 'nights') void query.where({ kind: 'nightly' });
      if (wanted === 'steps') void query.whereNot({ kind: 'nightly' });
      if (before !== undefined) void query.where('id', '<', before);
    })
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .select('id', 'kind', 'as_of', 'started_at', 'finished_at', 'outcome', 'error', db.raw(COUNTS_OF_A_LINE));
  return pageOf(rows, limit);
}

/** One run; undefined when there is none of that number. */
export async function oneRun(db: Knex, id: number): Promise<Run | undefined> {
  return db<Run>('runs').where({ id }).first();
}
