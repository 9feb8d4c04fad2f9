/** Signing a list off, exactly as it was shown, or sending it back to those who decide. */
import { decidedBy, decidedSince, everyItem, lastDecision, oneList, sendBacks, signingFigures } from '../../../db/listPages.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { sendBack, signOff } from '../../../db/signOff.ts';
import { whatStands } from '../../../db/standing.ts';
import type { Caution } from '../../../rules/checks.ts';
import { addDays, longDate } from '../../../rules/dates.ts';
import type { Decision } from '../../../rules/workflow.ts';
import { CAUTION_WORDS } from '../../../rules/words.ts';
import { samePerson } from '../../../rules/userNames.ts';
import { actingOnForm, shownErrors, type FormState } from '../acting.ts';
import { shownItem } from '../listedFile.ts';
import { page, redirect, seesNames, type Answer, type Route, type SignedVisit } from '../page.ts';
import { askWhoItIs } from '../proof.ts';
import { STATUS_WORDS, counted } from '../words.ts';
import { bindingFiles, listNumber, shownList } from './list.ts';

export const signOffRoutes: readonly Route[] = [
  { method: 'GET', url: '/lists/:list/sign-off', needs: 'sign_off', handler: (visit) => signOffPage(visit) },
  { method: 'POST', url: '/lists/:list/sign-off', needs: 'sign_off', handler: sign },
  { method: 'POST', url: '/lists/:list/send-back', needs: 'send_back', handler: sendItBack },
];

const NOTHING_TYPED: FormState = { typed: { number: '', reason: '' }, errors: [] };

/** `signing` is the part of the page that is there whether or not the list can be signed. */
const SIGNING_REFUSALS = {
  own_decision: { field: 'signing' },
  digest_moved: { field: 'number' },
  items_blocked: { field: 'signing' },
  wrong_state: { field: 'signing', words: 'This list does not wait for a signature any more. Nothing was signed.' },
} as const;

async function signOffPage(visit: SignedVisit, { typed, errors }: FormState = NOTHING_TYPED, status = 422): Promise<Answer> {
  const { db, asOf, person, site } = visit;
  const number = listNumber(visit);
  // Read first: what is decided meanwhile then counts as new to who signs.
  const seen = await lastDecision(db, number);
  const schedule = await scheduleInForce(db, asOf);
  const list = await shownList(db, number, seesNames(visit));
  const items = await everyItem(db, number);
  const standing = await whatStands(db, schedule, asOf, bindingFiles(items));
  const figures = await signingFigures(db, number);
  const deciders = await decidedBy(db, number);
  const data = {
    list,
    seen,
    figures: {
      ...figures,
      decisions: figures.decisions.map(({ decision, files }) => ({ words: STATUS_WORDS[decision], decision, files })),
      acknowledged: figures.acknowledged.map((one) => ({ ...one, words: CAUTION_WORDS[one.caution as Caution] })),
    },
    approved: list.by_status.approved ?? 0,
    kept: list.by_status.kept ?? 0,
    referred: list.by_status.referred ?? 0,
    deciders,
    sendBacks: seesNames(visit) ? await sendBacks(db, number) : [],
    blocked: items
      .filter(({ status, file_ref }) => status === 'approved' && standing.has(file_ref))
      .map((item) => shownItem(item, asOf, seesNames(visit), standing.get(item.file_ref))),
    noted: items.map((item) => shownItem(item, asOf, seesNames(visit))).filter(({ note }) => note !== null),
    own: deciders.filter(({ name }) => samePerson(name, person.name)).reduce((sum, { files }) => sum + files, 0),
    notBefore: longDate(addDays(asOf, site.coolingOffDays + 1)),
    coolingOffDays: site.coolingOffDays,
    typed,
    errors: shownErrors(errors),
  };
  return page('signOff', `Sign off list ${number}`, data, errors.length > 0 ? status : 200);
}

