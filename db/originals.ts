/** Original documents on files: which have to go back to whom since when, and what became of them. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { OriginalsOutcome } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { lockRegisteredFile, type RegisteredFile } from './registeredFile.ts';

/** What a person records: who has them now, or how they were looked for in vain. */
export type OriginalsRecord = { outcome: 'returned' | 'given'; to: string } | { outcome: 'not_traced'; note: string };

export interface OriginalsHeld {
  file_ref: string;
  /** The day from which they should be with the person or the adopters; null while no day is known. */
  due_on: IsoDate | null;
  because: 'adulthood' | 'adoption' | null;
  overdue: boolean;
}

/** Records what became of the originals of a file. The caution stays until the source system says that none are held. */
export async function recordOriginals(
  trx: Knex.Transaction,
  fileRef: string,
  record: OriginalsRecord,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<{ file_ref: string; outcome: OriginalsOutcome; recorded_on: IsoDate }> {
  requirePermission(person, 'record_outside');
  const file = await lockRegisteredFile(trx, fileRef);
  const { outcome } = record;
  refuseUnlikely(file, outcome, asOf);
  const words = (outcome === 'not_traced' ? record.note : record.to).trim();
  if (words === '') throw emptyWords(outcome, fileRef);
  await trx('originals').insert({
    file_ref: fileRef,
    outcome,
    handed_to: outcome === 'not_traced' ? null : words,
    note: outcome === 'not_traced' ? words : null,
    recorded_by: person.name,
    recorded_on: asOf,
  });
  await recordEvent(trx, person.name, `originals.${outcome}`, { file: fileRef });
  return { file_ref: fileRef, outcome, recorded_on: asOf };
}

/** A select of OriginalsHeld on the day :asOf. */
export const ORIGINALS_HELD = `select f.file_ref, x.due_on,
       case when x.due_on = f.adoption_order_on then 'adoption' when x.due_on is not null then 'adulthood' end as because,
       coalesce(x.due_on <= cast(:asOf as date), false) as overdue
     from case_files f
     cross join lateral (
       select least(f.adoption_order_on, min(a.birthday_18)) as due_on
       from people p cross join lateral (select anniversary(p.birth_latest, interval '18 years') as birthday_18) a
       where p.person_ref = any(f.subject_refs) and coalesce(p.date_of_death >= a.birthday_18, true)) x
     where f.originals_held and not exists (select from originals o where o.file_ref = f.file_ref)`;

/** Enters what `ORIGINALS_HELD` says into the table that pages read, in their order; only differences are written. */
export async function refreshOriginalsDue(trx: Knex.Transaction, asOf: IsoDate): Promise<void> {
  await trx.raw(
    `with held as materialized (${ORIGINALS_HELD}),
     gone as (delete from originals_due o where not exists (select from held h where h.file_ref = o.file_ref))
     insert into originals_due (file_ref, due_on)
     select h.file_ref, h.due_on from held h left join originals_due o on o.file_ref = h.file_ref
     where o.file_ref is null or o.due_on is distinct from h.due_on
     on conflict (file_ref) do update set due_on = excluded.due_on`,
    { asOf },
  );
}

/** A select of OriginalsHeld on the day :asOf, as the last compute found them; key_on orders it. */
export const ORIGINALS_DUE = `select o.file_ref, o.due_on,
       case when o.due_on = f.adoption_order_on then 'adoption' when o.due_on is not null then 'adulthood' end as because,
       o.key_on <= cast(:asOf as date) as overdue, o.key_on
     from originals_due o left join case_files f on f.file_ref = o.file_ref
     where not exists (select from originals r where r.file_ref = o.file_ref)`;

/**
 * Files with originals of which nothing is recorded yet, the longest overdue first. The policy returns them to the young person
 * at adulthood, or gives them to the adopters once the adoption is completed: whichever came first. Somebody who died before
 * the 18th birthday never reaches it.
 */
export async function readOriginalsHeld(db: Knex, asOf: IsoDate): Promise<OriginalsHeld[]> {
  const result = await db.raw<{ rows: OriginalsHeld[] }>(`${ORIGINALS_HELD} order by x.due_on nulls last, f.file_ref`, { asOf });
  return result.rows;
}

function refuseUnlikely(file: RegisteredFile, outcome: OriginalsOutcome, asOf: IsoDate): void {
  const about = { file: file.file_ref };
  if (file.originals_held !== true) {
    throw new Refusal(
      'no_originals',
      `The register does not say that originals are on ${file.file_ref}. If there are some, have originals_held set to yes at the source, and record it after the next extract.`,
      about,
    );
  }
  if (outcome === 'given' && (file.adoption_order_on === null || file.adoption_order_on > asOf)) {
    throw new Refusal(
      'no_adoption_order',
      `Originals are given to the adopters once the adoption is completed, and the register has no adoption order for ${file.file_ref}. Record "originals returned" if they went to the person, or have the order entered at the source first.`,
      about,
    );
  }
}

function emptyWords(outcome: OriginalsOutcome, fileRef: string): Refusal {
  return outcome === 'not_traced'
    ? new Refusal('note_missing', 'Say how the person was looked for with --note "…".', { file: fileRef })
    : new Refusal('recipient_missing', 'Say who has the originals now with --to "…".', { file: fileRef });
}
