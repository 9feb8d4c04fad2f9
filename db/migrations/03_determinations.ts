/** What the schedule says of every file, how it came to be so, and what stands in the way by decision of a person. */
import type { Knex } from 'knex';
import { DISPOSAL_ACTIONS, OUTCOMES } from '../../rules/determine.ts';
import { HOLD_KINDS, HOLD_SCOPES, ORIGINALS_OUTCOMES } from '../../rules/workflow.ts';
import { createTable, oneOf } from '../schema.ts';

const REF = 'text collate "C"';

export async function up(db: Knex): Promise<void> {
  await rankFunctions(db);

  await createTable(
    db,
    'determinations',
    'The current determination of each file: exactly one a file. Written by the set-based calculation alone.',
    {
      file_ref: [`${REF} primary key references case_files on delete cascade`, 'The file'],
      rank: [
        'bigint not null',
        'Outcome, retainUntil, rule and anchor packed so that the greatest of a file’s pairs decides; see pair_rank',
      ],
      outcome: [`text not null ${oneOf('outcome', OUTCOMES)}`, 'expires, awaiting, undetermined or permanent'],
      rule: ['text', 'Id of the deciding rule; of expires and permanent'],
      anchor_on: ['date', 'The date the period runs from'],
      retain_until: ['date', 'Last day the file must be kept, inclusive'],
      eligible_from: ['date generated always as (retain_until + 1) stored', 'First day it may be listed'],
      action: [`text ${oneOf('action', DISPOSAL_ACTIONS)}`, 'What is done when the time comes'],
      review_on: ['date', 'Safeguarding Unit review'],
      reason: ['text', 'Why there is no date'],
      schedule_version: ['text not null references schedule_versions', 'The version of the schedule that decided'],
      determined_on: ['date not null', 'Business date this determination was first reached'],
      guarded_from: [
        'date',
        'The latest eligible_from since the file was last confirmed; infinity after permanent. What becomes earlier than this is shortened',
      ],
      shortened_on: ['date', 'Business date on which a change made the date earlier; empty when there was none or it was confirmed'],
    },
    [
      "check ((outcome = 'expires') = (retain_until is not null and anchor_on is not null and action is not null))",
      "check ((outcome in ('expires', 'permanent')) = (rule is not null))",
      "check ((outcome in ('awaiting', 'undetermined')) = (reason is not null))",
    ],
  );
  await db.raw("create index determinations_by_date on determinations (eligible_from) where outcome = 'expires'");
  await db.raw('create index determinations_by_review on determinations (review_on) where review_on is not null');

  await createTable(db, 'determination_changes', 'The history of each file’s date. Goes into the bag with its file.', {
    id: ['bigint generated always as identity primary key', 'Order'],
    file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
    changed_on: ['date not null', 'Business date'],
    run_id: ['bigint references runs', 'The run that found it'],
    before: ['jsonb', 'Outcome, rule, dates, action, reason and schedule version before; null the first time'],
    after: ['jsonb not null', 'The same, after'],
    shortened: ['boolean not null', 'The change made the date earlier, so a person must confirm it'],
  });
  await db.raw('create index determination_changes_by_file on determination_changes (file_ref)');
  await db.raw(
    'create trigger determination_changes_are_not_rewritten before update on determination_changes for each row execute function refuse_change()',
  );

  await createTable(db, 'confirmations', 'A records manager’s confirmation of a shortened date or a doubtful birth.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
    block: [`text not null ${oneOf('block', ['shortened', 'doubtful_birth'])}`, 'What was confirmed'],
    confirmed_facts: ['text', 'Digest of the births and case dates that were confirmed: others are doubted again'],
    confirmed_by: ['text not null', 'Who'],
    confirmed_on: ['date not null', 'Business date'],
    reason: ['text not null', 'Why the record is right'],
  });
  await db.raw('create index confirmations_by_file on confirmations (file_ref)');

  await createTable(
    db,
    'holds',
    'Orders that suspend disposal. In force from the moment they are placed until their release is confirmed.',
    {
      id: ['bigint generated always as identity primary key', 'Number of the hold'],
      kind: [`text not null ${oneOf('kind', HOLD_KINDS)}`, 'Kind'],
      scope: [`text not null ${oneOf('scope', HOLD_SCOPES)}`, 'What it covers'],
      scope_ref: [REF, 'Category, family, person or file'],
      authority: ["text not null check (authority <> '')", 'Who ordered it'],
      review_on: ['date not null', 'When somebody must look at it again; nothing expires by itself'],
      placed_by: ['text not null', 'Who placed it'],
      placed_on: ['date not null', 'Business date'],
      placed_at: ['timestamptz not null default clock_timestamp()', 'When'],
      release_asked_by: ['text', 'Who asked for its release'],
      release_asked_on: ['date', 'Business date of the request; it lapses after 30 days'],
      release_reason: ['text', 'Why it may be released'],
      released_by: ['text', 'Who confirmed the release'],
      released_on: ['date', 'Business date of the release'],
    },
    [
      "check ((scope = 'everything') = (scope_ref is null))",
      'constraint release_takes_two_people check (released_by is null or (release_asked_by is not null and released_by <> release_asked_by))',
      'check ((released_by is null) = (released_on is null))',
      'check ((release_asked_by is null) = (release_asked_on is null) and (release_asked_by is null) = (release_reason is null))',
    ],
  );
  await db.raw('create index holds_by_scope on holds (scope, scope_ref)');

  await createTable(db, 'reviews_done', 'Safeguarding Unit reviews that were done.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
    review_on: ['date not null', 'The review that was due'],
    done_by: ['text not null', 'Who did it'],
    done_on: ['date not null', 'Business date'],
    note: ["text not null check (note <> '')", 'What was removed'],
    authorised_by: ['text', 'Who authorised what was removed'],
  });
  await db.raw('create index reviews_done_by_file on reviews_done (file_ref)');

  await createTable(
    db,
    'originals',
    'What became of original documents: birth certificates, photographs, letters. Free text; goes with its file.',
    {
      id: ['bigint generated always as identity primary key', 'Number'],
      file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
      outcome: [
        `text not null ${oneOf('outcome', ORIGINALS_OUTCOMES)}`,
        'Returned to the person, given to the adopters, or nobody was found',
      ],
      handed_to: ['text', 'Who has them now'],
      note: ['text', 'How they were looked for, when nobody was found'],
      recorded_by: ['text not null', 'Who recorded it'],
      recorded_on: ['date not null', 'Business date'],
    },
    ["check ((outcome = 'not_traced') = (handed_to is null))", "check ((outcome = 'not_traced') = (note is not null))"],
  );
  await db.raw('create index originals_by_file on originals (file_ref)');

  await createTable(db, 'disagreements', 'Files of which the two calculations gave different answers.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
    found_on: ['date not null', 'Business date'],
    run_id: ['bigint references runs', 'The run that found it'],
    in_bulk: ['jsonb not null', 'What the set-based calculation says'],
    one_by_one: ['jsonb not null', 'What the evaluator says'],
    settled_on: ['date', 'Business date on which they agreed again'],
  });
  await db.raw('create unique index one_open_disagreement_a_file on disagreements (file_ref) where settled_on is null');
}

