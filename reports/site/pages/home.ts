/** Home: what waits for the person, what is wrong, and the last night in one line. */
import { readBrakes } from '../../../db/brakes.ts';
import { decidedBy, listPage } from '../../../db/listPages.ts';
import type { ListSummary } from '../../../db/lists.ts';
import { latestNight } from '../../../db/runs.ts';
import { longDate } from '../../../rules/dates.ts';
import { nightInWords } from '../nightWords.ts';
import { brakeInWords } from '../../retentionReport.ts';
import { may, page, type Answer, type Route, type SignedVisit } from '../page.ts';

export const homeRoutes: readonly Route[] = [{ method: 'GET', url: '/', needs: 'signed_in', handler: homePage }];

/** Most lists of a kind that the page names; the rest is a link away. */
const SHOWN = 10;

async function homePage(visit: SignedVisit): Promise<Answer> {
  if (!may(visit, 'read')) return page('home', 'Home', { reads: false });
  const { db } = visit;
  const forDecision = await listPage(db, { state: 'for_decision' }, SHOWN);
  const forSignOff = await listPage(db, { state: 'for_sign_off' }, SHOWN);
  const signing = await Promise.all(forSignOff.rows.map((list) => withDeciders(visit, list)));
  const brakes = (await readBrakes(db)).filter((brake) => brake.released_on === null);
  const night = await latestNight(db);
  return page('home', 'Home', {
    reads: true,
    forDecision,
    mayDecide: may(visit, 'decide'),
    forMe: signing.filter((list) => list.forMe),
    forOthers: signing.filter((list) => !list.forMe),
    more: forSignOff.more,
    brakes: brakes.map(({ name, tripped_on, details }) => ({ name, since: longDate(tripped_on), words: brakeInWords(name, details) })),
    night: night && nightInWords(night),
  });
}

async function withDeciders(visit: SignedVisit, list: ListSummary): Promise<ListSummary & { forMe: boolean; deciders: string[] }> {
  const deciders = (await decidedBy(visit.db, list.id)).map(({ name }) => name);
  return { ...list, deciders, forMe: may(visit, 'sign_off') && !deciders.includes(visit.person.name) };
}
