/** Placing a hold: it is in force at once, and covers what arrives later too. */
import { readScope, type ReadScope } from '../../../db/holdFile.ts';
import { placeHoldOnce, type NewHold } from '../../../db/holds.ts';
import { scheduleInForce } from '../../../db/schedules.ts';
import type { Schedule } from '../../../rules/schedule.ts';
import { HOLD_KINDS, HOLD_SCOPES, type HoldScope } from '../../../rules/workflow.ts';
import { actingOnForm, shownErrors, type FieldError, type FormState } from '../acting.ts';
import { readDayField, typedDay } from '../dayField.ts';
import { HOLD_KIND_WORDS, HOLD_SCOPE_WORDS } from '../holdWords.ts';
import { page, redirect, type Answer, type Fields, type Route, type SignedVisit } from '../page.ts';
import { counted } from '../words.ts';

export const placeHoldRoutes: readonly Route[] = [
  { method: 'GET', url: '/holds/place', needs: 'hold', handler: (visit) => placingPage(visit, prefilled(visit)) },
  { method: 'POST', url: '/holds', needs: 'hold', handler: place },
];

/** Longest words of who ordered it, as in files of holds. */
const LONGEST_AUTHORITY = 1000;

const REFERENCED = ['file', 'person', 'family', 'category'] as const satisfies readonly HoldScope[];

const SCOPE_MISSING: Record<(typeof REFERENCED)[number], string> = {
  file: 'Enter the reference of the file',
  person: 'Enter the reference of the person',
  family: 'Enter the reference of the family',
  category: 'Choose the category',
};

/** A page about a file or a person leads here with `?scope=person&ref=P-1`. */
function prefilled({ query }: SignedVisit): FormState {
  const scope = HOLD_SCOPES.find((word) => word === query.one('scope')) ?? '';
  return { typed: { scope, ...(scope === '' ? {} : { [`${scope}_ref`]: query.one('ref') }) }, errors: [] };
}

async function placingPage(visit: SignedVisit, { typed, errors }: FormState): Promise<Answer> {
  const { categories } = await scheduleInForce(visit.db, visit.asOf);
  const data = {
    kinds: HOLD_KINDS.map((value) => ({ value, text: HOLD_KIND_WORDS[value] })),
    scopes: HOLD_SCOPE_WORDS,
    categories: [
      { value: '', text: 'Choose a category' },
      ...Object.entries(categories).map(([value, { label }]) => ({ value, text: label })),
    ],
    typed,
    errors: shownErrors(errors),
  };
  return page('placeHold', 'Place a hold', data, errors.length > 0 ? 422 : 200);
}

async function place(visit: SignedVisit): Promise<Answer> {
  const { db, body, person, asOf } = visit;
  const again = (errors: FieldError[]) => placingPage(visit, { typed: typedHold(body), errors });
  const read = readHold(body, await scheduleInForce(db, asOf));
  if ('errors' in read) return again(read.errors);
  const refusals = { review_past: { field: 'review_day' } };
  const outcome = await actingOnForm(visit, 'hold', refusals, (trx) => placeHoldOnce(trx, read.hold, { person, asOf }));
  if ('errors' in outcome) return again(outcome.errors);
  const { hold, covers } = outcome.done;
  if (covers === 0)
    return redirect(
      `/holds/${hold.id}`,
      `Hold ${hold.id} is in force. It matches nothing yet; it covers whatever arrives later. Check the reference if you expected a match.`,
      'warning',
    );
  return redirect(`/holds/${hold.id}`, `Hold ${hold.id} is in force and covers ${counted(covers, 'file')}.`);
}

function typedHold(body: Fields): FormState['typed'] {
  const text = ['kind', 'scope', 'authority', ...REFERENCED.map((scope) => `${scope}_ref`)];
  return { ...Object.fromEntries(text.map((name) => [name, body.one(name)])), ...typedDay(body, 'review') };
}

/** The hold a form asks for, or everything that is wrong with it. */
function readHold(body: Fields, { categories }: Schedule): { hold: NewHold } | { errors: FieldError[] } {
  const kind = HOLD_KINDS.find((word) => word === body.one('kind'));
  const scope = readScopeFields(body, Object.keys(categories));
  const authority = body.one('authority').trim();
  const reviewOn = readDayField(body, 'review');
  const errors = [
    ...(kind === undefined ? [{ field: 'kind', text: 'Choose why disposal is suspended' }] : []),
    ...('field' in scope ? [scope] : []),
    ...(authority === '' ? [{ field: 'authority', text: 'Say who ordered the hold' }] : []),
    ...(authority.length > LONGEST_AUTHORITY
      ? [{ field: 'authority', text: `Say who ordered it in at most ${LONGEST_AUTHORITY} characters` }]
      : []),
    ...(reviewOn === null ? [{ field: 'review_day', text: 'Enter the day on which it is reviewed, for example 31 3 2030' }] : []),
  ];
  if (errors.length > 0 || kind === undefined || 'field' in scope || reviewOn === null) return { errors };
  return { hold: { kind, ...scope, authority, reviewOn } };
}

function readScopeFields(body: Fields, categories: string[]): Exclude<ReadScope, { problem: string }> | FieldError {
  const scope = HOLD_SCOPES.find((word) => word === body.one('scope'));
  if (scope === undefined) return { field: 'scope', text: 'Choose what the hold covers' };
  if (scope === 'everything') return { scope, scopeRef: null };
  const field = `${scope}_ref`;
  const ref = body.one(field).trim();
  if (ref === '') return { field, text: SCOPE_MISSING[scope] };
  const read = readScope(`${scope}:${ref}`, categories);
  if (!('problem' in read)) return read;
  return { field, text: scope === 'category' ? SCOPE_MISSING.category : `This cannot be one: ${read.problem}` };
}
