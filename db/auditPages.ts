/** The audit as pages show it: some events of many by key, and the heads that each night noted of it. */
import type { Knex } from 'knex';
import { longDate, type IsoDate } from '../rules/dates.ts';
import type { NotedHead } from './audit.ts';
import { pageOf, type Page } from './page.ts';

export interface EventFilter {
  actor?: string | undefined;
  event?: string | undefined;
  /** The day in London on which it was recorded, by the clock of the database. */
  day?: IsoDate | undefined;
  /** Events before this one in the chain. */
  before?: number | undefined;
}

export interface ShownEvent {
  seq: number;
  /** Day and time in London, as a page shows it. */
  at: string;
  actor: string;
  event: string;
  /** JSON, references only; null where they are too long to stand beside others. */
  details: string | null;
}

/** Longer details are shown by themselves: a list of thousands of files is one event. */
const LONGEST_BESIDE_OTHERS = 2_000;

const AT = `to_char(recorded_at at time zone 'Europe/London', 'DD/MM/YYYY HH24:MI:SS') as at`;

/** One event, whole; undefined where there is none of that number. */
export async function oneEvent(db: Knex, seq: number): Promise<(ShownEvent & { details: string }) | undefined> {
  return db('audit_events')
    .where({ seq })
    .first<(ShownEvent & { details: string }) | undefined>('seq', db.raw(AT), 'actor', 'event', 'details');
}

/** Events, newest first. */
export async function eventPage(db: Knex, { actor, event, day, before }: EventFilter, limit: number): Promise<Page<ShownEvent>> {
  const { rows } = await db.raw<{ rows: ShownEvent[] }>(
    `select seq, ${AT}, actor, event, case when length(details) <= ${LONGEST_BESIDE_OTHERS} then details end as details
     from audit_events
     where (cast(:actor as text) is null or actor = :actor) and (cast(:event as text) is null or event = :event)
       and (cast(:day as date) is null or (recorded_at >= cast(cast(:day as date) as timestamp) at time zone 'Europe/London'
         and recorded_at < cast(cast(:day as date) + 1 as timestamp) at time zone 'Europe/London'))
       and (cast(:before as bigint) is null or seq < :before)
     order by seq desc limit :limit`,
    { actor: actor ?? null, event: event ?? null, day: day ?? null, before: before ?? null, limit: limit + 1 },
  );
  return pageOf(rows, limit);
}

/** The heads that the reports of nights noted, by the ledger of runs. Whoever can rewrite the audit may rewrite these too. */
export async function headsNotedByRuns(db: Knex): Promise<NotedHead[]> {
  const { rows } = await db.raw<{ rows: { as_of: IsoDate; events: number; head: string }[] }>(
    `select as_of, cast(counts -> 'report' -> 'audit' ->> 'events' as integer) as events, counts -> 'report' -> 'audit' ->> 'head' as head
     from runs where counts -> 'report' -> 'audit' ->> 'head' is not null order by id`,
  );
  return rows.map(({ as_of, events, head }) => ({ where: `the report of ${longDate(as_of)}`, events, head }));
}
