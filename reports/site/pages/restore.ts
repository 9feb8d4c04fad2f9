/** Bringing an archived file back: one person asks, another confirms, and then it is an ordinary file again, kept through a day. */
import { apartWords } from '../../../db/archivedReference.ts';
import { askRestore, confirmRestore, openRestoreRequest, openRestoreRequests, type Restored } from '../../../db/restore.ts';
import { addDays, longDate } from '../../../rules/dates.ts';
import { REQUEST_LAPSES_AFTER_DAYS } from '../../../rules/workflow.ts';
import { samePerson } from '../../../rules/userNames.ts';
import { actingOnForm, shownErrors, type FieldError, type FormState } from '../acting.ts';
import { recordingOnArchive, type Followed } from '../archiveStep.ts';
import { readDayField, typedDay } from '../dayField.ts';
import { page, redirect, type Answer, type Route, type SignedVisit } from '../page.ts';
import { shortForm } from '../shortForm.ts';
import { ON_A_PAGE } from '../tables.ts';
import { refText } from '../workKeys.ts';

export const restoreRoutes: readonly Route[] = [
  { method: 'GET', url: '/restore', needs: 'restore', handler: (visit) => restorePage(visit) },
  { method: 'POST', url: '/restore', needs: 'restore', handler: ask },
  { method: 'GET', url: '/restore/confirm', needs: 'restore', handler: (visit) => confirmPage(visit, visit.query.one('ref')) },
  { method: 'POST', url: '/restore/confirm', needs: 'restore', handler: confirm },
];

/** Requests, of which each waits for one click of another person, and the form to ask. A page about a file leads here with `?ref=CF-1`. */
async function restorePage(visit: SignedVisit, state?: FormState): Promise<Answer> {
  const { db, asOf, person, query } = visit;
  const requests = await openRestoreRequests(db, asOf, ON_A_PAGE);
  const { typed, errors } = state ?? { typed: { ref: query.one('ref') }, errors: [] };
  const data = {
    requests: requests.map((request) => ({
      ...request,
      own: samePerson(request.asked_by, person.name),
      refText: refText(request.file_ref),
      lapsesAfter: addDays(request.asked_on, REQUEST_LAPSES_AFTER_DAYS),
    })),
    typed,
    errors: shownErrors(errors),
  };
  return page('restore', 'Bring a file back', data, errors.length > 0 ? 422 : 200);
}

async function ask(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const [ref, reason] = [body.one('ref').trim(), body.one('reason')];
  const keepUntil = readDayField(body, 'keep');
  const again = (errors: FieldError[]) => restorePage(visit, { typed: { ref, reason, ...typedDay(body, 'keep') }, errors });
  if (ref === '') return again([{ field: 'ref', text: 'Enter the reference of the file' }]);
  if (keepUntil === null) return again([{ field: 'keep_day', text: 'Enter the last day on which it is kept, for example 31 3 2030' }]);
  const refusals = {
    not_archived: { field: 'ref' },
    reference_taken: { field: 'ref' },
    keep_until_past: { field: 'keep_day' },
    reason_missing: { field: 'reason', words: 'Say why the file is needed again' },
  };
  const outcome = await actingOnForm(visit, 'restore', refusals, (trx) => askRestore(trx, ref, { keepUntil, reason }, { person, asOf }));
  if ('errors' in outcome) return again(outcome.errors);
  return redirect(
    '/restore',
    `Asked for ${ref}. ${apartWords(outcome.done.kept_apart)}It stays in the archive until another person confirms, through ${longDate(outcome.done.lapses_after)}; then it must be asked for anew.`,
  );
}

async function confirmPage(visit: SignedVisit, ref: string, errors: FieldError[] = []): Promise<Answer> {
  const request = await openRestoreRequest(visit.db, visit.asOf, ref);
  if (!request) return redirect('/restore', `Nobody asks for ${ref}, or another person has confirmed it.`, 'information');
  const { keep_until, reason, asked_by, asked_on } = request;
  return shortForm(
    {
      back: { text: 'Bring a file back', href: '/restore' },
      caption: `File ${ref}`,
      title: 'Confirm that it comes back',
      paragraphs: [
        `${asked_by} asked for it on ${longDate(asked_on)}: ${reason}`,
        `Its bag is checked, its documents are written back where they were, and it is in the register again, kept through ${longDate(keep_until)}.`,
      ],
      action: '/restore/confirm',
      hidden: { ref, request: String(request.id) },
      fields: [],
      button: 'Bring it back',
    },
    { typed: {}, errors },
  );
}

const CONFIRM_REFUSALS = {
  own_request: { field: 'confirm', words: 'You asked for it, so another person must confirm it.' },
  request_changed: {
    field: 'confirm',
    words: 'It was asked for anew after you opened this page. Nothing was brought back. Read it again.',
  },
  keep_until_past: { field: 'confirm' },
  // These lead back to what is asked for.
  not_archived: { field: 'confirm' },
  reference_taken: { field: 'confirm' },
  restore_not_asked: { field: 'confirm' },
  request_lapsed: { field: 'confirm' },
} as const;

/** Confirms the very request that was shown, and no later one with another reason or day. */
async function confirm(visit: SignedVisit): Promise<Answer> {
  const { body, site } = visit;
  const ref = body.one('ref');
  const outcome = await recordingOnArchive(
    visit,
    { what: 'restore', fileRef: ref, refusals: CONFIRM_REFUSALS, field: 'confirm' },
    ({ db, schedule, store, person, asOf }) =>
      confirmRestore(db, ref, { schedule, store, documentRoot: site.archive.documentRoot, person, asOf, request: body.one('request') }),
  );
  if ('errors' in outcome) return confirmPage(visit, ref, outcome.errors);
  return redirect(`/files?${refText(ref)}`, restoredWords(outcome.done), outcome.done.unfinished ? 'warning' : 'success');
}

function restoredWords({ file_ref, keep_until, documents, unfinished }: Restored & Followed): string {
  return [
    `${file_ref} is in the register again, and is kept through ${longDate(keep_until)}.`,
    `${documents.written} documents were written back, ${documents.already_there} were there.`,
    ...(unfinished ? ['Its bag could not be moved yet; the next night tries again.'] : []),
  ].join(' ');
}
