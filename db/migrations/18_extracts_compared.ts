/** What an extract is compared with: what the one before it held, and what of the register it lacked while it was in doubt. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'imports',
    'digest',
    'text',
    'SHA-256 over the files of the extract, byte for byte; empty for those that landed before it was kept',
  );
  await addColumn(db, 'imports', 'shape', 'jsonb', 'Files and columns that the extract had, and those that were ignored');
  for (const table of ['families', 'documents']) {
    await addColumn(
      db,
      table,
      'absent_since',
      'date',
      'Business date of the first extract without this row, while the brake "extract" was on: it stands until an extract lacks it with the brake off',
    );
  }
  await addColumn(
    db,
    'quarantine',
    'path',
    'text collate "C"',
    'Restricted. Document that a rejected row of documents.csv names, where it can be read: it may be a document of the file that has it',
  );
  await addColumn(
    db,
    'quarantine',
    'of_any_file',
    'boolean not null default false',
    'A row of documents.csv that may be about any file at all',
  );
  await db.raw('create index quarantine_of_any_file on quarantine (source) where of_any_file');
  await createTable(
    db,
    'quarantined_documents',
    'Files that a rejected row of documents.csv may be about, by the document it names. Emptied by the next import.',
    {
      file_ref: ['text collate "C" primary key', 'The file'],
      line: ['integer not null', 'Line of the first such row'],
    },
  );
}

async function addColumn(db: Knex, table: string, column: string, type: string, comment: string): Promise<void> {
  await db.raw(`alter table ${table} add ${column} ${type}`);
  await db.raw(`comment on column ${table}.${column} is '${comment}'`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
