/** What was archived, what waits outside the computer, and what was brought back: bags, index, residual records, evidence. */
import type { Knex } from 'knex';
import { appendOnly, createTable, oneOf } from '../schema.ts';

const REF = 'text collate "C"';

export async function up(db: Knex): Promise<void> {
  await createTable(db, 'bags', 'Every bag begun, so that one left by a crash is finished or cleared.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null`, 'The file'],
    list_id: ['bigint not null references disposal_lists', 'The list it was approved on'],
    location: ['text', 'Where in the archive store'],
    move_to: ['text', 'Where it is to be moved, decided and not done yet; after a crash the next archive step does it'],
    sha256: ['text', 'SHA-256 of the zip'],
    size: ['bigint', 'Bytes of the zip'],
    state: [
      `text not null default 'begun' ${oneOf('state', ['begun', 'waiting', 'archived', 'restored', 'cleared'])}`,
      'begun: not yet part of the archive; waiting: durable, for a receipt or paper; archived; restored: evidence of a file brought back; cleared: removed again',
    ],
    begun_on: ['date not null', 'Business date'],
    problem_on: ['date', 'Business date on which moving or clearing it first failed: a person is told once'],
  });
  await db.raw("create unique index one_live_bag_a_file on bags (file_ref) where state not in ('cleared', 'restored')");
  await db.raw('create index bags_to_move on bags (id) where move_to is not null');

  await createTable(
    db,
    'residual_records',
    'The minimal record that stays: the file existed and was lawfully disposed of. No name, no birth, no free text.',
    {
      file_ref: [`${REF} not null`, 'Reference'],
      list_id: ['bigint not null references disposal_lists', 'The signed list'],
      rule: ['text not null', 'Rule'],
      clause: ['text not null', 'The policy’s words'],
      schedule_version: ['text not null', 'Version of the schedule'],
      anchor_year: ['integer not null', 'Year the period ran from'],
      retain_year: ['integer not null', 'Year it ended'],
      action: ['text not null', 'What was done'],
      decided_by: ['text not null', 'Who approved it'],
      signed_by: ['text not null', 'Who signed it off'],
      signed_on: ['date not null', 'Business date of the sign-off'],
      archived_on: ['date not null', 'Business date of archiving'],
      adult_file_ref: ['text', 'The file in Adult Services that received it, when it was transferred'],
      bag_sha256: ['text not null', 'Digest of the bag'],
      documents_expected: ['integer not null', 'Documents the register listed for it under the lock that archived it'],
      documents_packed: ['integer not null', 'Documents in the bag'],
      facts_digest: ['text not null', 'Digest of facts and documents as archived, to notice a different row in a later extract'],
      restored_on: ['date', 'Business date it was brought back; from then on this row is history and its file in the register again'],
    },
    ['primary key (file_ref, list_id)', 'check (restored_on >= archived_on)'],
  );
  await db.raw('create unique index a_file_is_archived_once on residual_records (file_ref) where restored_on is null');
  await db.raw('create index residual_records_by_list on residual_records (list_id)');

  await createTable(db, 'archive_index', 'Restricted. Answers "was there a file about me?" for as long as the bag exists.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null`, 'Reference of the archived file'],
    person_ref: [REF, 'Reference of the subject; empty for a file with none'],
    name: ['text', 'Name'],
    date_of_birth: ['text', 'As far as it was known'],
    bag_location: ['text not null', 'Where the bag is'],
  });
  await db.raw('create index archive_index_by_file on archive_index (file_ref)');
  await db.raw('create index archive_index_by_person on archive_index (person_ref)');
  await letterFunction(db);

  await createTable(
    db,
    'source_removals',
    'Source documents of archived files. The path is emptied once nothing more is to be done with it.',
    {
      id: ['bigint generated always as identity primary key', 'Number'],
      file_ref: [`${REF} not null`, 'The archived file'],
      list_id: ['bigint not null references disposal_lists', 'The list it was archived on'],
      path: [REF, 'Path under the document root, until it is removed'],
      sha256: ['text not null', 'As packed'],
      size: ['bigint not null', 'Bytes, as packed'],
      outcome: [
        `text not null default 'to_remove' ${oneOf('outcome', ['to_remove', 'removed', 'already_gone', 'failed', 'restored'])}`,
        'What became of it; restored: the file was brought back before its source was removed',
      ],
      error: ['text', 'Why it could not be removed; without the path'],
      removed_on: ['date', 'Business date'],
    },
  );
  await db.raw("create index source_removals_to_do on source_removals (path) where outcome in ('to_remove', 'failed')");
  await db.raw('create index source_removals_by_list on source_removals (list_id)');

  await outsideTables(db);
  await comebackTables(db);

  await createTable(db, 'disposal_certificates', 'The evidence of one completed list.', {
    list_id: ['bigint primary key references disposal_lists', 'The list'],
    issued_on: ['date not null', 'Business date'],
    content: ['text not null', 'The certificate, canonical JSON'],
    digest: ['text not null', 'SHA-256 of content'],
  });
  await appendOnly(db, 'disposal_certificates');
}