/**
 * "Combining" is a total order, so the greatest rank of a file's pairs *is* the precedence. From the highest bits down:
 * class (1 expires, 2 awaiting, 3 undetermined by a gap, 4 by a contradiction, 5 permanent), 22 bits of retainUntil in
 * days (of a pair without a date: how weighty its reason is), 6 bits of 63 less the rule's place in the table (the
 * earlier row wins a tie), 22 bits of the anchor in days. 53 bits in all.
 */
async function rankFunctions(db: Knex): Promise<void> {
  const pure = 'language sql immutable parallel safe as';
  await db.raw(`
    create function anniversary(d date, years interval) returns date ${pure} $$
      -- one step, then what clamping 29 February took away is given back: 1 March in a common year
      select (d + years)::date + (d - ((d + years) - years)::date)
    $$`);
  await db.raw(`
    create function financial_year_end(d date) returns date ${pure} $$
      select make_date(extract(year from d)::int + (d > make_date(extract(year from d)::int, 3, 31))::int, 3, 31)
    $$`);
  await db.raw(`
    create function rank_of_expiry(retain_until date, rule_place int, anchor_on date) returns bigint ${pure} $$
      select (1::bigint << 50) | ((retain_until - date '0001-01-01')::bigint << 28) | ((63 - rule_place)::bigint << 22)
             | (anchor_on - date '0001-01-01')::bigint
    $$`);
  await db.raw(`
    create function rank_without_date(class int, weight int, rule_place int) returns bigint ${pure} $$
      select (class::bigint << 50) | (weight::bigint << 28) | ((63 - rule_place)::bigint << 22)
    $$`);
  await db.raw(`create function rank_class(rank bigint) returns int ${pure} $$ select (rank >> 50)::int $$`);
  await db.raw(`create function rank_weight(rank bigint) returns int ${pure} $$ select ((rank >> 28) & 4194303)::int $$`);
  await db.raw(
    `create function rank_retain_until(rank bigint) returns date ${pure} $$ select date '0001-01-01' + ((rank >> 28) & 4194303)::int $$`,
  );
  await db.raw(`create function rank_rule_place(rank bigint) returns int ${pure} $$ select 63 - ((rank >> 22) & 63)::int $$`);
  await db.raw(`create function rank_anchor_on(rank bigint) returns date ${pure} $$ select date '0001-01-01' + (rank & 4194303)::int $$`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
