/** A records manager confirms what the system doubts: an earlier date, a birth or a date that can hardly be right, a hold that covers a file no more. */
import type { Knex } from 'knex';
import type { Block } from '../rules/checks.ts';
import type { IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import { recordEvent } from './audit.ts';
import { candidacyOf, DOUBTED_FACTS, type Candidacy } from './candidacy.ts';
import { movedSql } from './holdMatching.ts';
import { lockRegisteredFile } from './registeredFile.ts';

/** The blocks that end by being confirmed. */
export const CONFIRMABLE = ['shortened', 'doubtful_birth', 'doubtful_date', 'hold_moved'] as const satisfies readonly Block[];
export type Confirmable = (typeof CONFIRMABLE)[number];

export interface Confirmed {
  file_ref: string;
  confirmed: Confirmable[];
  eligible_from: IsoDate | null;
  /** What still stands in the way. */
  blocks: Block[];
}

/** Confirms every doubt that blocks the file now. Other facts are doubted again. */
export async function confirmFile(
  trx: Knex.Transaction,
  schedule: Schedule,
  fileRef: string,
  reason: string,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<Confirmed> {
  requirePermission(person, 'confirm');
  await lockRegisteredFile(trx, fileRef);
  const words = reason.trim();
  if (words === '') throw new Refusal('reason_missing', 'Say why the record is right with --reason "…".', { file: fileRef });
  const confirmed = doubtsOf(await candidacyNow(trx, schedule, asOf, fileRef), fileRef);
  const holds: number[] = [];
  for (const block of confirmed) {
    const confirmation = await insertConfirmation(trx, { fileRef, block, reason: words, by: person.name, asOf });
    if (block === 'shortened') await acceptDate(trx, fileRef);
    if (block === 'hold_moved') holds.push(...(await letGo(trx, fileRef, confirmation)));
  }
  await recordEvent(trx, person.name, 'file.confirmed', { file: fileRef, blocks: confirmed, ...(holds.length > 0 ? { holds } : {}) });
  const after = await candidacyNow(trx, schedule, asOf, fileRef);
  return { file_ref: fileRef, confirmed, eligible_from: after?.eligible_from ?? null, blocks: after?.blocks ?? [] };
}

async function candidacyNow(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate, fileRef: string): Promise<Candidacy | undefined> {
  return (await candidacyOf(trx, schedule, asOf, [fileRef]))[0];
}

function doubtsOf(candidacy: Candidacy | undefined, fileRef: string): Confirmable[] {
  if (!candidacy) {
    throw new Refusal('not_determined', `${fileRef} has no determination yet. The next night makes one; look at it then.`, {
      file: fileRef,
    });
  }
  const doubts = CONFIRMABLE.filter((block) => candidacy.blocks.includes(block));
  if (doubts.length > 0) return doubts;
  const blocks = candidacy.blocks.length > 0 ? `It is blocked by ${candidacy.blocks.join(', ').replaceAll('_', ' ')}` : 'Nothing blocks it';
  throw new Refusal(
    'nothing_to_confirm',
    `There is nothing to confirm about ${fileRef}: its date did not become earlier, neither a birth nor a date is doubtful, and no hold lost it. ${blocks}; "retention explain ${fileRef}" says more.`,
    { file: fileRef },
  );
}

/** The digest is of the facts as they stand, so that what is corrected later is doubted again. */
async function insertConfirmation(
  trx: Knex.Transaction,
  confirmation: { fileRef: string; block: Confirmable; reason: string; by: string; asOf: IsoDate },
): Promise<number> {
  const { block } = confirmation;
  const digest = block === 'shortened' || block === 'hold_moved' ? 'cast(null as text)' : DOUBTED_FACTS[block];
  const inserted = await trx.raw<{ rows: { id: number }[] }>(
    `insert into confirmations (file_ref, block, confirmed_facts, confirmed_by, confirmed_on, reason)
     select f.file_ref, :block, x.facts, :by, :asOf, :reason
     from case_files f cross join lateral (
       select ${digest} as facts from (select) one left join people p on p.person_ref = any(f.subject_refs)) x
     where f.file_ref = :fileRef returning id`,
    confirmation,
  );
  return (inserted.rows[0] as { id: number }).id;
}

/** From now on the file goes without the holds that it left; one that covers it again, and loses it again, is another question. */
async function letGo(trx: Knex.Transaction, fileRef: string, confirmation: number): Promise<number[]> {
  const result = await trx.raw<{ rows: { hold_id: number }[] }>(
    `update hold_covers c set confirmation_id = :confirmation
     from (select k.hold_id, k.file_ref from case_files f cross join lateral (select k.hold_id, k.file_ref ${movedSql('f')}) k where f.file_ref = :fileRef) m
     where c.file_ref = m.file_ref and c.hold_id = m.hold_id returning c.hold_id`,
    { fileRef, confirmation },
  );
  return result.rows.map(({ hold_id }) => hold_id).sort((a, b) => a - b);
}

/** From now on a date is earlier only if it is earlier than this one. */
async function acceptDate(trx: Knex.Transaction, fileRef: string): Promise<void> {
  await trx('determinations')
    .where({ file_ref: fileRef })
    .update({ shortened_on: null, guarded_from: trx.ref('eligible_from') });
}
