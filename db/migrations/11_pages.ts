/** What pages of the site read, so that none of them looks at the whole register: figures of the night, answers kept, indexes in their order. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

const REF = 'text collate "C"';

export async function up(db: Knex): Promise<void> {
  await nightFigures(db);
  await whatIf(db);
  await originalsDue(db);
  await orderedIndexes(db);
}

async function nightFigures(db: Knex): Promise<void> {
  const figures: [definition: string, comment: string] = ['jsonb not null', 'As the report that wrote it has it; see db/nightFigures.ts'];
  await createTable(db, 'night_figures', 'The figures of the last night’s report, the one source of every page that counts the register.', {
    only_row: ['boolean primary key default true check (only_row)', 'Always true: there is one row'],
    as_of: ['date not null', 'Business date of the report'],
    made_at: ['timestamptz not null default clock_timestamp()', 'When it was stored'],
    schedule_version: ['text not null references schedule_versions', 'Version of the schedule they go by'],
    retention: figures,
    coming: figures,
    years: figures,
    over_retained: figures,
    permanent: figures,
    categories: figures,
    chain: figures,
  });
}

async function whatIf(db: Knex): Promise<void> {
  await createTable(
    db,
    'what_if',
    'Other days that somebody asked about, each compared with today once; whatever changes the register makes them useless.',
    {
      id: ['bigint generated always as identity primary key', 'Number'],
      as_of: ['date not null', 'The business date of today'],
      on_day: ['date not null', 'The day to come'],
      schedule_version: ['text not null', 'Version of the schedule in force on that day'],
      register_state: ['text not null', 'The runs that there were: with another one it is compared anew'],
      rules: ['jsonb not null', 'Files by rule: due now, due then, newly due, moved'],
    },
    ['unique (as_of, on_day, schedule_version, register_state)'],
  );
  await createTable(
    db,
    'what_if_files',
    'Files of which another day, or the schedule in force on it, would change the determination.',
    {
      what_if_id: ['bigint not null references what_if on delete cascade', 'The day asked about'],
      file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
      outcome_now: ['text not null', 'Outcome as determined'],
      outcome_then: ['text not null', 'Outcome on that day'],
      rule_now: ['text', 'Deciding rule as determined'],
      rule_then: ['text', 'Deciding rule on that day'],
      retain_until_now: ['date', 'Last day of retention as determined'],
      retain_until_then: ['date', 'Last day of retention as it would be'],
      move: ['text', 'What becomes of the date'],
      newly_due: ['boolean not null', 'Due on that day and not today'],
      key_on: ['date not null', 'The day by which tables are in order'],
    },
    ['primary key (file_ref, what_if_id)'],
  );
  await db.raw('create index what_if_files_by_move on what_if_files (what_if_id, move, key_on, file_ref)');
  await db.raw('create index what_if_files_newly_due on what_if_files (what_if_id, key_on, file_ref) where newly_due');
  // Answers can be had again, and a crash may take them.
  await db.raw('alter table what_if_files set unlogged');
  await db.raw('alter table what_if set unlogged');
}

async function originalsDue(db: Knex): Promise<void> {
  await createTable(
    db,
    'originals_due',
    'Files with originals of which nothing is recorded, and the day they should go back: kept by the compute step.',
    {
      file_ref: [`${REF} primary key references case_files on delete cascade`, 'The file'],
      due_on: ['date', 'The day from which they should be with the person or the adopters; empty while no day is known'],
      key_on: ["date generated always as (coalesce(due_on, date '9999-12-31')) stored", 'The day by which pages are in order'],
    },
  );
  await db.raw('create index originals_due_by_day on originals_due (key_on, file_ref)');
  await db.raw('create index case_files_with_originals on case_files (file_ref) where originals_held');
}

/** Each in the order of a page that goes on by key, or by what a page filters. */
async function orderedIndexes(db: Knex): Promise<void> {
  await db.raw('drop index determinations_by_date, determinations_by_review');
  await db.raw("create index determinations_by_date on determinations (eligible_from, file_ref) include (rule) where outcome = 'expires'");
  await db.raw('create index determinations_by_review on determinations (review_on, file_ref) where review_on is not null');
  await db.raw("create index determinations_permanent on determinations (file_ref) include (rule) where outcome = 'permanent'");
  await db.raw("create index determinations_undetermined on determinations (file_ref) include (reason) where outcome = 'undetermined'");
  await db.raw(`create function lot_of(file_ref text) returns bigint language sql immutable parallel safe as
    $$ select cast(cast('x' || substr(md5(file_ref), 1, 16) as bit(64)) as bigint) $$`);
  await db.raw('create index determinations_by_lot on determinations (rule, lot_of(file_ref))');
  await db.raw('create index quarantine_by_line on quarantine (source, line)');
  await db.raw(
    "create index disposal_list_items_waiting on disposal_list_items (status_on, file_ref) where status in ('waiting_for_receipt', 'waiting_for_paper')",
  );
  await db.raw('create index seen_again_still on seen_again (first_seen_on, file_ref) where gone_on is null');
  await db.raw('create index audit_events_by_event on audit_events (event, seq)');
  await db.raw('create index audit_events_by_actor on audit_events (actor, seq)');
  await db.raw('create index audit_events_by_time on audit_events (recorded_at)');
  await db.raw("create index audit_events_of_list on audit_events ((cast(details as jsonb) ->> 'list')) where event = 'list.decided'");
  await db.raw("create index runs_of_nights on runs (id) where kind = 'nightly'");
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
