/** One disposal list: its files, fifty at a time, and a form to decide some or all where its rule allows deciding together. */
import type { Knex } from 'knex';
import { decideItems, type WhichItems } from '../../../db/decide.ts';
import { countUndecided, decidedBy, everyItem, itemPage, nextPending, oneList, type ListedItem } from '../../../db/listPages.ts';
import { scheduleInForce, scheduleOfVersion } from '../../../db/schedules.ts';
import { whatStands } from '../../../db/standing.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { clauseWords } from '../../../rules/schedule.ts';
import { wholeNumber } from '../../../rules/wholeNumber.ts';
import { ACTION_WORDS } from '../../../rules/words.ts';
import type { DisposalAction } from '../../../rules/determine.ts';
import { ITEM_STATUSES, UNSIGNED_STATES, type Decision } from '../../../rules/workflow.ts';
import { LIST_STATE_WORDS } from '../../retentionReport.ts';
import { actingOnForm, shownErrors, type FieldError, type FormState } from '../acting.ts';
import { DECISION_REFUSALS, NOTHING_DECIDED, readDecision, reasonChoices, typedDecision } from '../decisionForm.ts';
import { listActions } from '../fileActions.ts';
import { shownItem } from '../listedFile.ts';
import { filterLinks, itemHeads, pagesAround, readView, viewAddress, viewFields } from '../listView.ts';
import { may, page, redirect, seesNames, type Answer, type Route, type SignedVisit } from '../page.ts';
import { STATUS_WORDS, counted } from '../words.ts';
import { ON_A_PAGE } from '../tables.ts';

export const listRoutes: readonly Route[] = [
  { method: 'GET', url: '/lists/:list', needs: 'read', handler: (visit) => listPage(visit) },
  { method: 'GET', url: '/lists/:list/print', needs: 'read', handler: printPage },
  { method: 'POST', url: '/lists/:list/decide', needs: 'decide', handler: decideSome },
];

const LIST_REFUSALS = {
  ...DECISION_REFUSALS,
  nothing_undecided: {
    field: 'file',
    words:
      'Every file of the list that you chose so is decided already. Nothing changed. To change a decision, tick its file, or open it and decide it there.',
  },
} as const;

/** The number of the list in the address. Throws a Refusal when it is none. */
export function listNumber({ params }: Pick<SignedVisit, 'params'>): number {
  const number = wholeNumber(params['list']);
  if (number === undefined) throw new Refusal('no_such_list', 'A disposal list has a number, and this is none.');
  return number;
}

/** What every page about a list says of it, in the words of the version that made it. Free text is for those who see names. */
export async function shownList(db: Knex, number: number, names: boolean) {
  const list = await oneList(db, number);
  const schedule = await scheduleOfVersion(db, list.schedule_version);
  const rule = schedule?.rules.find(({ id }) => id === list.rule);
  const { pending = 0, withdrawn = 0 } = list.by_status;
  return {
    ...list,
    sent_back_reason: names ? list.sent_back_reason : null,
    ended_reason: names ? list.ended_reason : null,
    clause: rule ? clauseWords(rule) : list.rule,
    individually: rule?.appraise === 'individually',
    actionWords: ACTION_WORDS[list.action as DisposalAction],
    stateWords: LIST_STATE_WORDS[list.state],
    unsigned: UNSIGNED_STATES.some((state) => state === list.state),
    /** What was taken off is nobody's to decide. */
    progress: { decided: list.items - withdrawn - pending, undecided: pending, of: list.items - withdrawn },
    counts: ITEM_STATUSES.filter((status) => (list.by_status[status] ?? 0) > 0).map((status) => ({
      status,
      words: STATUS_WORDS[status],
      files: list.by_status[status] ?? 0,
    })),
  };
}

