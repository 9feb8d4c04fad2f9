/** How the facts and the date of a file came to be as they are. */
import type { Knex } from 'knex';
import { shortDate, type IsoDate } from '../rules/dates.ts';
import type { Determination } from '../rules/determine.ts';
import type { HistoryEntry } from '../rules/explain.ts';
import { FACT_WORDS, OUTCOME_WORDS } from '../rules/words.ts';

/** A change of a fact with its values: personal data, for the bag alone. */
export interface FactChange {
  on: IsoDate;
  kind: 'person' | 'family' | 'file' | 'document';
  ref: string;
  field: string;
  old_value: string | null;
  new_value: string | null;
}

/**
 * Changes of facts and of the date in words, oldest first. Names, places and documents are said to have changed, never what
 * they were: who reads the story may not see them, and a birth name beside an adoptive one gives the adoption away.
 */
export async function historyOf(db: Knex, fileRef: string): Promise<HistoryEntry[]> {
  const facts = await factChangesOf(db, fileRef);
  const dates = await db('determination_changes')
    .where({ file_ref: fileRef })
    .orderBy('id')
    .select<{ changed_on: IsoDate; before: Snapshot; after: Snapshot; shortened: boolean }[]>('changed_on', 'before', 'after', 'shortened');
  const entries: HistoryEntry[] = [
    ...facts.map((change) => ({ on: change.on, words: factWords(change) })),
    ...dates.map(({ changed_on, before, after, shortened }) => ({
      on: changed_on,
      words: dateWords(before, after, shortened),
      before,
      after,
    })),
  ];
  return entries.sort((a, b) => (a.on < b.on ? -1 : a.on > b.on ? 1 : 0));
}

/** Changes of the facts of a file, its people, its family and its documents, oldest first. */
export async function factChangesOf(db: Knex, fileRef: string): Promise<FactChange[]> {
  const changes = await db.raw<{ rows: FactChange[] }>(
    `select c.as_of as on, c.kind, c.ref, c.field, c.old_value, c.new_value from case_files f join fact_changes c
       on (c.kind in ('file', 'document') and c.ref = f.file_ref) or (c.kind = 'person' and c.ref = any(f.subject_refs))
         or (c.kind = 'family' and c.ref = f.family_ref)
     where f.file_ref = :fileRef order by c.id`,
    { fileRef },
  );
  return changes.rows;
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