/** What happened outside the computer: who received a file, and where its paper went. */
async function outsideTables(db: Knex): Promise<void> {
  const item = ['primary key (list_id, file_ref)', 'foreign key (list_id, file_ref) references disposal_list_items (list_id, file_ref)'];
  await createTable(
    db,
    'transfer_receipts',
    'Which file of Adult Services received a transferred file.',
    {
      list_id: ['bigint not null', 'The list'],
      file_ref: [`${REF} not null`, 'The file'],
      adult_file_ref: ["text not null check (adult_file_ref !~ '[[:cntrl:]]')", 'Reference of the adult’s file'],
      recorded_by: ['text not null', 'Who recorded it'],
      recorded_on: ['date not null', 'Business date'],
    },
    item,
  );
  await appendOnly(db, 'transfer_receipts');
  await createTable(
    db,
    'paper_moves',
    'Restricted. Where the paper of an archived file went, in a person’s words: nowhere else, for words may name people.',
    {
      list_id: ['bigint not null', 'The list'],
      file_ref: [`${REF} not null`, 'The file'],
      moved_to: ["text not null check (moved_to <> '')", 'Where the paper is now'],
      recorded_by: ['text not null', 'Who recorded it'],
      recorded_on: ['date not null', 'Business date'],
    },
    item,
  );
}

/** Archived files that the source still has, and those that people bring back. */
async function comebackTables(db: Knex): Promise<void> {
  await createTable(db, 'seen_again', 'Archived files that an extract still had: what the source system must delete.', {
    file_ref: [`${REF} primary key`, 'Reference'],
    first_seen_on: ['date not null', 'Business date of the first extract after archiving that still had it'],
    last_seen_on: ['date not null', 'Business date of the latest one'],
    differs: ['boolean not null', 'Its facts or documents differ from those archived: a person is told'],
    digest: ['text not null', 'Digest of the facts last seen, so that a person is told once of each change'],
    gone_on: ['date', 'Business date of the first extract without it: confirmed as removed at the source'],
  });
  await createTable(
    db,
    'delivered_columns',
    'Columns that some extract has had. One of them that is absent later leaves its facts as they were, so nothing can be compared by it.',
    { source: ['text not null', 'File of the extract'], column_name: ['text not null', 'Column'] },
    ['primary key (source, column_name)'],
  );
  await createTable(
    db,
    'restore_requests',
    'Who asked to bring an archived file back, and who confirmed it.',
    {
      id: ['bigint generated always as identity primary key', 'Number'],
      file_ref: [`${REF} not null`, 'The archived file'],
      list_id: ['bigint not null references disposal_lists', 'The list it was archived on'],
      keep_until: ['date not null', 'Through which day it is kept once it is back'],
      reason: ['text', 'Why, in free text; emptied when the file is archived again'],
      asked_by: ['text not null', 'Who asked'],
      asked_on: ['date not null', 'Business date of the request; it lapses after 30 days'],
      replaced: ['boolean not null default false', 'A later request took its place'],
      confirmed_by: ['text', 'Who confirmed'],
      confirmed_on: ['date', 'Business date of the confirmation'],
    },
    ['constraint restoring_takes_two_people check (confirmed_by is null or confirmed_by <> asked_by)'],
  );
  await db.raw(
    'create unique index one_open_restore_request_a_file on restore_requests (file_ref) where confirmed_by is null and not replaced',
  );
}

/**
 * A name as people type it when they look for somebody: without accents, whatever its letter case and kind of apostrophe.
 * What Unicode takes for letters of their own, such as ł, is turned into what an English keyboard has.
 */
async function letterFunction(db: Knex): Promise<void> {
  await db.raw(`
    create function plain_letters(name text) returns text language sql immutable parallel safe as $$
      select case when name ~ '^[\\x01-\\x7f]*$' then lower(name)
        else translate(replace(replace(replace(replace(lower(regexp_replace(normalize(name, NFKD), '[\\u0300-\\u036f]', '', 'g')),
               'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), 'łøđðıħ’‘ʼ‐‑', 'loddih''''''--') end
    $$`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
