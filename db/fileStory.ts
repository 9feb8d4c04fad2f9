/** What people did with a file, from every record of it: lists, decisions, holds, reviews, originals, confirmations, restores. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { rulesOf, type Schedule } from '../rules/schedule.ts';
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
}

/** What people did with a file of the register, oldest first. Holds count that cover it by its facts as they are now. */
export async function fileEvents(db: Knex, fileRef: string): Promise<StoryEvent[]> {
  const columns = (...values: string[]) => `select ${values.join(', ')}`;
  const holds = `from case_files f join holds h on ${holdCoversSql('f')} where f.file_ref = :fileRef`;
  const items = 'from disposal_list_items i join disposal_lists l on l.id = i.list_id where i.file_ref = :fileRef';
  const of = (table: string) => `from ${table} where file_ref = :fileRef`;
  const parts = [
    `${columns('l.listed_on as "on"', "'listed' as kind", 'null as who', 'l.id as number', 'null as word', 'cast(null as date) as day', 'null as free')} ${items}`,
    `${columns('decided_on', "'decided'", 'decided_by', 'list_id', 'decision', 'null', 'null')} ${of('item_decisions')}`,
    `${columns('l.signed_on', "'signed_off'", 'l.signed_by', 'l.id', 'null', 'null', 'null')} ${items} and l.signed_on is not null`,
    `${columns('i.status_on', "'taken_off'", 'null', 'l.id', 'null', 'null', 'i.status_reason')} ${items} and i.status = 'withdrawn'`,
    `${columns('decided_on', "'kept'", 'decided_by', 'list_id', 'reason_code', 'keep_until', 'note')} ${of('deferrals')}`,
    `${columns('referred_on', "'referred'", 'referred_by', 'list_id', 'null', 'null', 'note')} ${of('referrals')}`,
    `${columns('closed_on', "'referral_closed'", 'closed_by', 'list_id', 'null', 'null', 'null')} ${of('referrals')} and closed_on is not null`,
    `${columns('confirmed_on', "'confirmed'", 'confirmed_by', 'null', 'block', 'null', 'reason')} ${of('confirmations')}`,
    `${columns('h.placed_on', "'hold_placed'", 'h.placed_by', 'h.id', 'h.kind', 'null', 'h.authority')} ${holds}`,
    `${columns('h.released_on', "'hold_released'", 'h.released_by', 'h.id', 'h.kind', 'null', 'h.release_reason')} ${holds} and h.released_on is not null`,
    `${columns('done_on', "'review_done'", 'done_by', 'null', 'null', 'review_on', 'note')} ${of('reviews_done')}`,
    `${columns('recorded_on', "'originals'", 'recorded_by', 'null', 'outcome', 'null', 'coalesce(handed_to, note)')} ${of('originals')}`,
    `${columns('asked_on', "'restore_asked'", 'asked_by', 'list_id', 'null', 'keep_until', 'reason')} ${of('restore_requests')}`,
    `${columns('confirmed_on', "'restored'", 'confirmed_by', 'list_id', 'null', 'keep_until', 'null')} ${of('restore_requests')} and confirmed_on is not null`,
  ];
  const events = await db.raw<{ rows: StoryEvent[] }>(
    `select * from (${parts.join('\n union all ')}) e order by "on", array_position(cast(:kinds as text[]), kind), number`,
    { fileRef, kinds: [...STORY_KINDS] },
  );
  return events.rows;
}

/**
 * True when the file is of an adoption, or one of its people has a file that is, in the register or in the archive: then no
 * page may show names, for who was born under one lives under another.
 */
export async function touchesAdoption(db: Knex, schedule: Schedule, fileRef: string): Promise<boolean> {
  const result = await db.raw<{ rows: { touches: boolean }[] }>(
    // Counted, not "exists": for few files of a million the planner would rather look at all of them than at the index.
    `select 'adoption' = any(f.categories)
       or (select count(*) from case_files a where a.subject_refs && f.subject_refs and 'adoption' = any(a.categories)) > 0
       or exists (select from archive_index i join residual_records r on r.file_ref = i.file_ref and r.restored_on is null
         where i.person_ref = any(f.subject_refs) and r.rule = any(cast(:rules as text[]))) as touches
     from case_files f where f.file_ref = :fileRef`,
    { fileRef, rules: adoptionRules(schedule) },
  );
  return result.rows[0]?.touches ?? false;
}

/** The rules of adoption files: what tells an archived one, of which the categories are in its bag alone. */
export function adoptionRules(schedule: Schedule): string[] {
  return rulesOf(schedule, 'adoption').map(({ id }) => id);
}
