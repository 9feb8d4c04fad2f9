/** Where in the audit what a file's story tells stands, so that its parts are in the audit's own order, with their times. */
import type { Knex } from 'knex';

/** A place in the audit: its number, and the time of day in London as hh:mm. */
export interface Place {
  seq: number;
  time: string;
}

export interface PlacedEvent extends Place {
  event: string;
  details: Record<string, unknown>;
}

/** The time of day of an event `a`, for people. */
export const TIME_OF_DAY = "to_char(a.recorded_at at time zone 'Europe/London', 'HH24:MI')";

/** What is indexed by its file, by its list and by its hold; in the words of the indexes. */
export const EVENTS_BY = {
  file: [
    'item.withdrawn',
    'referral.closed',
    'file.confirmed',
    'review.done',
    'originals.returned',
    'originals.given',
    'originals.not_traced',
    'restore.asked',
    'file.restored',
  ],
  list: ['list.made', 'list.decided', 'list.signed_off'],
  hold: ['hold.placed', 'hold.released'],
  import: ['extract.imported'],
} as const;

/** The condition under which an event of the audit is indexed by this key. */
export function indexedBy(key: keyof typeof EVENTS_BY): string {
  return `event in (${EVENTS_BY[key].map((event) => `'${event}'`).join(', ')})`;
}

/** The events about a file, its lists and these holds, in the order of the audit. */
export async function eventsAbout(
  db: Knex,
  { file, lists, holds }: { file: string; lists: readonly number[]; holds: readonly number[] },
): Promise<PlacedEvent[]> {
  const by = (key: 'file' | 'list' | 'hold') =>
    `select a.seq, ${TIME_OF_DAY} as time, a.event, cast(a.details as jsonb) as details from audit_events a
     where a.${indexedBy(key)} and cast(a.details as jsonb) ->> '${key}' = any(cast(:${key} as text[]))`;
  const result = await db.raw<{ rows: PlacedEvent[] }>(`${(['file', 'list', 'hold'] as const).map(by).join(' union all ')} order by 1`, {
    file: [file],
    list: lists.map(String),
    hold: holds.map(String),
  });
  return result.rows;
}
