/** How the facts and the date of a file came to be as they are. */
import type { Knex } from 'knex';
import { shortDate, type IsoDate } from '../rules/dates.ts';
import type { Determination } from '../rules/determine.ts';
import type { HistoryEntry } from '../rules/explain.ts';
import { FACT_WORDS, OUTCOME_WORDS } from '../rules/words.ts';
import { indexedBy, TIME_OF_DAY } from './auditPlaces.ts';

/** A change of a fact with its values: personal data, for the bag alone. */
export interface FactChange {
  on: IsoDate;
  kind: 'person' | 'family' | 'file' | 'document';
  ref: string;
  field: string;
  old_value: string | null;
  new_value: string | null;
}

/** The same as `placedHistory` without places in the audit, which are of this database: what goes into a bag. */
export async function historyOf(db: Knex, fileRef: string): Promise<HistoryEntry[]> {
  return (await placedHistory(db, fileRef)).map(({ seq: _seq, time: _time, ...entry }) => entry);
}

/**
 * Changes of facts and of the date in words, oldest first, in the order of the audit. Names, places and documents are said to have
 * changed, never what they were: who reads the story may not see them, and a birth name beside an adoptive one gives the adoption away.
 */
export async function placedHistory(db: Knex, fileRef: string): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [
    ...(await factChanges(db, fileRef)).map((change) => ({
      on: change.on,
      seq: change.seq,
      time: change.time,
      words: factWords(change),
    })),
    ...(await dateChanges(db, fileRef)).map(({ changed_on, before, after, shortened, seq, time }) => ({
      on: changed_on,
      seq,
      time,
      words: dateWords(before, after, shortened),
      before,
      after,
    })),
  ];
  return entries.sort(byPlace);
}

/** By business date, then by place in the audit; what has none comes first. */
export function byPlace(one: { on: IsoDate; seq?: number | null }, other: { on: IsoDate; seq?: number | null }): number {
  if (one.on !== other.on) return one.on < other.on ? -1 : 1;
  return (one.seq ?? 0) - (other.seq ?? 0);
}

/** Changes of the facts of a file, its people, its family and its documents, oldest first. */
export async function factChangesOf(db: Knex, fileRef: string): Promise<FactChange[]> {
  return (await factChanges(db, fileRef)).map(({ seq: _seq, time: _time, ...change }) => change);
}

interface Unplaced {
  seq: number | null;
  time: string | null;
}

async function factChanges(db: Knex, fileRef: string): Promise<(FactChange & Unplaced)[]> {
  const changes = await db.raw<{ rows: (FactChange & Unplaced)[] }>(
    `select c.as_of as on, c.kind, c.ref, c.field, c.old_value, c.new_value, a.seq, a.time from case_files f join fact_changes c
       on (c.kind in ('file', 'document') and c.ref = f.file_ref) or (c.kind = 'person' and c.ref = any(f.subject_refs))
         or (c.kind = 'family' and c.ref = f.family_ref)
     left join lateral (${importPlace('c.import_id')}) a on true
     where f.file_ref = :fileRef order by c.id`,
    { fileRef },
  );
  return changes.rows;
}

/** A run determines after its import, and by itself after what was recorded before it began. */
async function dateChanges(
  db: Knex,
  fileRef: string,
): Promise<({ changed_on: IsoDate; before: Snapshot; after: Snapshot; shortened: boolean } & Unplaced)[]> {
  const result = await db.raw<{ rows: ({ changed_on: IsoDate; before: Snapshot; after: Snapshot; shortened: boolean } & Unplaced)[] }>(
    `select d.changed_on, d.before, d.after, d.shortened, cast(coalesce(a.seq, b.seq) as float8) + 0.5 as seq, coalesce(a.time, b.time) as time
     from determination_changes d
     left join imports i on i.run_id = d.run_id left join lateral (${importPlace('i.id')}) a on true
     left join runs r on r.id = d.run_id
     left join lateral (select a.seq, to_char(r.started_at at time zone 'Europe/London', 'HH24:MI') as time
       from audit_events a where a.recorded_at <= r.started_at order by a.recorded_at desc limit 1) b on true
     where d.file_ref = :fileRef order by d.id`,
    { fileRef },
  );
  return result.rows;
}

function importPlace(importId: string): string {
  return `select a.seq, ${TIME_OF_DAY} as time from audit_events a
    where a.${indexedBy('import')} and cast(a.details as jsonb) ->> 'import' = cast(${importId} as text) limit 1`;
}

interface Snapshot extends Record<string, unknown> {
  outcome: Determination['outcome'];
  retain_until: IsoDate | null;
}

function factWords({ on, kind, ref, field, old_value, new_value }: FactChange): string {
  if (kind === 'document') return `A document ${old_value === null ? 'was added' : new_value === null ? 'was taken off' : 'changed'}.`;
  if (kind === 'family') return new_value === null ? `${old_value ?? ''} left the family.` : `${new_value} joined the family.`;
  if (field === 'name') return `The name changed on ${shortDate(on)} (${ref}).`;
  const label = FACT_WORDS[field];
  if (label === undefined) return 'Where the paper is changed.';
  return `${label}${kind === 'person' ? ` of ${ref}` : ''}: ${valueWords(field, new_value)}, before that ${valueWords(field, old_value)}.`;
}

function valueWords(field: string, value: string | null): string {
  if (value === null || value === '') return 'not known';
  if (field.startsWith('date_of_') || field.endsWith('_on')) return shortDate(value);
  if (value === 'true' || value === 'false') return value === 'true' ? 'yes' : 'no';
  const values = value.split(';').join(', ');
  return field === 'categories' ? values.replaceAll('_', ' ') : values;
}

function dateWords(before: Snapshot, after: Snapshot, shortened: boolean): string {
  const said = (snapshot: Snapshot) =>
    snapshot.retain_until ? `is kept through ${shortDate(snapshot.retain_until)}` : OUTCOME_WORDS[snapshot.outcome];
  const toConfirm = shortened ? ' It is earlier, so a person must confirm it.' : '';
  return `Now it ${said(after)}; before that it ${said(before)}.${toConfirm}`;
}
