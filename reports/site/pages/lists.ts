/** Disposal lists: all of them, newest first, by state and rule. */
import { listPage } from '../../../db/listPages.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { clauseWords } from '../../../rules/schedule.ts';
import { LIST_STATES } from '../../../rules/workflow.ts';
import { LIST_STATE_WORDS } from '../../retentionReport.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';

export const listsRoutes: readonly Route[] = [{ method: 'GET', url: '/lists', needs: 'read', handler: listsPage }];

const ON_A_PAGE = 50;

async function listsPage({ db, query, asOf }: SignedVisit): Promise<Answer> {
  const { rules } = await scheduleInForce(db, asOf);
  const state = LIST_STATES.find((word) => word === query.one('state'));
  const rule = rules.find(({ id }) => id === query.one('rule'))?.id;
  const before = query.number('before');
  const { rows, more } = await listPage(
    db,
    { ...(state ? { state } : {}), ...(rule ? { rule } : {}), ...(before ? { before } : {}) },
    ON_A_PAGE,
  );
  const address = (change: { state?: string | undefined; rule?: string | undefined; before?: number | undefined }) => {
    const wanted = Object.entries({ state, rule, ...change }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    return `/lists${wanted.length > 0 ? '?' : ''}${wanted.join('&')}`;
  };
  return page('lists', 'Disposal lists', {
    lists: rows.map((list) => ({
      ...list,
      clause: rules.filter(({ id }) => id === list.rule).map(clauseWords)[0] ?? list.rule,
      stateWords: LIST_STATE_WORDS[list.state],
    })),
    states: [
      { text: 'All', href: address({ state: undefined }), current: state === undefined },
      ...LIST_STATES.map((word) => ({ text: LIST_STATE_WORDS[word], href: address({ state: word }), current: word === state })),
    ],
    rules: [
      { text: 'All rules', href: address({ rule: undefined }), current: rule === undefined },
      ...rules.map(({ id }) => ({ text: id, href: address({ rule: id }), current: id === rule })),
    ],
    newest: before === undefined ? null : address({}),
    older: more ? address({ before: rows.at(-1)?.id }) : null,
  });
}
