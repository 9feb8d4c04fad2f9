/** Safeguarding Unit reviews that are due, and recording that one was done. */
import { reviewDone } from '../../../db/reviews.ts';
import { countWork, workOn, workPage } from '../../../db/workPages.ts';
import { longDate } from '../../../rules/dates.ts';
import { actingOnForm, shownErrors, type FormState } from '../acting.ts';
import { may, page, redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { readWorkKey, refText, workKeyText } from '../workKeys.ts';
import { ON_A_PAGE } from '../tables.ts';

export const reviewRoutes: readonly Route[] = [
  { method: 'GET', url: '/reviews', needs: 'read', handler: reviewsPage },
  { method: 'GET', url: '/reviews/done', needs: 'record_outside', handler: (visit) => reviewPage(visit, visit.query.one('ref')) },
  { method: 'POST', url: '/reviews/done', needs: 'record_outside', handler: markDone },
];

const NOTHING_TYPED: FormState = { typed: { note: '', authorised_by: '' }, errors: [] };

async function reviewsPage(visit: SignedVisit): Promise<Answer> {
  const { db, asOf, query } = visit;
  const after = readWorkKey(query);
  const { rows, next } = await workPage(db, 'reviews', { asOf, after }, ON_A_PAGE);
  return page('reviews', 'Reviews', {
    reviews: rows.map((review) => ({ ...review, refText: refText(review.file_ref) })),
    count: (await countWork(db, ['reviews'], asOf)).reviews,
    records: may(visit, 'record_outside'),
    first: after === null ? null : '/reviews',
    next: next && `/reviews?${workKeyText(next)}`,
  });
}

async function reviewPage(visit: SignedVisit, ref: string, { typed, errors }: FormState = NOTHING_TYPED): Promise<Answer> {
  const review = await workOn(visit.db, 'reviews', visit.asOf, ref);
  if (!review) return notDue('information');
  const data = { review, refText: refText(ref), typed, errors: shownErrors(errors) };
  return page('review', 'Record a review', data, errors.length > 0 ? 422 : 200);
}

async function markDone(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const [ref, note, authorisedBy] = [body.one('ref'), body.one('note'), body.one('authorised_by')];
  const refusals = {
    note_missing: { field: 'note', words: 'Say what was removed, or that nothing was' },
    no_review_due: { field: 'note' },
  };
  const outcome = await actingOnForm(visit, 'review_done', refusals, (trx) =>
    reviewDone(trx, ref, { note, authorisedBy }, { person, asOf }),
  );
  if (!('errors' in outcome))
    return redirect('/reviews', `The review of ${ref} that was due on ${longDate(outcome.done.review_on)} is recorded as done.`);
  if (outcome.code === 'no_review_due') return notDue('warning');
  return reviewPage(visit, ref, { typed: { note, authorised_by: authorisedBy }, errors: outcome.errors });
}

function notDue(variant: 'information' | 'warning'): Answer {
  const words = 'No review of that file is due. It may have been recorded meanwhile.';
  return redirect('/reviews', variant === 'warning' ? `Nothing more was recorded. ${words}` : words, variant);
}
