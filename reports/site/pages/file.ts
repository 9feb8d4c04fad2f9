/** Why this date: one file's whole story; from a list also the form to decide it, and on to the next. */
import { decideItems } from '../../../db/decide.ts';
import { itemAt, nextPending } from '../../../db/listPages.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { wholeNumber } from '../../../rules/wholeNumber.ts';
import type { Decision } from '../../../rules/workflow.ts';
import { actingOnForm, shownErrors, type FieldError, type FormState } from '../acting.ts';
import { DECISION_REFUSALS, NOTHING_DECIDED, openCautions, readDecision, reasonChoices, typedDecision } from '../decisionForm.ts';
import { fileActions } from '../fileActions.ts';
import { shownItem } from '../listedFile.ts';
import { may, page, redirect, seesNames, type Answer, type Route, type SignedVisit } from '../page.ts';
import { readStory } from '../story.ts';
import { STATUS_WORDS } from '../words.ts';
import { listNumber, shownList } from './list.ts';

/** Files of a list go by their place on it: an address, a notice or the way to the next must not name another file. */
export const fileRoutes: readonly Route[] = [
  { method: 'GET', url: '/files', needs: 'read', handler: anyFilePage },
  { method: 'GET', url: '/lists/:list/files/:position', needs: 'read', handler: (visit) => listedFilePage(visit) },
  { method: 'POST', url: '/lists/:list/files/:position', needs: 'decide', handler: decideOne },
];

/** A file of the register by its reference, on a list or not. */
async function anyFilePage(visit: SignedVisit): Promise<Answer> {
  const ref = visit.query.one('ref').trim();
  if (ref === '') return page('fileSearch', 'Why this date', { ref, errors: shownErrors([]) });
  try {
    const { story, gone } = await readStory(visit, ref);
    const actions = fileActions(visit, ref, { blocks: story?.blocks ?? [], gone: gone !== null });
    return page('file', `File ${ref}`, { story, gone, ref, actions, onList: null });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'no_such_file') throw error;
    return page('fileSearch', 'Why this date', { ref, errors: shownErrors([{ field: 'ref', text: error.message }]) }, 404);
  }
}

async function listedFilePage(visit: SignedVisit, { typed, errors }: FormState = NOTHING_DECIDED): Promise<Answer> {
  const { db, asOf } = visit;
  const number = listNumber(visit);
  const names = seesNames(visit);
  const list = await shownList(db, number, names);
  const item = await itemAt(db, number, positionIn(visit));
  const shown = shownItem(item, asOf, names);
  const { story, gone } = await readStory(visit, item.file_ref, list.unsigned);
  const words = Object.fromEntries(story?.cautions.map((caution, i) => [caution, story.caution_words[i] ?? '']) ?? []);
  const near = (position: number, text: string) =>
    position < 1 || position > list.items ? null : { text, href: `/lists/${number}/files/${position}` };
  const onList = {
    list,
    item: shown,
    decides: list.unsigned && shown.decidable && may(visit, 'decide'),
    cautions: openCautions(item, words).map((caution) => ({ ...caution, checked: typed['caution']?.includes(caution.value) ?? false })),
    reasons: reasonChoices(String(typed['reason_code'])),
    before: near(item.position - 1, 'Previous file of the list'),
    after: near(item.position + 1, 'Next file of the list'),
    typed,
  };
  const actions = fileActions(visit, item.file_ref, { blocks: story?.blocks ?? [], gone: gone !== null, list });
  const data = { story, gone, ref: item.file_ref, actions, onList, errors: shownErrors(errors) };
  return page('file', `File ${item.file_ref}`, data, errors.length > 0 ? 422 : 200);
}

async function decideOne(visit: SignedVisit): Promise<Answer> {
  const { db, body, person, asOf } = visit;
  const [number, position] = [listNumber(visit), positionIn(visit)];
  const item = await itemAt(db, number, position);
  const again = (errors: FieldError[]) => listedFilePage(visit, { typed: typedDecision(body), errors });
  const ticked = body.many('caution');
  const acknowledged = openCautions(item).every(({ value }) => ticked.includes(value));
  const read = readDecision(body, acknowledged);
  if ('errors' in read) return again(read.errors);
  if (read.asked.decision === 'approved' && !acknowledged)
    return again([{ field: 'caution', text: 'Tick each caution you have read and dealt with, or keep or refer the file' }]);
  const schedule = await scheduleInForce(db, asOf);
  const outcome = await actingOnForm(visit, 'decide', DECISION_REFUSALS, (trx) =>
    decideItems(trx, schedule, number, [item.file_ref], read.asked, { person, asOf }),
  );
  if ('errors' in outcome) return again(outcome.errors);
  const next = await nextPending(db, number, position);
  const to = next === null ? `/lists/${number}` : `/lists/${number}/files/${next}`;
  return redirect(to, decidedWords(outcome.done, position, read.asked.decision));
}

/** The file goes by its place: on the next file's page its reference would stand beside another. */
function decidedWords(
  { list, replaced, state, left }: Awaited<ReturnType<typeof decideItems>>,
  position: number,
  decision: Decision,
): string {
  return [
    `File ${position} of list ${list}: ${STATUS_WORDS[decision].toLowerCase()}.`,
    ...(replaced.files > 0 ? [`This replaces what ${replaced.of.join(' and ')} decided.`] : []),
    ...(left.length > 0 ? [`${left.length} to go.`] : []),
    ...(state === 'for_sign_off' ? ['Every file of the list is decided: it waits for its signature.'] : []),
  ].join(' ');
}

function positionIn({ params }: SignedVisit): number {
  const number = wholeNumber(params['position']);
  if (number === undefined) throw new Refusal('not_on_list', 'Files of a list are numbered, and this is no number.');
  return number;
}
