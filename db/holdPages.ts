/** Holds as pages show them: some of many by key, and one by its number. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { REQUEST_LAPSES_AFTER_DAYS } from '../rules/workflow.ts';
import { holdSummary, type Hold, type HoldSummary } from './holds.ts';
import { withLostCover, type LostCover } from './lostCover.ts';
import { pageOf, type Page } from './page.ts';

/**
 * Which holds; a released one is in none of the others. `due`: its review. `asked`: it waits for another person's confirmation. `lost`: files
 * left its cover that nobody confirmed, or it covers nothing any more.
 */
export const HOLD_FILTERS = ['in_force', 'due', 'asked', 'lost', 'released'] as const;
export type HoldFilter = (typeof HOLD_FILTERS)[number];

const CONDITIONS: Record<HoldFilter, string> = {
  in_force: 'released_on is null',
  due: 'released_on is null and review_on <= cast(:asOf as date)',
  asked: `released_on is null and release_asked_on + ${REQUEST_LAPSES_AFTER_DAYS} >= cast(:asOf as date)`,
  lost: `released_on is null and id in (select hold_id from emptied_holds
    union select hold_id from hold_covers where moved_on is not null and confirmation_id is null)`,
  released: 'released_on is not null',
};

/** Some holds: newest first, those due for review the longest overdue first. `after` is the number of the last one shown. */
export async function holdPage(
  db: Knex,
  filter: HoldFilter,
  { asOf, after }: { asOf: IsoDate; after: number | null },
  limit: number,
): Promise<Page<HoldSummary & LostCover>> {
  const order =
    filter === 'due'
      ? { next: '(h.review_on, h.id) > (select l.review_on, l.id from holds l where l.id = :after)', by: 'h.review_on, h.id' }
      : { next: 'h.id < :after', by: 'h.id desc' };
  const result = await db.raw<{ rows: Hold[] }>(
    `select * from holds h where ${CONDITIONS[filter]} and (cast(:after as bigint) is null or ${order.next}) order by ${order.by} limit :limit`,
    { asOf, after, limit: limit + 1 },
  );
  const { rows, more } = pageOf(result.rows, limit);
  const holds = rows.map((hold) => holdSummary(hold, asOf));
  return { rows: await withLostCover(db, holds), more };
}

/** How many holds there are of each. */
export async function countHolds(db: Knex, asOf: IsoDate): Promise<Record<HoldFilter, number>> {
  const counted = HOLD_FILTERS.map((filter) => `count(*) filter (where ${CONDITIONS[filter]})::int as ${filter}`).join(', ');
  const result = await db.raw<{ rows: Record<HoldFilter, number>[] }>(`select ${counted} from holds`, { asOf });
  return result.rows[0] ?? { in_force: 0, due: 0, asked: 0, lost: 0, released: 0 };
}

/** One hold. Throws a Refusal when there is none of that number. */
export async function oneHold(db: Knex, id: number, asOf: IsoDate): Promise<HoldSummary & LostCover> {
  const hold = await db<Hold>('holds').where({ id }).first();
  if (!hold) throw new Refusal('no_such_hold', `There is no hold ${id}.`, { hold: id });
  const [shown] = await withLostCover(db, [holdSummary(hold, asOf)]);
  return shown as HoldSummary & LostCover;
}
