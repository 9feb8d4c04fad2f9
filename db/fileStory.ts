/** What people did with a file, from every record of it: lists, decisions, holds, reviews, originals, confirmations, restores. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { eventsAbout, type PlacedEvent } from './auditPlaces.ts';
import { byPlace } from './history.ts';
import { holdCoversSql } from './holdMatching.ts';

export const STORY_KINDS = [
  'listed',
  'decided',
  'signed_off',
  'taken_off',
  'kept',
  'referred',
  'referral_closed',
  'confirmed',
  'hold_placed',
  'hold_released',
  'review_done',
  'originals',
  'restore_asked',
  'restored',
] as const;

export interface StoryEvent {
  on: IsoDate;
  kind: (typeof STORY_KINDS)[number];
  who: string | null;
  /** The list, or the hold. */
  number: number | null;
  /** A word of ours: the decision, the reason code, the kind of hold, what was confirmed, what became of originals. */
  word: string | null;
  /** Through which day it is kept, or the day a review was due. */
  day: IsoDate | null;
  /** In a person's words: for those who see names. */
  free: string | null;
  /** Place in the audit, and the time of day in London; null where the audit does not tell, as of what a bag brought back. */
  seq: number | null;
  time: string | null;
}

/**
 * What people did with a file of the register, oldest first, on one day in the order of the audit. Holds count that cover it by its
 * facts as they are now, or covered it once.
 */
export async function fileEvents(db: Knex, fileRef: string): Promise<StoryEvent[]> {
  const events = await recordedEvents(db, fileRef);
  const numbers = (kinds: readonly string[]) => [
    ...new Set(events.flatMap(({ kind, number }) => (kinds.includes(kind) && number !== null ? [number] : []))),
  ];
  const placed = await eventsAbout(db, {
    file: fileRef,
    lists: numbers(['listed', 'decided', 'signed_off']),
    holds: numbers(['hold_placed', 'hold_released']),
  });
  return events
    .map(({ nth, ...event }) => {
      const { seq, time } = placeOf(event, nth, fileRef, placed) ?? { seq: null, time: null };
      return { ...event, seq, time };
    })
    .sort((one, other) => byPlace(one, other) || STORY_KINDS.indexOf(one.kind) - STORY_KINDS.indexOf(other.kind));
}

/** The event of the audit that each kind is told by; of several alike the first row is told by the first. */
function placeOf(
  { kind, number, word }: Pick<StoryEvent, 'kind' | 'number' | 'word'>,
  nth: number,
  fileRef: string,
  placed: readonly PlacedEvent[],
): PlacedEvent | undefined {
  const ofList = (event: string) => placed.filter((one) => one.event === event && one.details['list'] === number);
  const ofFile = (event: string) => placed.filter((one) => one.event === event && one.details['file'] === fileRef);
  const ofHold = (event: string) => placed.filter((one) => one.event === event && one.details['hold'] === number);
  const has = (one: PlacedEvent, list: string, member: string | null) => ((one.details[list] ?? []) as (string | null)[]).includes(member);
  const told: Record<StoryEvent['kind'], () => PlacedEvent[]> = {
    listed: () => ofList('list.made'),
    decided: () => ofList('list.decided').filter((one) => has(one, 'files', fileRef)),
    signed_off: () => ofList('list.signed_off'),
    taken_off: () => ofFile('item.withdrawn').filter((one) => one.details['list'] === number),
    kept: () => ofList('list.signed_off'),
    referred: () => ofList('list.signed_off'),
    referral_closed: () => ofFile('referral.closed'),
    confirmed: () => ofFile('file.confirmed').filter((one) => has(one, 'blocks', word)),
    hold_placed: () => ofHold('hold.placed'),
    hold_released: () => ofHold('hold.released'),
    review_done: () => ofFile('review.done'),
    originals: () => ofFile(`originals.${word ?? ''}`),
    restore_asked: () => ofFile('restore.asked'),
    restored: () => ofFile('file.restored'),
  };
  return told[kind]()[nth - 1];
}

