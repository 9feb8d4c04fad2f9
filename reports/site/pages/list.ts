/** One disposal list: its files, fifty at a time, and a form to decide some or all where its rule allows deciding together. */
import { decideItems } from '../../../db/decide.ts';
import { decidedBy, itemPage, oneList, type ItemFilter } from '../../../db/listPages.ts';
import type { ListSummary } from '../../../db/lists.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { clauseWords, type Schedule } from '../../../rules/schedule.ts';
import { ACTION_WORDS } from '../../../rules/words.ts';
import type { DisposalAction } from '../../../rules/determine.ts';
import { ITEM_STATUSES, UNSIGNED_STATES, type ItemStatus } from '../../../rules/workflow.ts';
import { LIST_STATE_WORDS } from '../../retentionReport.ts';
import { actingOnForm, shownErrors, type FieldError, type FormState } from '../acting.ts';
import { DECISION_REFUSALS, NOTHING_DECIDED, readDecision, reasonChoices, typedDecision } from '../decisionForm.ts';
import { shownItem } from '../listedFile.ts';
import { may, page, redirect, seesNames, type Answer, type Route, type SignedVisit } from '../page.ts';
import { STATUS_WORDS } from '../words.ts';

export const listRoutes: readonly Route[] = [
  { method: 'GET', url: '/lists/:list', needs: 'read', handler: (visit) => listPage(visit) },
  { method: 'POST', url: '/lists/:list/decide', needs: 'decide', handler: decideSome },
];

const ON_A_PAGE = 50;

/** The number of the list in the address. Throws a Refusal when it is none. */
export function listNumber({ params }: Pick<SignedVisit, 'params'>): number {
  const text = params['list'] ?? '';
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Refusal('no_such_list', 'A disposal list has a number, and this is none.');
  return Number(text);
}

/** What every page about a list says of it. Free text is for those who see names. */
export function shownList(list: ListSummary, schedule: Schedule, names: boolean) {
  const rule = schedule.rules.find(({ id }) => id === list.rule);
  return {
    ...list,
    sent_back_reason: names ? list.sent_back_reason : null,
    ended_reason: names ? list.ended_reason : null,
    clause: rule ? clauseWords(rule) : list.rule,
    individually: rule?.appraise === 'individually',
    actionWords: ACTION_WORDS[list.action as DisposalAction],
    stateWords: LIST_STATE_WORDS[list.state],
    unsigned: UNSIGNED_STATES.some((state) => state === list.state),
    counts: ITEM_STATUSES.filter((status) => (list.by_status[status] ?? 0) > 0).map((status) => ({
      status,
      words: STATUS_WORDS[status],
      files: list.by_status[status] ?? 0,
    })),
  };
}

async function listPage(visit: SignedVisit, { typed, errors }: FormState = NOTHING_DECIDED): Promise<Answer> {
  const { db, asOf } = visit;
  const number = listNumber(visit);
  const list = shownList(await oneList(db, number), await scheduleInForce(db, asOf), seesNames(visit));
  const filter = readFilter(visit);
  const { rows, more } = await itemPage(db, number, filter, ON_A_PAGE);
  const back = filter.before !== undefined;
  const decides = list.unsigned && may(visit, 'decide');
  return page(
    'list',
    `List ${number}`,
    {
      list,
      items: rows.map((item) => shownItem(item, asOf, seesNames(visit))),
      decides,
      together: decides && !list.individually,
      signs: list.state === 'for_sign_off' && may(visit, 'sign_off'),
      deciders: await decidedBy(db, number),
      filters: filterLinks(list, filter),
      earlier: rows[0] && (back ? more : filter.after !== undefined) ? address(number, { ...filter, before: rows[0].position }) : null,
      later: back || more ? address(number, { ...filter, after: rows.at(-1)?.position ?? 0 }) : null,
      reasons: reasonChoices(String(typed['reason_code'])),
      typed,
      errors: shownErrors(errors),
    },
    errors.length > 0 ? 422 : 200,
  );
}

/** Many at once: where the rule allows it, and no caution stands that nobody acknowledged. */
async function decideSome(visit: SignedVisit): Promise<Answer> {
  const { db, body, person, asOf } = visit;
  const number = listNumber(visit);
  const schedule = await scheduleInForce(db, asOf);
  const again = (errors: FieldError[]) => listPage(visit, { typed: typedDecision(body), errors });
  const which = readWhich(visit);
  if ('errors' in which) return again(which.errors);
  const read = readDecision(body, false);
  if ('errors' in read) return again(read.errors);
  const outcome = await actingOnForm(visit, 'decide', DECISION_REFUSALS, async (trx) => {
    const list = shownList(await oneList(trx, number), schedule, true);
    if (list.individually)
      throw new Refusal('appraise_individually', `The rule ${list.rule} asks that each file is appraised by itself.`, { list: number });
    return decideItems(trx, schedule, number, which.files, read.asked, { person, asOf });
  });
  if ('errors' in outcome) return again(outcome.errors);
  const { decided, replaced, state } = outcome.done;
  const words = [
    `${decided} ${decided === 1 ? 'file' : 'files'} decided: ${STATUS_WORDS[read.asked.decision].toLowerCase()}.`,
    ...(replaced.files > 0 ? [`This replaces what ${replaced.of.join(' and ')} decided on ${replaced.files} of them.`] : []),
    ...(state === 'for_sign_off' ? ['Every file of the list is decided: it waits for its signature.'] : []),
  ];
  return redirect(`/lists/${number}`, words.join(' '));
}

function readWhich({ body }: SignedVisit): { files: 'all' | string[] } | { errors: FieldError[] } {
  const files = body.many('file');
  if (body.one('which') === 'all') {
    if (files.length === 0) return { files: 'all' };
    return { errors: [{ field: 'which', text: 'You ticked files and chose all of them. Choose the ones you ticked, or untick them.' }] };
  }
  if (files.length === 0) return { errors: [{ field: 'file', text: 'Tick the files that are decided' }] };
  return { files };
}

function readFilter({ query }: SignedVisit): ItemFilter {
  const status = ITEM_STATUSES.find((word) => word === query.one('status'));
  const [after, before] = [query.number('after'), query.number('before')];
  return {
    ...(status ? { status } : {}),
    ...(query.one('cautions') === 'open' ? { cautioned: true } : {}),
    ...(before !== undefined ? { before } : after !== undefined ? { after } : {}),
  };
}

function filterLinks({ id, counts }: ReturnType<typeof shownList>, { status, cautioned }: ItemFilter) {
  return [
    { text: 'All', href: address(id, {}), current: status === undefined && !cautioned },
    ...counts.map((count) => ({
      text: `${count.words} (${count.files})`,
      href: address(id, { status: count.status }),
      current: count.status === status,
    })),
    { text: 'Cautions nobody acknowledged', href: address(id, { cautioned: true }), current: cautioned === true },
  ];
}

function address(list: number, { status, cautioned, after, before }: ItemFilter & { status?: ItemStatus }): string {
  const wanted = new URLSearchParams();
  if (status) wanted.set('status', status);
  if (cautioned) wanted.set('cautions', 'open');
  if (before !== undefined) wanted.set('before', String(before));
  else if (after !== undefined) wanted.set('after', String(after));
  const asked = wanted.toString();
  return `/lists/${list}${asked === '' ? '' : `?${asked}`}`;
}
