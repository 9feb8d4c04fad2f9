/** References of archived files that the source gave to another file: who said which it is, and the archived one kept apart. Follows 30, which lists the states of a bag too. */
import type { Knex } from 'knex';
import { createTable, oneOf } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'reference_settlements',
    'What a person said of an archived file’s reference that came again with other people.',
    {
      file_ref: ['text collate "C" not null', 'The reference'],
      list_id: ['bigint not null', 'The list the archived file was archived on'],
      verdict: [
        "text not null check (verdict in ('came_back', 'another_file'))",
        'came_back: it is the archived file; another_file: it is one of its own, and the archived one is kept apart',
      ],
      subject_refs: ['text[] collate "C" not null', 'People it was about when that was said: with others it is asked anew'],
      settled_by: ['text not null', 'Who said so'],
      settled_on: ['date not null', 'Business date'],
      reason: ["text not null check (reason <> '')", 'Why, in free text'],
    },
    [
      'primary key (file_ref, list_id, verdict, subject_refs)',
      'foreign key (file_ref, list_id) references residual_records (file_ref, list_id)',
    ],
  );
  await addColumn(
    db,
    'residual_records',
    'kept_apart_on',
    'date',
    'Business date on which its reference was given to another file: from then on that one answers to it',
  );
  await db.raw('drop index a_file_is_archived_once');
  await db.raw(
    'create unique index a_file_is_archived_once on residual_records (file_ref) where restored_on is null and kept_apart_on is null',
  );
  await addColumn(
    db,
    'archive_index',
    'kept_apart_list',
    'bigint',
    'The list it was archived on, where it is kept apart from another file of its reference',
  );
  await db.raw('alter table bags drop constraint bags_state_check');
  await db.raw(
    `alter table bags add constraint bags_state_check ${oneOf('state', ['begun', 'waiting', 'archived', 'restored', 'kept', 'apart', 'cleared'])}`,
  );
  await db.raw(
    `comment on column bags.state is 'begun: not yet part of the archive; waiting: durable, for a receipt or paper; archived; restored: evidence of a file brought back; kept: its file was taken off its list, and documents of it are found nowhere else; apart: archived, and its reference is another file’s now; cleared: removed again'`,
  );
}

async function addColumn(db: Knex, table: string, column: string, type: string, comment: string): Promise<void> {
  await db.raw(`alter table ${table} add ${column} ${type}`);
  await db.raw(`comment on column ${table}.${column} is '${comment}'`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
