/** Files that were referred to a person by decision of a list, until a records manager closes the referral. */
import { closeReferral, openReferrals } from '../../../db/referrals.ts';
import { shortDate } from '../../../rules/dates.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { acting } from '../acting.ts';
import { may, page, redirect, seesNames, type Answer, type Route, type SignedVisit } from '../page.ts';
import { ON_A_PAGE } from '../tables.ts';
import { readWorkKey, refText, workKeyText } from '../workKeys.ts';

export const referralRoutes: readonly Route[] = [
  { method: 'GET', url: '/referrals', needs: 'read', handler: referralsPage },
  { method: 'POST', url: '/referrals/close', needs: 'close_referral', handler: close },
];

async function referralsPage(visit: SignedVisit): Promise<Answer> {
  const { db, query } = visit;
  const after = readWorkKey(query);
  const { rows, more } = await openReferrals(db, after, ON_A_PAGE);
  const last = rows.at(-1);
  return page('referrals', 'Referred files', {
    referrals: rows.map((row) => ({ ...row, note: seesNames(visit) ? row.note : null, refText: refText(row.file_ref) })),
    names: seesNames(visit),
    closes: may(visit, 'close_referral'),
    first: after === null ? null : '/referrals',
    next: more && last ? `/referrals?${workKeyText({ day: last.referred_on, ref: last.file_ref })}` : null,
  });
}

async function close(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const ref = body.one('ref');
  try {
    const closed = await acting(visit, 'close_referral', (trx) => closeReferral(trx, ref, { person, asOf }));
    const after = closed.action_refers
      ? 'Its action is to refer, so it stays off the lists until its facts change.'
      : 'It goes on a list again when nothing else blocks it.';
    return redirect('/referrals', `The referral of ${ref} of ${shortDate(closed.referred_on)} is closed. ${after}`);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'not_referred') throw error;
    return redirect('/referrals', `${ref} has no open referral. Somebody may have closed it meanwhile.`, 'information');
  }
}
