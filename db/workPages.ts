/** Work that waits for a person, as pages show it: the longest waiting first, some of many by key. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { STILL_AT_SOURCE } from './figures.ts';
import { ORIGINALS_DUE, ORIGINALS_HELD, type OriginalsHeld } from './originals.ts';
import { WAITING_FILES, type WaitingFile } from './outside.ts';
import { pageOf, type Page } from './page.ts';
import { DUE_REVIEWS, type DueReview } from './reviews.ts';

/** An archived file that the latest extract still had. */
export interface OwedRemoval {
  file_ref: string;
  archived_on: IsoDate;
  first_seen_on: IsoDate;
  last_seen_on: IsoDate;
  /** Its facts or documents are other than those archived. */
  differs: boolean;
}

/** What each kind of work is a row of. */
export interface WorkRows {
  reviews: DueReview;
  receipts: WaitingFile;
  paper: WaitingFile;
  originals: OriginalsHeld;
  /** Originals that go back on a day to come, or on one that nobody knows. */
  originals_later: OriginalsHeld;
  removals: OwedRemoval;
}
export type Work = keyof WorkRows;

/** Where a page ends: the next one begins after this day and reference. */
export interface WorkKey {
  day: IsoDate;
  ref: string;
}

/** One page of that work, and where the next begins; null on the last. */
export async function workPage<Kind extends Work>(
  db: Knex,
  work: Kind,
  { asOf, after }: { asOf: IsoDate; after: WorkKey | null },
  limit: number,
): Promise<Page<WorkRows[Kind]> & { next: WorkKey | null }> {
  const { rows: select, day } = SELECTS[work];
  const result = await db.raw<{ rows: (WorkRows[Kind] & { key_day: IsoDate })[] }>(
    `select w.*, w.${day} as key_day from (${select}) w where (w.${day}, w.file_ref) > (cast(:day as date), cast(:ref as text) collate "C")
     order by w.${day}, w.file_ref limit :limit`,
    { asOf, day: after?.day ?? '-infinity', ref: after?.ref ?? '', limit: limit + 1 },
  );
  const { rows, more } = pageOf(result.rows, limit);
  const last = rows.at(-1);
  return { rows, more, next: more && last ? { day: last.key_day, ref: last.file_ref } : null };
}

/** That work on one file; undefined when there is none. */
export async function workOn<Kind extends Work>(db: Knex, work: Kind, asOf: IsoDate, fileRef: string): Promise<WorkRows[Kind] | undefined> {
  const { rows, one = rows } = SELECTS[work];
  const result = await db.raw<{ rows: WorkRows[Kind][] }>(`select * from (${one}) w where w.file_ref = :fileRef`, { asOf, fileRef });
  return result.rows[0];
}

/** How much there is of each. */
export async function countWork<Kind extends Work>(db: Knex, kinds: readonly Kind[], asOf: IsoDate): Promise<Record<Kind, number>> {
  const counts = await Promise.all(
    kinds.map(async (work) => {
      const result = await db.raw<{ rows: { n: number }[] }>(
        SELECTS[work].count ?? `select count(*)::int as n from (${SELECTS[work].rows}) w`,
        { asOf },
      );
      return [work, result.rows[0]?.n ?? 0] as const;
    }),
  );
  return Object.fromEntries(counts) as Record<Kind, number>;
}

/** The select of each kind, each answered by an index, and the column with the day since which it waits; for `one` file as it is this moment. */
const SELECTS: Record<Work, { rows: string; day: string; one?: string; count?: string }> = {
  reviews: { rows: DUE_REVIEWS, day: 'review_on' },
  receipts: { rows: `${WAITING_FILES} and i.status = 'waiting_for_receipt'`, day: 'since' },
  paper: { rows: `${WAITING_FILES} and i.status = 'waiting_for_paper'`, day: 'since' },
  originals: {
    rows: `${ORIGINALS_DUE} and o.key_on <= cast(:asOf as date)`,
    day: 'key_on',
    one: `select * from (${ORIGINALS_HELD}) h where overdue`,
    count: countOriginals('<='),
  },
  originals_later: {
    rows: `${ORIGINALS_DUE} and o.key_on > cast(:asOf as date)`,
    day: 'key_on',
    one: `select * from (${ORIGINALS_HELD}) h where not overdue`,
    count: countOriginals('>'),
  },
  removals: { rows: STILL_AT_SOURCE, day: 'first_seen_on' },
};

/** All of them less the few that were recorded since the last compute, so that it is an index that is counted. */
function countOriginals(comparison: '<=' | '>'): string {
  const due = `o.key_on ${comparison} cast(:asOf as date)`;
  return `select ((select count(*) from originals_due o where ${due})
    - (select count(distinct o.file_ref) from originals r join originals_due o on o.file_ref = r.file_ref where ${due}))::int as n`;
}
