/** The audit: what was done and refused, filtered by person, event and day; and whether its chain is whole. */
import type { Knex } from 'knex';
import { auditHead, readEvents, verifyChain, type ChainState, type NotedHead } from '../../../db/audit.ts';
import { eventPage, headsNotedByRuns, oneEvent, type ShownEvent } from '../../../db/auditPages.ts';
import { figuresOfNight } from '../../../db/nightFigures.ts';
import { longDate, readDate, type IsoDate } from '../../../rules/dates.ts';
import { Refusal } from '../../../rules/refusal.ts';
import { wholeNumber } from '../../../rules/wholeNumber.ts';
import { shownErrors, type FieldError } from '../acting.ts';
import { EVENT_WORDS, eventDetails } from '../eventWords.ts';
import { page, type Answer, type Route, type SignedVisit } from '../page.ts';
import { addressOf, ON_A_PAGE } from '../tables.ts';

export const auditRoutes: readonly Route[] = [
  { method: 'GET', url: '/audit', needs: 'read', handler: (visit) => auditPage(visit) },
  { method: 'GET', url: '/audit/events/:event', needs: 'read', handler: eventAlone },
  { method: 'GET', url: '/audit/chain', needs: 'read', handler: chainOfNight },
  { method: 'POST', url: '/audit/chain', needs: 'read', handler: checkChain },
];

/** Longer details are folded away. */
const LONG = 200;

interface Asked {
  person: string;
  event: string;
  day: string;
  month: string;
  year: string;
}

async function auditPage(visit: SignedVisit, chainErrors: readonly FieldError[] = []): Promise<Answer> {
  const { db, query } = visit;
  const typed: Asked = {
    person: query.one('person').trim(),
    event: query.one('event'),
    day: query.one('day').trim(),
    month: query.one('month').trim(),
    year: query.one('year').trim(),
  };
  const { filter, errors } = readFilter(typed);
  const before = query.number('before');
  const { rows, more } = errors.length > 0 ? { rows: [], more: false } : await eventPage(db, { ...filter, before }, ON_A_PAGE);
  const address = (change: Partial<Asked> & { before?: number | undefined }) => addressOf('/audit', given({ ...typed, ...change }));
  const all = [...chainErrors, ...errors];
  const data = {
    events: rows.map((row) => shownEvent(row, { byPerson: address({ person: row.actor }), byEvent: address({ event: row.event }) })),
    kinds: kindChoices(typed.event),
    typed: { ...typed, head: visit.body.one('head') },
    filtered: Object.keys(given({ ...typed })).length > 0,
    head: await auditHead(db),
    newest: before === undefined ? null : address({}),
    older: more ? address({ before: rows.at(-1)?.seq }) : null,
    errors: shownErrors(all),
  };
  return page('audit', 'Audit', data, all.length > 0 ? 422 : 200);
}

async function eventAlone({ db, params }: SignedVisit): Promise<Answer> {
  const seq = wholeNumber(params['event']);
  const event = seq === undefined ? undefined : await oneEvent(db, seq);
  if (event === undefined) throw new Refusal('no_such_event', 'The audit has no event of that number.');
  const words = EVENT_WORDS[event.event] ?? event.event;
  return page('auditEvent', `Event ${event.seq}`, { event, words, details: eventDetails(event.details) });
}

/** What the last night found when it followed the whole chain. */
async function chainOfNight({ db }: SignedVisit): Promise<Answer> {
  const found = await figuresOfNight(db, 'chain');
  return shownChain(found && { ...found.chain, given: false }, found && `in the night of ${longDate(found.as_of)}`);
}

/** Follows the whole chain now, however long, in memory that does not depend on its length; the longer it is, the longer it takes. */
async function checkChain(visit: SignedVisit): Promise<Answer> {
  const { db, body } = visit;
  const typed = body.one('head').trim().toLowerCase();
  if (typed !== '' && !/^[0-9a-f]{64}$/.test(typed))
    return auditPage(visit, [{ field: 'head', text: 'Enter the head as a report prints it: 64 digits and letters from a to f' }]);
  if (underWay.has(db))
    return auditPage(visit, [
      { field: 'head', text: 'Somebody is having the chain checked just now. Wait until that has ended, then ask again' },
    ]);
  underWay.add(db);
  try {
    const noted = await headsNotedByRuns(db);
    const own: NotedHead[] = typed === '' ? [] : [{ where: 'The head you gave', head: typed, events: null }];
    const chain = await verifyChain(readEvents(db), [...noted, ...own]);
    return shownChain({ ...chain, nights: noted.length, given: typed !== '' }, 'just now');
  } finally {
    underWay.delete(db);
  }
}

/** Databases whose chain is being followed: one at a time, for each reads all there is. */
const underWay = new WeakSet<Knex>();

function shownChain(chain: (ChainState & { nights: number; given: boolean }) | null, when: string | null): Answer {
  return page('auditChain', 'The chain of the audit', { chain, when });
}

function readFilter({ person, event, day, month, year }: Asked): {
  filter: { actor?: string; event?: string; day?: IsoDate };
  errors: FieldError[];
} {
  const whole = `${day}${month}${year}`;
  const date = readDate(`${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`);
  return {
    filter: {
      ...(person === '' ? {} : { actor: person }),
      ...(event === '' ? {} : { event }),
      ...(whole === '' || date === null ? {} : { day: date }),
    },
    errors: [
      ...(/\p{Cc}/u.test(person) ? [{ field: 'person', text: 'Enter a user name, or "service"' }] : []),
      ...(/\p{Cc}/u.test(event) ? [{ field: 'event', text: 'Choose what happened' }] : []),
      ...(whole !== '' && date === null ? [{ field: 'day', text: 'Enter a day that exists, for example 22 11 2026' }] : []),
    ],
  };
}

function kindChoices(chosen: string): { value: string; text: string; selected: boolean }[] {
  const known = Object.entries(EVENT_WORDS).sort(([, a], [, b]) => (a < b ? -1 : 1));
  const other: [string, string][] = chosen === '' || chosen in EVENT_WORDS ? [] : [[chosen, chosen]];
  return [
    { value: '', text: 'Anything', selected: chosen === '' },
    ...[...other, ...known].map(([value, text]) => ({ value, text, selected: value === chosen })),
  ];
}

function shownEvent({ seq, at, actor, event, details }: ShownEvent, links: { byPerson: string; byEvent: string }) {
  const about = details === null ? { whole: `/audit/events/${seq}` } : { details: eventDetails(details), long: details.length > LONG };
  return { seq, at, actor, words: EVENT_WORDS[event] ?? event, ...about, ...links };
}

/** What is asked for; the key of a page is not carried over to another question. */
function given(asked: Partial<Asked> & { before?: number | undefined }): Record<string, string | number | undefined> {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== '' && value !== undefined));
}