async function sign(visit: SignedVisit): Promise<Answer> {
  const { db, body, person, asOf, site } = visit;
  const number = listNumber(visit);
  const typed = { number: body.one('number'), reason: '' };
  if (typed.number.trim() !== String(number))
    return signOffPage(visit, { typed, errors: [{ field: 'number', text: `Type the number of this list, ${number}, to sign it` }] });
  const asked = await askWhoItIs(visit, { what: `Sign off list ${number}`, back: `/lists/${number}/sign-off` });
  if (asked) return asked;
  const schedule = await scheduleInForce(db, asOf);
  const outcome = await actingOnForm(visit, 'sign_off', SIGNING_REFUSALS, (trx) =>
    signOff(trx, number, body.one('digest'), { schedule, coolingOffDays: site.coolingOffDays }, { person, asOf }),
  );
  if ('errors' in outcome) {
    const already = outcome.code === 'wrong_state' ? await signedAlready(visit, number) : null;
    if (already !== null) return redirect(`/lists/${number}`, already);
    const errors = outcome.code === 'digest_moved' ? [await changedMeanwhile(visit, number)] : outcome.errors;
    return signOffPage(visit, { typed: NOTHING_TYPED.typed, errors }, 409);
  }
  const { approved, kept, referred, archivedFrom } = outcome.done;
  return redirect(`/lists/${number}`, signedWords(approved, kept, referred, longDate(archivedFrom)));
}

/** A second press of the button finds the list signed by the first, and says again what that did; null where it was not. */
async function signedAlready({ db, person, body }: SignedVisit, number: number): Promise<string | null> {
  const { signed_by, signed_on, cooling_off_days, digest, state, ended_on, by_status } = await oneList(db, number);
  if (signed_by !== person.name || signed_on === null || digest !== body.one('digest')) return null;
  // With nothing approved it is complete at once.
  if (state !== 'cooling_off' && !(state === 'complete' && ended_on === signed_on)) return null;
  const files = (status: Decision) => by_status[status] ?? 0;
  return signedWords(files('approved'), files('kept'), files('referred'), longDate(addDays(signed_on, (cooling_off_days ?? 0) + 1)));
}

async function changedMeanwhile({ db, body }: SignedVisit, number: number): Promise<{ field: string; text: string }> {
  const files = await decidedSince(db, number, body.number('seen') ?? 0);
  const what = files === 0 ? '' : `: ${counted(files, 'file')} ${files === 1 ? 'is' : 'are'} new to you`;
  return { field: 'number', text: `This list changed after you opened it${what}. Nothing was signed. Look at it again before you sign.` };
}

async function sendItBack(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const number = listNumber(visit);
  const refusals = {
    reason_missing: { field: 'reason', words: 'Say why it is sent back' },
    wrong_state: { field: 'signing', words: 'This list does not wait for a signature any more. It was not sent back.' },
  };
  const outcome = await actingOnForm(visit, 'send_back', refusals, (trx) => sendBack(trx, number, body.one('reason'), { person, asOf }));
  if ('errors' in outcome && !(outcome.code === 'wrong_state' && (await sentBackAlready(visit, number))))
    return signOffPage(visit, { typed: { number: '', reason: body.one('reason') }, errors: outcome.errors });
  return redirect(`/lists/${number}`, `List ${number} is sent back. Its decisions stand until somebody changes one.`);
}

/** A second press of the button finds the list sent back by the first. */
async function sentBackAlready({ db, person, body }: SignedVisit, number: number): Promise<boolean> {
  const { state, sent_back_by, sent_back_reason } = await oneList(db, number);
  return state === 'for_decision' && sent_back_by === person.name && sent_back_reason === body.one('reason').trim();
}

function signedWords(approved: number, kept: number, referred: number, notBefore: string): string {
  const others = `${counted(kept, 'file')} ${kept === 1 ? 'is' : 'are'} kept and ${referred} referred`;
  if (approved === 0) return `Signed. ${others}; none is disposed of.`;
  return `You authorised disposal of ${counted(approved, 'file')}. Nothing happens before ${notBefore}. To stop it, place a hold or withdraw a file. ${others}; they are not affected.`;
}
