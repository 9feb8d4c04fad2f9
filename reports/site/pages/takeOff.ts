/** Taking files off an open list, signed or not, and ending a whole list. */
import { cancelList, withdrawFiles } from '../../../db/decide.ts';
import { oneList } from '../../../db/listPages.ts';
import type { ListSummary } from '../../../db/lists.ts';
import { OPEN_STATES } from '../../../rules/workflow.ts';
import { actingOnForm, type FormState } from '../acting.ts';
import { redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { shortForm } from '../shortForm.ts';
import { listNumber } from './list.ts';

export const takeOffRoutes: readonly Route[] = [
  { method: 'GET', url: '/lists/:list/withdraw', needs: 'withdraw', handler: (visit) => withdrawPage(visit) },
  { method: 'POST', url: '/lists/:list/withdraw', needs: 'withdraw', handler: withdraw },
  { method: 'GET', url: '/lists/:list/cancel', needs: 'cancel', handler: (visit) => cancelPage(visit) },
  { method: 'POST', url: '/lists/:list/cancel', needs: 'cancel', handler: cancel },
];

/** A page about a file of the list leads here with `?file=CF-1`. */
async function withdrawPage(visit: SignedVisit, state?: FormState): Promise<Answer> {
  const list = await oneList(visit.db, listNumber(visit));
  if (!isOpen(list)) return ended(list, 'Nothing can be taken off it any more.');
  return shortForm(
    {
      back: { text: `List ${list.id}`, href: `/lists/${list.id}` },
      caption: `List ${list.id}`,
      title: 'Take files off this list',
      paragraphs: [
        'They stay in the register, and are not disposed of by this list. The next night may list them again unless something blocks them: place a hold to keep them.',
      ],
      action: `/lists/${list.id}/withdraw`,
      fields: [
        { kind: 'text', id: 'files', label: 'References of the files', hint: 'One on each line' },
        { kind: 'line', id: 'reason', label: 'Why', hint: 'It stays on record for good, so never a name. For example, claim 77/26' },
      ],
      button: 'Take them off',
    },
    state ?? { typed: { files: visit.query.one('file') }, errors: [] },
  );
}

async function withdraw(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const number = listNumber(visit);
  const typed = { files: body.one('files'), reason: body.one('reason') };
  const files = linesOf(typed.files);
  if (files.length === 0) return withdrawPage(visit, { typed, errors: [{ field: 'files', text: 'Enter the references of the files' }] });
  const refusals = {
    reason_missing: { field: 'reason', words: 'Say why they come off' },
    not_on_list: { field: 'files' },
    item_is_finished: { field: 'files' },
    wrong_state: { field: 'files' },
  };
  const outcome = await actingOnForm(visit, 'withdraw', refusals, (trx) =>
    withdrawFiles(trx, number, files, typed.reason, { person, asOf }),
  );
  if ('errors' in outcome) return withdrawPage(visit, { typed, errors: outcome.errors });
  return redirect(`/lists/${number}`, `Taken off list ${number}: ${files.join(', ')}.`);
}

async function cancelPage(visit: SignedVisit, state: FormState = { typed: {}, errors: [] }): Promise<Answer> {
  const list = await oneList(visit.db, listNumber(visit));
  if (!isOpen(list)) return ended(list, 'It cannot be cancelled any more.');
  return shortForm(
    {
      back: { text: `List ${list.id}`, href: `/lists/${list.id}` },
      caption: `List ${list.id}`,
      title: 'Cancel this list',
      paragraphs: [
        'Every file that is not archived yet comes off it and stays in the register. Decisions that were not signed never take effect. The next night may list the files again unless something blocks them.',
      ],
      warning: 'A cancelled list cannot be opened again.',
      action: `/lists/${list.id}/cancel`,
      fields: [
        {
          kind: 'line',
          id: 'reason',
          label: 'Why',
          hint: 'It stays on record for good, so never a name. For example, listed under the wrong rule',
        },
      ],
      button: `Cancel list ${list.id}`,
    },
    state,
  );
}

async function cancel(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const number = listNumber(visit);
  const reason = body.one('reason');
  const refusals = { reason_missing: { field: 'reason', words: 'Say why the list is cancelled' }, wrong_state: { field: 'reason' } };
  const outcome = await actingOnForm(visit, 'cancel', refusals, (trx) => cancelList(trx, number, reason, { person, asOf }));
  if ('errors' in outcome) return cancelPage(visit, { typed: { reason }, errors: outcome.errors });
  return redirect(`/lists/${number}`, `List ${number} is cancelled. What was not archived stays in the register.`);
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return [...new Set(lines)].filter((line) => line !== '');
}

function isOpen({ state }: ListSummary): boolean {
  return OPEN_STATES.includes(state);
}

function ended({ id, state }: ListSummary, words: string): Answer {
  return redirect(`/lists/${id}`, `List ${id} is ${state}. ${words}`, 'information');
}