async function listPage(visit: SignedVisit, { typed, errors }: FormState = NOTHING_DECIDED, asked = visit.query): Promise<Answer> {
  const { db, asOf } = visit;
  const number = listNumber(visit);
  const schedule = await scheduleInForce(db, asOf);
  const list = await shownList(db, number, seesNames(visit));
  const view = readView(asked);
  const found = await itemPage(db, number, view, ON_A_PAGE);
  const standing = await whatStands(db, schedule, asOf, bindingFiles(found.rows));
  const decides = list.unsigned && may(visit, 'decide');
  const first = decides ? await nextPending(db, number, 0) : null;
  return page(
    'list',
    `List ${number}`,
    {
      list,
      heads: itemHeads(number, view),
      items: found.rows.map((item) => shownItem(item, asOf, seesNames(visit), standing.get(item.file_ref))),
      decides,
      together: decides && !list.individually,
      undecided: await countUndecided(db, number),
      firstUndecided: first === null ? null : `/lists/${number}/files/${first}`,
      signs: list.state === 'for_sign_off' && may(visit, 'sign_off'),
      deciders: await decidedBy(db, number),
      actions: listActions(visit, list),
      filters: filterLinks(number, list.counts, view),
      view: viewFields(view),
      ...pagesAround(number, view, found),
      reasons: reasonChoices(String(typed['reason_code'])),
      typed,
      errors: shownErrors(errors),
    },
    errors.length > 0 ? 422 : 200,
  );
}

/** Every file of the list on one page, for paper. */
async function printPage(visit: SignedVisit): Promise<Answer> {
  const { db, asOf } = visit;
  const number = listNumber(visit);
  const schedule = await scheduleInForce(db, asOf);
  const list = await shownList(db, number, seesNames(visit));
  const items = await everyItem(db, number);
  const standing = await whatStands(db, schedule, asOf, bindingFiles(items));
  return page('listPrint', `List ${number}, to print`, {
    list,
    heads: itemHeads(number, readView(visit.query)).map((head) => ({ ...head, href: null, sorted: null })),
    items: items.map((item) => shownItem(item, asOf, seesNames(visit), standing.get(item.file_ref))),
    deciders: await decidedBy(db, number),
    asOf,
  });
}

/** Files whose items something may still happen to. */
export function bindingFiles(items: readonly ListedItem[]): string[] {
  return items.filter((item) => item.binding).map((item) => item.file_ref);
}

/** Many at once: where the rule allows it, and no caution stands that nobody acknowledged. */
async function decideSome(visit: SignedVisit): Promise<Answer> {
  const { db, body, person, asOf } = visit;
  const number = listNumber(visit);
  const schedule = await scheduleInForce(db, asOf);
  const again = (errors: FieldError[]) => listPage(visit, { typed: typedDecision(body), errors }, body);
  const which = readWhich(visit);
  if ('errors' in which) return again(which.errors);
  const read = readDecision(body, false);
  if ('errors' in read) return again(read.errors);
  const outcome = await actingOnForm(visit, 'decide', LIST_REFUSALS, async (trx) => {
    const list = await shownList(trx, number, true);
    if (list.individually)
      throw new Refusal('appraise_individually', `The rule ${list.rule} asks that each file is appraised by itself.`, { list: number });
    return decideItems(trx, schedule, number, which.files, read.asked, { person, asOf });
  });
  if ('errors' in outcome) return again(outcome.errors);
  return redirect(viewAddress(number, readView(body)), decidedWords(outcome.done, read.asked.decision, which.files));
}

/** Files left over for a caution are named by their places, for a notice must not say whose they are. */
function decidedWords(
  { decided, replaced, state, left }: Awaited<ReturnType<typeof decideItems>>,
  decision: Decision,
  which: WhichItems,
): string {
  return [
    `${counted(decided, 'file')} decided: ${STATUS_WORDS[decision].toLowerCase()}.`,
    ...(replaced.files > 0 ? [`This replaces what ${replaced.of.join(' and ')} decided on ${replaced.files} of them.`] : []),
    ...(which === 'clean' && left.length > 0
      ? [`Left undecided, for each has a caution to be read by itself: ${left.length === 1 ? 'number' : 'numbers'} ${left.join(', ')}.`]
      : []),
    ...(state === 'for_sign_off' ? ['Every file of the list is decided: it waits for its signature.'] : []),
  ].join(' ');
}

function readWhich({ body }: SignedVisit): { files: WhichItems } | { errors: FieldError[] } {
  const files = body.many('file');
  const which = (['all', 'clean'] as const).find((word) => word === body.one('which'));
  if (which !== undefined) {
    if (files.length === 0) return { files: which };
    return { errors: [{ field: 'which', text: 'You ticked files and chose all of them. Choose the ones you ticked, or untick them.' }] };
  }
  if (files.length === 0) return { errors: [{ field: 'file', text: 'Tick the files that are decided' }] };
  return { files };
}
