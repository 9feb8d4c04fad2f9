/** The audit: append-only events chained by hash, and the proof that the chain is whole. */
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';

export interface AuditEvent {
  seq: number;
  recorded_at: string;
  actor: string;
  event: string;
  /** JSON, exactly as it was hashed. */
  details: string;
  previous_hash: string;
  hash: string;
}

export interface ChainState {
  events: number;
  /** Hash of the last event; 64 zeros when there is none. */
  head: string;
  /** What is wrong, in words; empty when the chain is whole. */
  faults: string[];
}

/** A head that was noted outside the database, where whoever rewrites the chain cannot rewrite it too. */
export interface NotedHead {
  /** "the report of 22 November 2026". */
  where: string;
  head: string;
  /** How many events there were; null where only the digest was noted. */
  events: number | null;
}

/** Stands for the hash of the event before the first. */
export const NO_HASH = '0'.repeat(64);

/** Adds an event in the transaction of what it tells. Details hold references only. */
export async function recordEvent(trx: Knex, actor: string, event: string, details: Record<string, unknown>): Promise<void> {
  await trx('audit_events').insert({ actor, event, details: JSON.stringify(details) });
}

/** Adds many events of one kind at once, in the order given. */
export async function recordEvents(trx: Knex, actor: string, event: string, details: readonly Record<string, unknown>[]): Promise<void> {
  await trx.batchInsert(
    'audit_events',
    details.map((one) => ({ actor, event, details: JSON.stringify(one) })),
    1000,
  );
}

const EVENTS_A_PAGE = 5000;

/** Every event in order, `recorded_at` as it was hashed. Read by key, so that a long chain needs little memory. */
export async function* readEvents(db: Knex): AsyncGenerator<AuditEvent> {
  // From before the first: a forged event may bear the number 0 or less.
  for (let after: string | null = null; ;) {
    const page: { rows: (AuditEvent & { key: string })[] } = await db.raw(
      `select cast(seq as text) as key, seq, to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as recorded_at,
         actor, event, details, previous_hash, hash
       from audit_events ${after === null ? '' : 'where seq > cast(:after as bigint)'} order by seq limit ${EVENTS_A_PAGE}`,
      after === null ? {} : { after },
    );
    for (const { key, ...event } of page.rows) {
      after = key;
      yield event;
    }
    if (page.rows.length === 0) return;
  }
}

/** The digest of the last event, as each night's report prints it; 64 zeros when there is none. */
export async function auditHead(db: Knex): Promise<{ events: number; head: string }> {
  const last = await db('audit_events').orderBy('seq', 'desc').first<{ seq: number; hash: string } | undefined>('seq', 'hash');
  return { events: last?.seq ?? 0, head: last?.hash ?? NO_HASH };
}

/**
 * Follows the chain from its first event, and looks for each noted head at its place in it: a chain that was cut off, or made
 * anew by somebody who knows how hashes are made, is whole in itself. Needs no database. Returns at most 20 faults of events,
 * and one for each head that is not there.
 */
export async function verifyChain(events: AsyncIterable<AuditEvent>, noted: readonly NotedHead[] = []): Promise<ChainState> {
  const state: ChainState = { events: 0, head: NO_HASH, faults: [] };
  const wanted = new Set(noted.map(({ head }) => head));
  const places = new Map([[NO_HASH, 0]]);
  for await (const event of events) {
    state.events++;
    if (state.faults.length < 20) state.faults.push(...faultsOf(event, state));
    state.head = event.hash;
    if (wanted.has(event.hash)) places.set(event.hash, state.events);
  }
  state.faults.push(...noted.flatMap((head) => faultsOfHead(head, places.get(head.head), state.events)));
  return state;
}

function faultsOfHead({ where, events }: NotedHead, place: number | undefined, now: number): string[] {
  if (place !== undefined && (events === null || place === events)) return [];
  if (events === null) return [`${where} is not in this chain: it ends before that event, or was made anew`];
  if (place !== undefined) return [`${where} stands at event ${place}, not at event ${events}`];
  return events > now
    ? [`${where} had ${events} events and this chain has ${now}: its end was cut off`]
    : [`${where} had another hash at event ${events}: that event or one before it was changed, and the hashes made anew`];
}

function faultsOf(event: AuditEvent, before: { events: number; head: string }): string[] {
  const faults: string[] = [];
  if (event.seq !== before.events)
    faults.push(`event ${event.seq} stands where event ${before.events} should: events were removed, added or swapped`);
  if (event.previous_hash !== before.head) faults.push(`event ${event.seq} does not follow the event before it`);
  if (event.hash !== hashOf(event)) faults.push(`event ${event.seq} was changed after it was recorded`);
  return faults;
}

function hashOf({ previous_hash, seq, recorded_at, actor, event, details }: AuditEvent): string {
  return createHash('sha256').update([previous_hash, seq, recorded_at, actor, event, details].join('\n'), 'utf8').digest('hex');
}
