/** Everything that waits for a person, counted in one place: home shows it, and the doctor says what has waited too long. */
import type { Knex } from 'knex';
import { addDays, type IsoDate } from '../rules/dates.ts';
import { WAITS_TOO_LONG_AFTER_DAYS } from '../rules/workflow.ts';
import { countOf } from './counts.ts';
import { countDisagreements } from './disagreements.ts';
import { countHolds } from './holdPages.ts';
import { countReferrals } from './referrals.ts';
import { countWork } from './workPages.ts';

export const WAITS = [
  'disagreements',
  'holds_due',
  'holds_that_lost',
  'reviews',
  'originals',
  'removals',
  'releases',
  'receipts',
  'paper',
  'referrals',
  'lists_to_decide',
  'lists_to_sign',
] as const;
export type Wait = (typeof WAITS)[number];

export interface Waiting {
  files: number;
  /** Of these, what somebody should have seen to already. */
  overdue: number;
}

/** How much waits of each kind on a day. What has a day of its own is overdue from it on; a list, a receipt and paper after some weeks. */
export async function countWaits(db: Knex, asOf: IsoDate): Promise<Record<Wait, Waiting>> {
  const holds = await countHolds(db, asOf);
  const work = await countWork(db, ['reviews', 'receipts', 'paper', 'originals', 'removals'], asOf);
  const late = addDays(asOf, -WAITS_TOO_LONG_AFTER_DAYS);
  const items = (status: string) =>
    countOf(db, `select count(*) from disposal_list_items where status = '${status}' and status_on < '${late}'`);
  const lists = async (state: string): Promise<Waiting> => ({
    files: await countOf(db, `select count(*) from disposal_lists where state = '${state}'`),
    overdue: await countOf(db, `select count(*) from disposal_lists where state = '${state}' and listed_on < '${late}'`),
  });
  const at = (files: number): Waiting => ({ files, overdue: files });
  return {
    disagreements: at(await countDisagreements(db)),
    holds_due: at(holds.due),
    holds_that_lost: at(holds.lost),
    reviews: at(work.reviews),
    originals: at(work.originals),
    removals: at(work.removals),
    releases: { files: holds.asked, overdue: 0 },
    receipts: { files: work.receipts, overdue: await items('waiting_for_receipt') },
    paper: { files: work.paper, overdue: await items('waiting_for_paper') },
    referrals: { files: await countReferrals(db), overdue: 0 },
    lists_to_decide: await lists('for_decision'),
    lists_to_sign: await lists('for_sign_off'),
  };
}
