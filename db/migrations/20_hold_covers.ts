/** What each hold in force has covered, so that a file does not leave its cover in silence when a reference changes. */
import type { Knex } from 'knex';
import { CONFIRMABLE } from '../confirm.ts';
import { createTable, oneOf } from '../schema.ts';

const REF = 'text collate "C"';

export async function up(db: Knex): Promise<void> {
  await createTable(
    db,
    'hold_covers',
    'Files that a hold on a person, a family or a file has covered, as they were then; entered when it is placed and before each import changes facts.',
    {
      file_ref: [`${REF} not null references case_files on delete cascade`, 'The file'],
      hold_id: ['bigint not null references holds', 'The hold'],
      subject_refs: ['text[] collate "C" not null', 'People the file was about when the hold covered it'],
      family_ref: [REF, 'Its family when the hold covered it'],
      likeness: [
        `text ${oneOf('likeness', ['subject', 'person', 'family', 'facts'])}`,
        'Set on a file that the hold itself never covered: what it has in common with a file that the hold covered and that went from its reference',
      ],
      moved_on: ['date', 'Business date since when the hold covers it no more; empty while it does'],
      confirmation_id: ['bigint references confirmations on delete cascade', 'The confirmation that it may go without this hold'],
    },
    ['primary key (file_ref, hold_id)'],
  );
  await db.raw('create index hold_covers_by_hold on hold_covers (hold_id)');
  await db.raw('create index hold_covers_moved on hold_covers (hold_id, file_ref) where moved_on is not null and confirmation_id is null');

  await createTable(
    db,
    'emptied_holds',
    'Holds in force that covered files and now cover none that the latest extract has: kept by import and compute.',
    {
      hold_id: ['bigint primary key references holds', 'The hold'],
      emptied_on: ['date not null', 'Business date since when it covers none'],
    },
  );

  await db.raw('alter table confirmations drop constraint confirmations_block_check');
  await db.raw(`alter table confirmations add constraint confirmations_block_check ${oneOf('block', CONFIRMABLE)}`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
