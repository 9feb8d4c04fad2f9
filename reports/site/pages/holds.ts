/** Holds: those in force, due for review and released; one of them, and its release by two people. */
import { everyNameOf } from '../../../db/categoryNames.ts';
import { countHolds, HOLD_FILTERS, holdPage, oneHold, type HoldFilter } from '../../../db/holdPages.ts';
import { askRelease, confirmRelease, filesCovered, type Hold } from '../../../db/holds.ts';
import { filesLost } from '../../../db/lostCover.ts';
import { figuresOfNight } from '../../../db/nightFigures.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import { addDays, longDate } from '../../../rules/dates.ts';
import { sha256 } from '../../../rules/digest.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { wholeNumber } from '../../../rules/wholeNumber.ts';
import { REQUEST_LAPSES_AFTER_DAYS } from '../../../rules/workflow.ts';
import { samePerson } from '../../../rules/userNames.ts';
import { actingOnForm, shownErrors, type FormState } from '../acting.ts';
import { releasedWords, shownHold } from '../holdWords.ts';
import { may, page, redirect, seesNames, type Answer, type Route, type SignedVisit } from '../page.ts';
import { ON_A_PAGE } from '../tables.ts';
import { refText } from '../workKeys.ts';
import { counted } from '../words.ts';

export const holdRoutes: readonly Route[] = [
  { method: 'GET', url: '/holds', needs: 'read', handler: holdsPage },
  { method: 'GET', url: '/holds/:hold', needs: 'read', handler: (visit) => oneHoldPage(visit) },
  { method: 'POST', url: '/holds/:hold/ask', needs: 'hold', handler: ask },
  { method: 'POST', url: '/holds/:hold/confirm', needs: 'hold', handler: confirm },
];

const FILTER_WORDS: Record<HoldFilter, { text: string; empty: string }> = {
  in_force: { text: 'In force', empty: 'No hold is in force. Place one when an order, a claim or a request asks for files to be kept.' },
  due: { text: 'Due for review', empty: 'No hold is due for review.' },
  asked: { text: 'Release to be confirmed', empty: 'Nobody has asked for the release of a hold, or each request was answered.' },
  lost: { text: 'Lost files', empty: 'No hold in force has lost a file that it covered.' },
  released: { text: 'Released', empty: 'No hold was released yet.' },
};

async function holdsPage(visit: SignedVisit): Promise<Answer> {
  const { db, asOf, query } = visit;
  const filter = HOLD_FILTERS.find((word) => word === query.one('show')) ?? 'in_force';
  const after = query.number('after') ?? null;
  const schedule = await scheduleInForce(db, asOf);
  const counts = await countHolds(db, asOf);
  const { rows, more } = await holdPage(db, filter, { asOf, after }, ON_A_PAGE);
  const address = (show: HoldFilter, from?: number) => `/holds?show=${show}${from === undefined ? '' : `&after=${from}`}`;
  return page('holds', 'Holds', {
    holds: rows.map((hold) => shownHold(hold, schedule, seesNames(visit))),
    filters: HOLD_FILTERS.map((word) => ({
      text: `${FILTER_WORDS[word].text} (${counts[word].toLocaleString('en-GB')})`,
      href: address(word),
      current: word === filter,
    })),
    heading: FILTER_WORDS[filter].text,
    empty: FILTER_WORDS[filter].empty,
    names: seesNames(visit),
    places: may(visit, 'hold'),
    first: after === null ? null : address(filter),
    next: more ? address(filter, rows.at(-1)?.id) : null,
  });
}

const NOTHING_TYPED: FormState = { typed: { reason: '' }, errors: [] };

