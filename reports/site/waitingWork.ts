/** What waits besides lists, as links with their counts: what is overdue first, and nothing that has none. */
import { countDisagreements } from '../../db/disagreements.ts';
import { countHolds } from '../../db/holdPages.ts';
import { countReferrals } from '../../db/referrals.ts';
import { countWork } from '../../db/workPages.ts';
import type { SignedVisit } from './page.ts';
import { outsideAddress } from './pages/outside.ts';

export interface WaitingLink {
  files: number;
  /** What it is of one, and of several. */
  one: string;
  many: string;
  href: string;
  /** Somebody should have done it already. */
  overdue: boolean;
}

/** Each with at least one. */
export async function waitingWork({ db, asOf }: SignedVisit): Promise<WaitingLink[]> {
  const holds = await countHolds(db, asOf);
  const work = await countWork(db, ['reviews', 'receipts', 'paper', 'originals', 'removals'], asOf);
  const link = (files: number, one: string, many: string, href: string, overdue = false) => ({ files, one, many, href, overdue });
  const links = [
    link(
      await countDisagreements(db),
      'file on which our two calculations differ',
      'files on which our two calculations differ',
      '/brakes#disagreements',
      true,
    ),
    link(holds.due, 'hold is due for review', 'holds are due for review', '/holds?show=due', true),
    link(work.reviews, 'Safeguarding Unit review is due', 'Safeguarding Unit reviews are due', '/reviews', true),
    link(
      work.originals,
      'file has originals that should be back',
      'files have originals that should be back',
      outsideAddress('originals'),
      true,
    ),
    link(
      work.removals,
      'archived file is still in the source system',
      'archived files are still in the source system',
      outsideAddress('removals'),
      true,
    ),
    link(holds.asked, 'release of a hold is to be confirmed', 'releases of holds are to be confirmed', '/holds?show=asked'),
    link(
      work.receipts,
      'file waits to be received by Adult Services',
      'files wait to be received by Adult Services',
      outsideAddress('receipts'),
    ),
    link(work.paper, 'file waits for its paper', 'files wait for their paper', outsideAddress('paper')),
    link(await countReferrals(db), 'file is referred to somebody', 'files are referred to somebody', '/referrals'),
  ];
  return links.filter(({ files }) => files > 0);
}
