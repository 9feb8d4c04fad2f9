/** Confirming what the system doubts of a file: an earlier date, a birth or a date that can hardly be right, a hold that covers it no more. */
import { CONFIRMABLE, confirmFile } from '../../../db/confirm.ts';
import { explainFile } from '../../../db/explain.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { longDate } from '../../../rules/dates.ts';
import { BLOCK_WORDS } from '../../../rules/words.ts';
import { actingOnForm, type FormState } from '../acting.ts';
import { redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { shortForm } from '../shortForm.ts';
import { refText } from '../workKeys.ts';

export const confirmRoutes: readonly Route[] = [
  { method: 'GET', url: '/files/confirm', needs: 'confirm', handler: (visit) => confirmPage(visit, visit.query.one('ref')) },
  { method: 'POST', url: '/files/confirm', needs: 'confirm', handler: confirm },
];

async function confirmPage(visit: SignedVisit, ref: string, state: FormState = { typed: {}, errors: [] }): Promise<Answer> {
  const { db, asOf } = visit;
  if (ref === '') return redirect('/files', 'Choose the file to confirm.', 'information');
  const { blocks, block_words } = await explainFile(db, await scheduleInForce(db, asOf), asOf, ref);
  const doubts = block_words.filter((_, i) => CONFIRMABLE.some((block) => block === blocks[i]));
  const file = { text: `File ${ref}`, href: `/files?${refText(ref)}` };
  if (doubts.length === 0) return redirect(file.href, `There is nothing to confirm about ${ref}.`, 'information');
  return shortForm(
    {
      back: file,
      caption: file.text,
      title: 'Confirm that the record is right',
      paragraphs: [
        ...doubts,
        'Look at the record itself, for example the birth certificate or the closing note. If the record is wrong, have it corrected at the source instead; the next night takes that over.',
        ...(blocks.includes('hold_moved')
          ? [
              'Where the hold should keep this file, place one on its new reference before you confirm: confirming says that the file may go without it.',
            ]
          : []),
        'Once confirmed, this no longer keeps the file. When its facts change again, it is doubted again.',
      ],
      action: '/files/confirm',
      hidden: { ref },
      fields: [{ kind: 'text', id: 'reason', label: 'Why the record is right', hint: 'For example, birth certificate seen' }],
      button: doubts.length > 1 ? 'Confirm all of it' : 'Confirm',
    },
    state,
  );
}

async function confirm(visit: SignedVisit): Promise<Answer> {
  const { db, body, person, asOf } = visit;
  const [ref, reason] = [body.one('ref'), body.one('reason')];
  const schedule = await scheduleInForce(db, asOf);
  const refusals = { reason_missing: { field: 'reason', words: 'Say why the record is right' }, nothing_to_confirm: { field: 'reason' } };
  const outcome = await actingOnForm(visit, 'confirm', refusals, (trx) => confirmFile(trx, schedule, ref, reason, { person, asOf }));
  const back = `/files?${refText(ref)}`;
  if (!('errors' in outcome)) {
    const { eligible_from, blocks } = outcome.done;
    const words = [
      `You confirmed the record of ${ref}.`,
      eligible_from === null ? 'It has no date.' : `It can be considered for disposal from ${longDate(eligible_from)}.`,
      ...(blocks.length > 0 ? [`Still in the way: ${blocks.map((block) => BLOCK_WORDS[block]).join(' ')}`] : []),
    ];
    return redirect(back, words.join(' '));
  }
  if (outcome.code === 'nothing_to_confirm')
    return redirect(back, `Nothing was confirmed: nothing is doubted of ${ref} any more.`, 'information');
  return confirmPage(visit, ref, { typed: { reason }, errors: outcome.errors });
}