/** As the tables have them, each with its place among those of its kind that one key tells apart. */
async function recordedEvents(db: Knex, fileRef: string): Promise<(Omit<StoryEvent, 'seq' | 'time'> & { nth: number })[]> {
  const columns = (...values: string[]) => `select ${values.join(', ')}`;
  const holds = `from case_files f join holds h on ${holdCoversSql('f')}
    or exists (select from hold_covers k where k.hold_id = h.id and k.file_ref = f.file_ref and k.likeness is null) where f.file_ref = :fileRef`;
  const items = 'from disposal_list_items i join disposal_lists l on l.id = i.list_id where i.file_ref = :fileRef';
  const of = (table: string) => `from ${table} where file_ref = :fileRef`;
  const parts = [
    `${columns('l.id', 'l.listed_on as "on"', "'listed' as kind", 'null as who', 'l.id as number', 'null as word', 'cast(null as date) as day', 'null as free')} ${items}`,
    `${columns('id', 'decided_on', "'decided'", 'decided_by', 'list_id', 'decision', 'null', 'null')} ${of('item_decisions')}`,
    `${columns('l.id', 'l.signed_on', "'signed_off'", 'l.signed_by', 'l.id', 'null', 'null', 'null')} ${items} and l.signed_on is not null`,
    `${columns('l.id', 'i.status_on', "'taken_off'", 'null', 'l.id', 'null', 'null', 'i.status_reason')} ${items} and i.status = 'withdrawn'`,
    `${columns('id', 'decided_on', "'kept'", 'decided_by', 'list_id', 'reason_code', 'keep_until', 'note')} ${of('deferrals')}`,
    `${columns('id', 'referred_on', "'referred'", 'referred_by', 'list_id', 'null', 'null', 'note')} ${of('referrals')}`,
    `${columns('id', 'closed_on', "'referral_closed'", 'closed_by', 'list_id', 'null', 'null', 'null')} ${of('referrals')} and closed_on is not null`,
    `${columns('id', 'confirmed_on', "'confirmed'", 'confirmed_by', 'null', 'block', 'null', 'reason')} ${of('confirmations')}`,
    `${columns('h.id', 'h.placed_on', "'hold_placed'", 'h.placed_by', 'h.id', 'h.kind', 'null', 'h.authority')} ${holds}`,
    `${columns('h.id', 'h.released_on', "'hold_released'", 'h.released_by', 'h.id', 'h.kind', 'null', 'h.release_reason')} ${holds} and h.released_on is not null`,
    `${columns('id', 'done_on', "'review_done'", 'done_by', 'null', 'null', 'review_on', 'note')} ${of('reviews_done')}`,
    `${columns('id', 'recorded_on', "'originals'", 'recorded_by', 'null', 'outcome', 'null', 'coalesce(handed_to, note)')} ${of('originals')}`,
    `${columns('id', 'asked_on', "'restore_asked'", 'asked_by', 'list_id', 'null', 'keep_until', 'reason')} ${of('restore_requests')}`,
    `${columns('id', 'confirmed_on', "'restored'", 'confirmed_by', 'list_id', 'null', 'keep_until', 'null')} ${of('restore_requests')} and confirmed_on is not null`,
  ];
  const events = await db.raw<{ rows: (Omit<StoryEvent, 'seq' | 'time'> & { nth: number })[] }>(
    `select "on", kind, who, number, word, day, free,
       row_number() over (partition by kind, case
         when kind in ('confirmed', 'originals') then word when kind in (${OF_THE_FILE.map((kind) => `'${kind}'`).join(', ')}) then null else number::text end
         order by id)::int as nth
     from (${parts.join('\n union all ')}) e`,
    { fileRef },
  );
  return events.rows;
}

/** Kinds whose events the audit has by the file alone. */
const OF_THE_FILE = ['referral_closed', 'review_done', 'restore_asked', 'restored'] as const satisfies readonly StoryEvent['kind'][];
