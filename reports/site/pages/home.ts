/** Home: what waits for the person, what is wrong, and the last night in one line. */
import { readBrakes } from '../../../db/brakes.ts';
import { decidedBy, listPage } from '../../../db/listPages.ts';
import type { ListSummary } from '../../../db/lists.ts';
import { latestNight } from '../../../db/runs.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { addDays, longDate, type IsoDate } from '../../../rules/dates.ts';
import { samePerson } from '../../../rules/userNames.ts';
import { WAITS_TOO_LONG_AFTER_DAYS } from '../../../rules/workflow.ts';
import { nightInWords } from '../nightWords.ts';
import { brakeInWords } from '../../retentionReport.ts';
import { clauseOf } from '../tables.ts';
import { waitingWork } from '../waitingWork.ts';
import { may, page, type Answer, type Route, type SignedVisit } from '../page.ts';

export const homeRoutes: readonly Route[] = [{ method: 'GET', url: '/', needs: 'signed_in', handler: homePage }];

/** Most lists of a kind that the page names; the rest is a link away. */
const SHOWN = 10;

async function homePage(visit: SignedVisit): Promise<Answer> {
  if (!may(visit, 'read')) return page('home', 'Home', { reads: false });
  const { db, asOf } = visit;
  const schedule = await scheduleInForce(db, asOf);
  const inWords = <List extends ListSummary>(list: List) => ({ ...list, clause: clauseOf(schedule, list.rule) });
  const forDecision = await listPage(db, { state: 'for_decision' }, SHOWN);
  const forSignOff = await listPage(db, { state: 'for_sign_off' }, SHOWN);
  const signing = (await Promise.all(forSignOff.rows.map((list) => withDeciders(visit, list)))).map(inWords);
  const brakes = (await readBrakes(db)).filter((brake) => brake.released_on === null);
  const night = await latestNight(db);
  return page('home', 'Home', {
    reads: true,
    forDecision: { ...forDecision, rows: forDecision.rows.map((list) => ({ ...inWords(list), late: isLate(list, asOf) })) },
    mayDecide: may(visit, 'decide'),
    forMe: signing.filter((list) => list.forMe),
    forOthers: signing.filter((list) => !list.forMe),
    more: forSignOff.more,
    brakes: brakes.map(({ name, tripped_on, details }) => ({ name, since: longDate(tripped_on), words: brakeInWords(name, details) })),
    waiting: await waitingWork(visit),
    night: night && nightInWords(night),
  });
}

interface WaitingList extends ListSummary {
  late: boolean;
  forMe: boolean;
  deciders: string[];
}

function isLate({ listed_on }: ListSummary, asOf: IsoDate): boolean {
  return addDays(listed_on, WAITS_TOO_LONG_AFTER_DAYS) < asOf;
}

async function withDeciders(visit: SignedVisit, list: ListSummary): Promise<WaitingList> {
  const deciders = (await decidedBy(visit.db, list.id)).map(({ name }) => name);
  return {
    ...list,
    late: isLate(list, visit.asOf),
    deciders,
    forMe: may(visit, 'sign_off') && !deciders.some((name) => samePerson(name, visit.person.name)),
  };
}
