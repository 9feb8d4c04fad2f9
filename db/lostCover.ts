/** What left the cover of holds, for people: files that nobody has confirmed yet, and holds that cover nothing any more. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';

/** Of a hold in force: when it came to cover nothing that the extract has, and how many files left its cover that nobody confirmed. */
export interface LostCover {
  emptied_on: IsoDate | null;
  files_lost: number;
}

/** These holds, each with what it lost; of a released one nothing. */
export async function withLostCover<Hold extends { id: number }>(db: Knex, holds: readonly Hold[]): Promise<(Hold & LostCover)[]> {
  const result = await db.raw<{ rows: (LostCover & { id: number })[] }>(
    `select h.id, e.emptied_on, (select count(*) from hold_covers k where k.hold_id = h.id and k.moved_on is not null and k.confirmation_id is null)::int as files_lost
     from holds h left join emptied_holds e on e.hold_id = h.id where h.released_on is null and h.id = any(cast(:ids as bigint[]))`,
    { ids: holds.map(({ id }) => id) },
  );
  const lost = new Map(result.rows.map(({ id, ...cover }) => [id, cover]));
  return holds.map((hold) => ({ ...hold, ...(lost.get(hold.id) ?? { emptied_on: null, files_lost: 0 }) }));
}

/** Files that left the cover of this hold and that nobody confirmed, by reference. */
export async function filesLost(db: Knex, hold: number, limit: number): Promise<string[]> {
  const result = await db.raw<{ rows: { file_ref: string }[] }>(
    `select k.file_ref ${UNCONFIRMED} and h.id = :hold order by k.file_ref limit :limit`,
    { hold, limit },
  );
  return result.rows.map(({ file_ref }) => file_ref);
}

/** Covers `k` of holds `h` in force, by an index of what is lost. */
export const UNCONFIRMED = `from hold_covers k join holds h on h.id = k.hold_id
  where k.moved_on is not null and k.confirmation_id is null and h.released_on is null`;
