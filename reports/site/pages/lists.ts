/** Disposal lists: all of them, newest first unless sorted otherwise, by state and rule. */
import { decidersOf, LIST_ORDERS, listPage, type ListOrder, type Sorting } from '../../../db/listPages.ts';
import type { ListSummary } from '../../../db/lists.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { daysBetween, type IsoDate } from '../../../rules/dates.ts';
import type { DisposalAction } from '../../../rules/determine.ts';
import type { Schedule } from '../../../rules/schedule.ts';
import { ACTION_WORDS } from '../../../rules/words.ts';
import { LIST_STATES } from '../../../rules/workflow.ts';
import { LIST_STATE_WORDS } from '../../retentionReport.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { readSorting, sortableHeads, sortingField } from '../sorting.ts';
import { addressOf, clauseOf, ON_A_PAGE } from '../tables.ts';

export const listsRoutes: readonly Route[] = [{ method: 'GET', url: '/lists', needs: 'read', handler: listsPage }];

const NEWEST_FIRST: Sorting<ListOrder> = { by: 'list', descending: true };

const HEADS = [
  ['List', 'list'],
  ['Rule', 'rule'],
  ['What is done'],
  ['State'],
  ['#Files'],
  ['Listed on', 'listed'],
  ['#Age in days'],
  ['Decided by'],
  ['Signed by'],
] as const satisfies readonly (readonly [string, ListOrder?])[];

async function listsPage({ db, query, asOf }: SignedVisit): Promise<Answer> {
  const schedule = await scheduleInForce(db, asOf);
  const state = LIST_STATES.find((word) => word === query.one('state'));
  const rule = schedule.rules.find(({ id }) => id === query.one('rule'))?.id;
  const sort = readSorting(query, LIST_ORDERS, NEWEST_FIRST);
  const after = query.number('after');
  const filter = { ...(state ? { state } : {}), ...(rule ? { rule } : {}), ...(after ? { after } : {}) };
  const { rows, more } = await listPage(db, { ...filter, sort }, ON_A_PAGE);
  const deciders = await decidersOf(
    db,
    rows.map(({ id }) => id),
  );
  const address = (change: Record<string, string | number | undefined>) =>
    addressOf('/lists', { state, rule, sort: query.one('sort') === '' ? undefined : sortingField(sort), ...change });
  return page('lists', 'Disposal lists', {
    heads: sortableHeads<ListOrder>(HEADS, sort, (other) => address({ sort: sortingField(other) })),
    lists: rows.map((list) => listRow(list, schedule, deciders.get(list.id) ?? [], asOf)),
    states: [
      { text: 'All', href: address({ state: undefined }), current: state === undefined },
      ...LIST_STATES.map((word) => ({ text: LIST_STATE_WORDS[word], href: address({ state: word }), current: word === state })),
    ],
    rules: [
      { text: 'All rules', href: address({ rule: undefined }), current: rule === undefined },
      ...schedule.rules.map(({ id }) => ({ text: id, href: address({ rule: id }), current: id === rule })),
    ],
    first: after === undefined ? null : address({}),
    next: more ? address({ after: rows.at(-1)?.id }) : null,
  });
}

function listRow(list: ListSummary, schedule: Schedule, deciders: string[], asOf: IsoDate) {
  return {
    ...list,
    clause: clauseOf(schedule, list.rule),
    actionWords: ACTION_WORDS[list.action as DisposalAction],
    stateWords: LIST_STATE_WORDS[list.state],
    age: ageOf(list, asOf),
    deciders,
  };
}

/** Days since it was made; of a list that has ended, how many it took. */
function ageOf({ listed_on, ended_on }: ListSummary, asOf: IsoDate): number {
  return daysBetween(listed_on, ended_on ?? asOf);
}
