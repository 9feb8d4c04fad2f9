/** What a forger does to the audit who knows how its hashes are made; and how tests choose among very many forgeries. */
import { createHash } from 'node:crypto';
import type { AuditEvent } from '../../db/audit.ts';

export const FIELDS = ['seq', 'recorded_at', 'actor', 'event', 'details', 'previous_hash', 'hash'] as const;

/** The events numbered in their order, each following the one before: whole in itself. */
export function rehashed(events: readonly AuditEvent[]): AuditEvent[] {
  let previous_hash = '0'.repeat(64);
  return events.map((event, at) => {
    const row = withHash({ ...event, seq: at + 1, previous_hash });
    previous_hash = row.hash;
    return row;
  });
}

/** The event with the hash that its fields have. */
export function withHash(row: AuditEvent): AuditEvent {
  const { previous_hash, seq, recorded_at, actor, event, details } = row;
  const hash = createHash('sha256').update([previous_hash, seq, recorded_at, actor, event, details].join('\n'));
  return { ...row, hash: hash.digest('hex') };
}

/** An event that nobody recorded, and that follows the one before that place in every way. */
export function forgedAt(events: readonly AuditEvent[], at: number): AuditEvent {
  const before = events[at - 1];
  return withHash({
    seq: at + 1,
    recorded_at: before?.recorded_at ?? '2026-11-22T12:00:00.000000Z',
    actor: 'nobody',
    event: 'list.signed_off',
    details: '{"list":1}',
    previous_hash: before?.hash ?? '0'.repeat(64),
    hash: '',
  });
}

/** Two events in each other's place, each with its own number or with that of its new place. */
export function swapped(events: readonly AuditEvent[], one: number, other: number, how: 'as they are' | 'renumbered'): AuditEvent[] {
  const [a, b] = [events[one] as AuditEvent, events[other] as AuditEvent];
  if (how === 'as they are') return events.with(one, b).with(other, a);
  return events.with(one, { ...b, seq: a.seq }).with(other, { ...a, seq: b.seq });
}

/** The event with another character at that place of a field. */
export function withCharacter(event: AuditEvent, field: (typeof FIELDS)[number], place: number): AuditEvent {
  const text = String(event[field]);
  const changed = `${text.slice(0, place)}${text[place] === '7' ? '8' : '7'}${text.slice(place + 1)}`;
  return { ...event, [field]: field === 'seq' ? Number(changed) : changed };
}

/** A line of an exported file. */
export function lineOf(event: AuditEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** Every range of at least one: from, and up to without. */
export function pairs(length: number): [from: number, to: number][] {
  return Array.from({ length }, (_, from) =>
    Array.from({ length: length - from }, (__, n): [number, number] => [from, from + n + 1]),
  ).flat();
}

/** So many of them, spread evenly, first and last among them. */
export function sample<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / Math.max(most - 1, 1))] as T);
}
