/** Recording what happened outside the computer to one file: its receipt, where its paper went, what became of its originals. */
import { recordOriginals, type OriginalsHeld, type OriginalsRecord } from '../../../db/originals.ts';
import { recordPaperMoved, recordReceipt, type RecordedOutside, type RecordingOutside } from '../../../db/outside.ts';
import { lockRegisteredFile } from '../../../db/registeredFile.ts';
import { workOn } from '../../../db/workPages.ts';
import type { Knex } from 'knex';
import type { IsoDate } from '../../../rules/dates.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { ORIGINALS_OUTCOMES } from '../../../rules/workflow.ts';
import { actingOnForm, shownErrors, type FieldError, type FormRefusals, type FormState } from '../acting.ts';
import { recordingOnArchive, type Followed } from '../archiveStep.ts';
import { page, redirect, type Answer, type Fields, type Route, type SignedVisit } from '../page.ts';
import { counted } from '../words.ts';
import { refText } from '../workKeys.ts';
import { outsideAddress, type OutsideKind } from './outside.ts';

/** A wait that ends in the archive: the form has one field, and every refusal is said there. */
interface Wait {
  kind: 'receipts' | 'paper';
  url: string;
  /** For the audit of a refusal. */
  what: string;
  title: string;
  field: 'adult_file_ref' | 'moved_to';
  refusals: FormRefusals;
  record: (fileRef: string, typed: string, outside: RecordingOutside) => Promise<RecordedOutside>;
}

/** What stands in the way of either, at its field. */
function refusalsAt(field: Wait['field'], own: Wait['refusals']): Wait['refusals'] {
  return {
    ...own,
    not_free: { field },
    changed_meanwhile: { field },
    not_waiting: { field },
    compute_first: { field },
    brake_on: {
      field,
      words: 'A brake is on, so nothing is archived and nothing was recorded. Record it when an authoriser has released the brake.',
    },
    archiving_off: { field, words: 'Archiving is switched off, so nothing was recorded. Record it when it is on again.' },
  };
}

const RECEIPT: Wait = {
  kind: 'receipts',
  url: '/outside/receipt',
  what: 'transfer_received',
  title: 'Record a receipt',
  field: 'adult_file_ref',
  refusals: refusalsAt('adult_file_ref', {
    reference_unusable: {
      field: 'adult_file_ref',
      words:
        'Enter the reference of the adult’s file: letters, digits and . _ / : # -, without spaces, at most 100. It stays on record, so it must not be a name',
    },
  }),
  record: recordReceipt,
};

const PAPER: Wait = {
  kind: 'paper',
  url: '/outside/paper',
  what: 'paper_done',
  title: 'Record where the paper went',
  field: 'moved_to',
  refusals: refusalsAt('moved_to', { place_missing: { field: 'moved_to', words: 'Say where the paper is now' } }),
  record: recordPaperMoved,
};

export const recordOutsideRoutes: readonly Route[] = [
  ...[RECEIPT, PAPER].flatMap((wait): Route[] => [
    { method: 'GET', url: wait.url, needs: 'record_outside', handler: (visit) => waitPage(visit, wait, visit.query.one('ref')) },
    { method: 'POST', url: wait.url, needs: 'record_outside', handler: (visit) => endWait(visit, wait) },
  ]),
  { method: 'GET', url: '/outside/originals', needs: 'record_outside', handler: (visit) => originalsPage(visit, visit.query.one('ref')) },
  { method: 'POST', url: '/outside/originals', needs: 'record_outside', handler: recordOriginalsOf },
];

async function waitPage(
  visit: SignedVisit,
  wait: Wait,
  ref: string,
  { typed, errors }: FormState = { typed: {}, errors: [] },
): Promise<Answer> {
  const waiting = await workOn(visit.db, wait.kind, visit.asOf, ref);
  if (!waiting) return nothingWaits(wait.kind);
  const { kind, url, title, field } = wait;
  const data = { file: waiting, refText: refText(ref), back: outsideAddress(kind), kind, url, field, typed, errors: shownErrors(errors) };
  return page('wait', title, data, errors.length > 0 ? 422 : 200);
}

async function endWait(visit: SignedVisit, wait: Wait): Promise<Answer> {
  const { body } = visit;
  const { what, refusals, field, kind } = wait;
  const [ref, typed] = [body.one('ref'), body.one(field)];
  const outcome = await recordingOnArchive(visit, { what, fileRef: ref, refusals, field }, (outside) => wait.record(ref, typed, outside));
  if (!('errors' in outcome)) return recorded(kind, outcome.done);
  if (outcome.code === 'not_waiting') return nothingWaits(kind, 'Nothing more was recorded. ');
  return waitPage(visit, wait, ref, { typed: { [field]: typed }, errors: outcome.errors });
}

