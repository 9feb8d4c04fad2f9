/** Holds as pages show them: some of many by key, and one by its number. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { REQUEST_LAPSES_AFTER_DAYS } from '../rules/workflow.ts';
import { holdSummary, type Hold, type HoldSummary } from './holds.ts';
import type { Page } from './page.ts';

/** Which holds; a released one is in none of the first three. `due`: its review. `asked`: it waits for another person's confirmation. */
export const HOLD_FILTERS = ['in_force', 'due', 'asked', 'released'] as const;
export type HoldFilter = (typeof HOLD_FILTERS)[number];

const CONDITIONS: Record<HoldFilter, string> = {
  in_force: 'released_on is null',
  due: 'released_on is null and review_on <= cast(:asOf as date)',
  asked: `released_on is null and release_asked_on + ${REQUEST_LAPSES_AFTER_DAYS} >= cast(:asOf as date)`,
  released: 'released_on is not null',
};

/** Some holds: newest first, those due for review the longest overdue first. `after` is the number of the last one shown. */
export async function holdPage(
  db: Knex,
  filter: HoldFilter,
  { asOf, after }: { asOf: IsoDate; after: number | null },
  limit: number,
): Promise<Page<HoldSummary>> {
  const order =
    filter === 'due'
      ? { next: '(h.review_on, h.id) > (select l.review_on, l.id from holds l where l.id = :after)', by: 'h.review_on, h.id' }
      : { next: 'h.id < :after', by: 'h.id desc' };
  const result = await db.raw<{ rows: Hold[] }>(
    `select * from holds h where ${CONDITIONS[filter]} and (cast(:after as bigint) is null or ${order.next}) order by ${order.by} limit :limit`,
    { asOf, after, limit: limit + 1 },
  );
  return { rows: result.rows.slice(0, limit).map((hold) => holdSummary(hold, asOf)), more: result.rows.length > limit };
}

/** How many holds there are of each. */
export async function countHolds(db: Knex, asOf: IsoDate): Promise<Record<HoldFilter, number>> {
  const counted = HOLD_FILTERS.map((filter) => `count(*) filter (where ${CONDITIONS[filter]})::int as ${filter}`).join(', ');
  const result = await db.raw<{ rows: Record<HoldFilter, number>[] }>(`select ${counted} from holds`, { asOf });
  return result.rows[0] ?? { in_force: 0, due: 0, asked: 0, released: 0 };
}

/** One hold. Throws a Refusal when there is none of that number. */
export async function oneHold(db: Knex, id: number, asOf: IsoDate): Promise<HoldSummary> {
  const hold = await db<Hold>('holds').where({ id }).first();
  if (!hold) throw new Refusal('no_such_hold', `There is no hold ${id}.`, { hold: id });
  return holdSummary(hold, asOf);
}
