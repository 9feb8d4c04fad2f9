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

const NO_HASH = '0'.repeat(64);

/** Adds an event in the transaction of what it tells. Details hold references only. Returns the new head. */
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

/** Every event in order, `recorded_at` as it was hashed. Read by key, so that a long chain needs little memory. */
export async function* readEvents(db: Knex, pageSize = 5000): AsyncGenerator<AuditEvent> {
  for (let after = 0; ;) {
    const page = await db.raw<{ rows: AuditEvent[] }>(
      `select seq, to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as recorded_at, actor, event, details, previous_hash, hash
       from audit_events where seq > :after order by seq limit :pageSize`,
      { after, pageSize },
    );
    yield* page.rows;
    const last = page.rows.at(-1);
    if (!last) return;
    after = last.seq;
  }
}

/** The digest of the last event, as each night's report prints it; 64 zeros when there is none. */
export async function auditHead(db: Knex): Promise<{ events: number; head: string }> {
  const last = await db('audit_events').orderBy('seq', 'desc').first<{ seq: number; hash: string } | undefined>('seq', 'hash');
  return { events: last?.seq ?? 0, head: last?.hash ?? NO_HASH };
}

/** Follows the chain from its first event; needs no database. Stops collecting after 20 faults. */
export async function verifyChain(events: AsyncIterable<AuditEvent>): Promise<ChainState> {
  const state: ChainState = { events: 0, head: NO_HASH, faults: [] };
  for await (const event of events) {
    state.events++;
    if (state.faults.length < 20) state.faults.push(...faultsOf(event, state));
    state.head = event.hash;
  }
  return state;
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
