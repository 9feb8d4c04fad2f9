/** Safeguarding Unit reviews: which are due, and that one was done, with what was removed and who authorised it. */
import type { Knex } from 'knex';
import { longDate, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';
import { lockRegisteredFile } from './registeredFile.ts';

export interface DueReview {
  file_ref: string;
  review_on: IsoDate;
  overdue_days: number;
  closed_on: IsoDate | null;
}

export interface ReviewNote {
  note: string;
  authorisedBy: string | null;
}

/** Records the review that is due. The note stays with the file: it is free text, so the audit does not hold it. */
export async function reviewDone(
  trx: Knex.Transaction,
  fileRef: string,
  { note, authorisedBy }: ReviewNote,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<{ file_ref: string; review_on: IsoDate; done_on: IsoDate }> {
  requirePermission(person, 'record_outside');
  await lockRegisteredFile(trx, fileRef);
  const words = note.trim();
  if (words === '') throw new Refusal('note_missing', 'Say what was removed, or that nothing was, with --note "…".', { file: fileRef });
  const [due] = await readDueReviews(trx, asOf, fileRef);
  if (!due) throw await noReviewDue(trx, fileRef);
  await trx('reviews_done').insert({
    file_ref: fileRef,
    review_on: due.review_on,
    done_by: person.name,
    done_on: asOf,
    note: words,
    authorised_by: authorisedBy?.trim() || null,
  });
  // Without the day: the 18th birthday tells the birth of a child.
  await recordEvent(trx, person.name, 'review.done', { file: fileRef });
  return { file_ref: fileRef, review_on: due.review_on, done_on: asOf };
}

/** A select of DueReview: those due and not done on the day :asOf. */
export const DUE_REVIEWS = `select d.file_ref, d.review_on, cast(:asOf as date) - d.review_on as overdue_days, f.closed_on
     from determinations d left join case_files f on f.file_ref = d.file_ref
     where d.review_on <= cast(:asOf as date)
       and not exists (select from reviews_done w where w.file_ref = d.file_ref and w.review_on >= d.review_on)`;

/** Reviews that are due and not done, the longest overdue first; of one file when it is named. */
export async function readDueReviews(db: Knex, asOf: IsoDate, fileRef: string | null = null): Promise<DueReview[]> {
  const result = await db.raw<{ rows: DueReview[] }>(
    `${DUE_REVIEWS} and (cast(:fileRef as text) is null or d.file_ref = :fileRef) order by d.review_on, d.file_ref`,
    { asOf, fileRef },
  );
  return result.rows;
}

async function noReviewDue(trx: Knex.Transaction, fileRef: string): Promise<Refusal> {
  const determined = await trx('determinations').where({ file_ref: fileRef }).first<{ review_on: IsoDate | null } | undefined>('review_on');
  const done = await trx('reviews_done')
    .where({ file_ref: fileRef })
    .orderBy('review_on', 'desc')
    .first<{ review_on: IsoDate; done_by: string; done_on: IsoDate } | undefined>();
  const reviewOn = determined?.review_on ?? null;
  const why =
    reviewOn === null
      ? 'it has no review date; only Safeguarding Unit files whose children’s births are all known have one'
      : done && done.review_on >= reviewOn
        ? `it was done on ${longDate(done.done_on)} by ${done.done_by}`
        : `it is due on ${longDate(reviewOn)}`;
  return new Refusal('no_review_due', `No review of ${fileRef} is due: ${why}. "retention review list" shows those that are.`, {
    file: fileRef,
  });
}
