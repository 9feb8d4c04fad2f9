/** What was archived: the bags, the restricted archive index, the residual records, certificates, sources still to remove. */
import type { Knex } from 'knex';
import { appendOnly, createTable, oneOf } from '../schema.ts';

const REF = 'text collate "C"';

export async function up(db: Knex): Promise<void> {
  await createTable(db, 'bags', 'Every bag begun, so that one left by a crash is finished or cleared.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null`, 'The file'],
    list_id: ['bigint not null references disposal_lists', 'The list it was approved on'],
    location: ['text', 'Where in the archive store'],
    sha256: ['text', 'SHA-256 of the zip'],
    size: ['bigint', 'Bytes of the zip'],
    state: [
      `text not null default 'begun' ${oneOf('state', ['begun', 'waiting', 'archived', 'cleared'])}`,
      'begun: not yet part of the archive; waiting: durable, for a receipt or paper; archived; cleared: removed again',
    ],
    begun_on: ['date not null', 'Business date'],
  });
  await db.raw("create unique index one_live_bag_a_file on bags (file_ref) where state <> 'cleared'");

  await createTable(
    db,
    'residual_records',
    'The minimal record that stays: the file existed and was lawfully disposed of. No name, no birth, no free text.',
    {
      file_ref: [`${REF} primary key`, 'Reference'],
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
      bag_sha256: ['text not null', 'Digest of the bag'],
      facts_digest: ['text not null', 'Digest of facts and documents as archived, to notice a different row in a later extract'],
    },
  );

  await createTable(db, 'archive_index', 'Restricted. Answers "was there a file about me?" for as long as the bag exists.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null`, 'Reference of the archived file'],
    person_ref: [REF, 'Reference of the subject; empty for a file with none'],
    name: ['text', 'Name'],
    date_of_birth: ['text', 'As far as it was known'],
    bag_location: ['text not null', 'Where the bag is'],
  });
  await db.raw('create index archive_index_by_file on archive_index (file_ref)');

  await createTable(db, 'source_removals', 'Source documents of archived files. The path is emptied once the document is gone.', {
    id: ['bigint generated always as identity primary key', 'Number'],
    file_ref: [`${REF} not null`, 'The archived file'],
    path: [REF, 'Path under the document root, until it is removed'],
    sha256: ['text not null', 'As packed'],
    size: ['bigint not null', 'Bytes, as packed'],
    outcome: [
      `text not null default 'to_remove' ${oneOf('outcome', ['to_remove', 'removed', 'already_gone', 'failed'])}`,
      'What became of it',
    ],
    error: ['text', 'Why it could not be removed; without the path'],
    removed_on: ['date', 'Business date'],
  });
  await db.raw("create index source_removals_to_do on source_removals (path) where outcome in ('to_remove', 'failed')");

  await createTable(db, 'seen_again', 'Archived files that the latest extract still has: what the source system must delete.', {
    file_ref: [`${REF} primary key`, 'Reference'],
    first_seen_on: ['date not null', 'Business date of the first extract after archiving that still had it'],
    last_seen_on: ['date not null', 'Business date of the latest one'],
    differs: ['boolean not null', 'Its facts or documents differ from those archived: a person is told'],
    gone_on: ['date', 'Business date of the first extract without it: confirmed as removed at the source'],
  });

  await createTable(db, 'disposal_certificates', 'The evidence of one completed list.', {
    list_id: ['bigint primary key references disposal_lists', 'The list'],
    issued_on: ['date not null', 'Business date'],
    content: ['text not null', 'The certificate, JSON'],
    digest: ['text not null', 'SHA-256 of content'],
  });
  await appendOnly(db, 'disposal_certificates');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