async function oneHoldPage(visit: SignedVisit, { typed, errors }: FormState = NOTHING_TYPED, status = 422): Promise<Answer> {
  const { db, asOf, person } = visit;
  const hold = await oneHold(db, holdNumber(visit), asOf);
  const inForce = hold.released_on === null;
  const asked = hold.state === 'release_asked';
  const own = samePerson(hold.release_asked_by, person.name);
  const data = {
    hold: shownHold(hold, await scheduleInForce(db, asOf), seesNames(visit)),
    covers: inForce ? await coveredFiles(visit, hold) : null,
    released: releasedWords(hold),
    lostFiles: inForce ? (await filesLost(db, hold.id, ON_A_PAGE)).map((ref) => ({ ref, href: `/files?${refText(ref)}` })) : [],
    asked,
    lapsesAfter: hold.release_asked_on === null ? null : addDays(hold.release_asked_on, REQUEST_LAPSES_AFTER_DAYS),
    own: asked && own,
    asks: inForce && may(visit, 'hold'),
    confirms: asked && !own && may(visit, 'hold'),
    request: requestDigest(hold),
    typed,
    errors: shownErrors(errors),
  };
  return page('hold', `Hold ${hold.id}`, data, errors.length > 0 ? status : 200);
}

/** Of a scope that takes in much of the register, what the last night counted: nobody waits for all files to be counted again. */
async function coveredFiles({ db }: SignedVisit, hold: Hold): Promise<{ files: number; night: string | null }> {
  const wide = hold.scope === 'everything' || hold.scope === 'category';
  const counted = wide ? await figuresOfNight(db, 'retention', 'categories') : null;
  if (counted === null) return { files: await filesCovered(db, hold), night: null };
  const { retention, categories, as_of } = counted;
  const names = await everyNameOf(db, hold.scope_ref ?? '');
  const ofCategory = categories.filter(({ category }) => names.includes(category)).reduce((sum, { files }) => sum + files, 0);
  return { files: hold.scope === 'everything' ? retention.files : ofCategory, night: as_of };
}

async function ask(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const id = holdNumber(visit);
  const reason = body.one('reason');
  const refusals = { reason_missing: { field: 'reason', words: 'Say why the hold may be released' } };
  const outcome = await actingOnForm(visit, 'release_hold', refusals, (trx) => askRelease(trx, id, reason, { person, asOf }));
  if ('errors' in outcome) return oneHoldPage(visit, { typed: { reason }, errors: outcome.errors });
  return redirect(
    `/holds/${id}`,
    `The release of hold ${id} is asked for. It stays in force until another person confirms, through ${longDate(outcome.done.lapses_after)}; then it must be asked for anew.`,
  );
}

const CONFIRM_REFUSALS = {
  release_not_asked: {
    field: 'reason',
    words: 'Nobody has asked for the release of this hold. It stays in force. One person asks, another confirms.',
  },
  request_lapsed: {
    field: 'reason',
    words: `The request lapsed after ${REQUEST_LAPSES_AFTER_DAYS} days. The hold stays in force. Ask for its release anew.`,
  },
  own_request: { field: 'reason', words: 'You asked for the release of this hold, so another person must confirm it. It stays in force.' },
  request_changed: {
    field: 'confirm',
    words:
      'Somebody asked for the release anew after you opened this page. Nothing was released. Read the reason again before you confirm.',
  },
} as const;

/** Confirms the very request that was shown, and no later one with another reason. */
async function confirm(visit: SignedVisit): Promise<Answer> {
  const { body, person, asOf } = visit;
  const id = holdNumber(visit);
  const outcome = await actingOnForm(visit, 'release_hold', CONFIRM_REFUSALS, async (trx) => {
    const released = await confirmRelease(trx, id, { person, asOf });
    if (requestDigest(released.hold) !== body.one('request'))
      throw new Refusal('request_changed', `The request to release hold ${id} is another one than was shown.`, { hold: id });
    return released;
  });
  if ('errors' in outcome) return oneHoldPage(visit, { typed: NOTHING_TYPED.typed, errors: outcome.errors }, 409);
  const { covered } = outcome.done;
  return redirect(
    `/holds/${id}`,
    `Hold ${id} is released. It covered ${counted(covered, 'file')}. What is due, and nothing else blocks, goes on lists from the next night on.`,
  );
}

function requestDigest({ release_asked_by, release_asked_on, release_reason }: Hold): string {
  return sha256(JSON.stringify([release_asked_by, release_asked_on, release_reason]));
}

function holdNumber({ params }: SignedVisit): number {
  const number = wholeNumber(params['hold']);
  if (number === undefined) throw new Refusal('no_such_hold', 'A hold has a number, and this is none.');
  return number;
}
