/** What waits besides lists, as links with their counts: what is overdue first, and nothing that has none. */
import { countWaits, type Wait } from '../../db/waits.ts';
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

/** In the order in which home shows them; lists have a place of their own there. */
const LINKS: Record<Exclude<Wait, 'lists_to_decide' | 'lists_to_sign'>, [one: string, many: string, href: string]> = {
  disagreements: ['file on which our two calculations differ', 'files on which our two calculations differ', '/brakes#disagreements'],
  holds_due: ['hold is due for review', 'holds are due for review', '/holds?show=due'],
  holds_that_lost: ['hold in force has lost files it covered', 'holds in force have lost files they covered', '/holds?show=lost'],
  reviews: ['Safeguarding Unit review is due', 'Safeguarding Unit reviews are due', '/reviews'],
  originals: ['file has originals that should be back', 'files have originals that should be back', outsideAddress('originals')],
  removals: ['archived file is still in the source system', 'archived files are still in the source system', outsideAddress('removals')],
  releases: ['release of a hold is to be confirmed', 'releases of holds are to be confirmed', '/holds?show=asked'],
  receipts: ['file waits to be received by Adult Services', 'files wait to be received by Adult Services', outsideAddress('receipts')],
  paper: ['file waits for its paper', 'files wait for their paper', outsideAddress('paper')],
  referrals: ['file is referred to somebody', 'files are referred to somebody', '/referrals'],
};

/** Each with at least one. */
export async function waitingWork({ db, asOf }: SignedVisit): Promise<WaitingLink[]> {
  const waits = await countWaits(db, asOf);
  const links = (Object.keys(LINKS) as (keyof typeof LINKS)[]).map((kind) => {
    const [one, many, href] = LINKS[kind];
    return { files: waits[kind].files, one, many, href, overdue: waits[kind].overdue > 0 };
  });
  return links.filter(({ files }) => files > 0);
}