function recorded(
  kind: OutsideKind,
  { file_ref, list, status, list_state, disagreement, taken_off, removed, unfinished }: RecordedOutside & Followed,
): Answer {
  if (taken_off !== null)
    return redirect(
      outsideAddress(kind),
      `Nothing was recorded, and ${file_ref} came off list ${list}: ${taken_off}. The next night lists it with what is there now, where it may be.`,
      'warning',
    );
  if (disagreement)
    return redirect(
      outsideAddress(kind),
      `${file_ref} stays where it is, and nothing was recorded: our two calculations gave different answers. The file is blocked and the brake is on. Nothing is archived until that is explained.`,
      'warning',
    );
  const words = [
    `Recorded for ${file_ref}.`,
    status === 'waiting_for_paper' ? 'It waits for its paper now.' : `It is ${status}.`,
    `List ${list} is ${list_state.replaceAll('_', ' ')}.`,
    ...(removed > 0 ? [`${counted(removed, 'source document')} removed.`] : []),
    ...(unfinished ? ['Its bag or its source documents could not be moved yet; the next night tries again.'] : []),
  ];
  return redirect(outsideAddress(kind), words.join(' '), unfinished ? 'warning' : 'success');
}

async function originalsPage(
  visit: SignedVisit,
  ref: string,
  { typed, errors }: FormState = { typed: { outcome: '', to: '', note: '' }, errors: [] },
): Promise<Answer> {
  const file = await originalsOn(visit.db, ref, visit.asOf);
  if (!file) return nothingWaits('originals');
  const data = { file, refText: refText(ref), back: outsideAddress('originals'), typed, errors: shownErrors(errors) };
  return page('originals', 'Record what became of originals', data, errors.length > 0 ? 422 : 200);
}

async function recordOriginalsOf(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const ref = body.one('ref');
  const again = (errors: FieldError[]) =>
    originalsPage(visit, ref, { typed: { outcome: body.one('outcome'), to: body.one('to'), note: body.one('note') }, errors });
  const record = readOriginals(body);
  if (record === null) return again([{ field: 'outcome', text: 'Choose what became of the originals' }]);
  const refusals = {
    recipient_missing: { field: 'to', words: 'Say who has the originals now' },
    note_missing: { field: 'note', words: 'Say how the person was looked for' },
    no_originals: { field: 'outcome' },
    no_adoption_order: {
      field: 'outcome',
      words:
        'Originals are given to the adopters once the adoption is completed, and the register has no adoption order for this file. Choose "Returned to the person" if they went there, or have the order entered in the source system first',
    },
  };
  const outcome = await actingOnForm(visit, 'originals', refusals, async (trx) => {
    await lockRegisteredFile(trx, ref);
    // A second press of the button finds the first one's record.
    if (!(await originalsOn(trx, ref, asOf)))
      throw new Refusal('no_originals', `Nothing is to be recorded of originals of ${ref}.`, { file: ref });
    return recordOriginals(trx, ref, record, { person, asOf });
  });
  if ('errors' in outcome)
    return outcome.code === 'no_originals' ? nothingWaits('originals', 'Nothing more was recorded. ') : again(outcome.errors);
  return redirect(outsideAddress('originals'), `Recorded for ${ref}. The caution stays until an extract says that no originals are held.`);
}

/** Originals of which nothing is recorded yet; undefined where there are none. */
async function originalsOn(db: Knex, ref: string, asOf: IsoDate): Promise<OriginalsHeld | undefined> {
  return (await workOn(db, 'originals', asOf, ref)) ?? workOn(db, 'originals_later', asOf, ref);
}

function readOriginals(body: Fields): OriginalsRecord | null {
  const outcome = ORIGINALS_OUTCOMES.find((word) => word === body.one('outcome'));
  if (outcome === undefined) return null;
  return outcome === 'not_traced' ? { outcome, note: body.one('note') } : { outcome, to: body.one('to') };
}

function nothingWaits(kind: OutsideKind, before = ''): Answer {
  return redirect(
    outsideAddress(kind),
    `${before}That file does not wait for this. It may have been recorded meanwhile.`,
    before === '' ? 'information' : 'warning',
  );
}
