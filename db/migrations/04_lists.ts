/** Disposal lists: what was proposed, decided and signed. The database holds the states, the digests and the two people. */
import type { Knex } from 'knex';
import { DISPOSAL_ACTIONS } from '../../rules/determine.ts';
import { DECISIONS, ITEM_STATUSES, LIST_STATES, REASON_CODES } from '../../rules/workflow.ts';
import { appendOnly, createTable, oneOf } from '../schema.ts';

const REF = 'text collate "C"';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'disposal_lists',
    'Candidates put forward together for sign-off: one rule and one action to a list.',
    {
      id: ['bigint generated always as identity primary key', 'Number of the list'],
      state: [`text not null default 'for_decision' ${oneOf('state', LIST_STATES)}`, 'State'],
      rule: ['text not null', 'Rule that decides every item'],
      action: [`text not null ${oneOf('action', DISPOSAL_ACTIONS)}`, 'What is done with every approved item'],
      schedule_version: ['text not null references schedule_versions', 'Version of the schedule'],
      listed_on: ['date not null', 'Business date it was made'],
      run_id: ['bigint references runs', 'The run that made it'],
      digest: ["text check (digest ~ '^[0-9a-f]{64}$')", 'SHA-256 over the item digests in order'],
      signed_by: ['text', 'Who authorised it'],
      signed_on: ['date', 'Business date of the sign-off'],
      signed_at: ['timestamptz', 'When it was signed, by the clock of the database'],
      signed_digest: ['text', 'The digest that was signed'],
      cooling_off_days: ['integer', 'Fixed when it was signed'],
      sent_back_by: ['text', 'Who last sent it back'],
      sent_back_reason: ['text', 'Why'],
      ended_on: ['date', 'Business date it was complete or cancelled'],
      ended_by: ['text', 'Who cancelled it'],
      ended_reason: ['text', 'Why it was cancelled'],
      from_bags_on: [
        'date',
        'Signed after the backup that this database was restored from: what is here of the signature, and of the files archived on it, was read from their bags on this business date',
      ],
    },
    [
      'check ((signed_by is null) = (signed_on is null) and (signed_by is null) = (signed_digest is null) and (signed_by is null) = (cooling_off_days is null))',
      "check (state not in ('cooling_off', 'in_progress') or signed_by is not null)",
      "check ((state in ('complete', 'cancelled')) = (ended_on is not null))",
      'constraint what_is_signed_is_the_list check (signed_digest is null or signed_digest = digest)',
    ],
  );

  await createTable(
    db,
    'disposal_list_items',
    'One file on a list. After archiving, its days are reduced to years.',
    {
      list_id: ['bigint not null references disposal_lists', 'The list'],
      position: ['integer not null', 'Place on it, from 1, oldest first'],
      file_ref: [`${REF} not null`, 'The file; it outlives the file’s row in the register'],
      rule: ['text not null', 'Deciding rule'],
      schedule_version: ['text not null', 'Version of the schedule'],
      action: [`text not null ${oneOf('action', DISPOSAL_ACTIONS)}`, 'What is done'],
      anchor_on: ['date', 'The date the period runs from; emptied by archiving'],
      retain_until: ['date', 'Last day of retention; emptied by archiving'],
      anchor_year: ['integer not null', 'Year of the anchor: what stays'],
      retain_year: ['integer not null', 'Year of retainUntil: what stays'],
      cautions: ["jsonb not null default '[]'", 'Array of {caution, acknowledged_by, acknowledged_on}'],
      decision: [`text ${oneOf('decision', DECISIONS)}`, 'What was decided'],
      keep_until: ['date', 'Kept through this day, when kept'],
      reason_code: [`text ${oneOf('reason_code', REASON_CODES)}`, 'Why it is kept'],
      note: ['text', 'Free text of the decision; emptied by archiving'],
      decided_by: ['text', 'Who decided'],
      decided_on: ['date', 'Business date of the decision'],
      status: [`text not null default 'pending' ${oneOf('status', ITEM_STATUSES)}`, 'Where the item stands'],
      status_reason: ['text', 'Why it was withdrawn or failed'],
      status_on: ['date not null', 'Business date of the status'],
      attempts: ['integer not null default 0', 'Nights archiving failed'],
      binding: ['boolean not null default true', 'The item still binds its file: it is unfinished on an open list'],
      released_holds: [
        "integer[] not null default '{}'",
        'Holds that covered the file when it was due and were released since: why it is eligible only now',
      ],
      item_digest: ["text not null check (item_digest ~ '^[0-9a-f]{64}$')", 'SHA-256 of what is decided here'],
    },
    [
      'primary key (list_id, position)',
      'unique (list_id, file_ref)',
      'check ((decision is null) = (decided_by is null))',
      "check ((decision is not distinct from 'kept') = (keep_until is not null))",
      "check (status not in ('approved', 'kept', 'referred') or decision = status)",
      "check (status not in ('archived', 'transferred', 'waiting_for_receipt', 'waiting_for_paper', 'failed') or decision = 'approved')",
      "check (status <> 'withdrawn' or status_reason is not null)",
    ],
  );
  await db.raw('create unique index a_file_is_an_unfinished_item_of_one_list on disposal_list_items (file_ref) where binding');
  await db.raw('create index disposal_list_items_by_file on disposal_list_items (file_ref)');

  await createTable(db, 'item_decisions', 'Every decision ever taken on an item, changed ones too: who decided any may not sign.', {
    id: ['bigint generated always as identity primary key', 'Order'],
    list_id: ['bigint not null references disposal_lists', 'The list'],
    file_ref: [`${REF} not null`, 'The file'],
    decision: [`text not null ${oneOf('decision', DECISIONS)}`, 'What was decided'],
    decided_by: ['text not null', 'Who'],
    decided_on: ['date not null', 'Business date'],
    decided_at: ['timestamptz not null default clock_timestamp()', 'When'],
  });
  await db.raw('create index item_decisions_by_list on item_decisions (list_id, decided_by)');
  await appendOnly(db, 'item_decisions');

  await createTable(db, 'deferrals', 'Files kept by decision through a date.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
    keep_until: ['date not null', 'Last day of the deferral; candidate from the next day'],
    reason_code: [`text ${oneOf('reason_code', REASON_CODES)}`, 'Why'],
    note: ['text', 'Free text'],
    list_id: ['bigint references disposal_lists', 'The list it was decided on'],
    decided_by: ['text not null', 'Who'],
    decided_on: ['date not null', 'Business date it took effect'],
  });
  await db.raw('create index deferrals_by_file on deferrals (file_ref)');

  await createTable(db, 'referrals', 'Files referred to a person by decision, until the referral is closed.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
    note: ['text', 'To whom and why'],
    list_id: ['bigint references disposal_lists', 'The list it was decided on'],
    referred_by: ['text not null', 'Who referred it'],
    referred_on: ['date not null', 'Business date it took effect'],
    closed_by: ['text', 'Who closed it'],
    closed_on: ['date', 'Business date it was closed'],
  });
  await db.raw('create unique index one_open_referral_a_file on referrals (file_ref) where closed_on is null');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
