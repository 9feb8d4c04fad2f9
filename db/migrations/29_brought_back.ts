/**
 * What a restore brought back belongs to its file until the source has it again; and which paths a file ever listed is asked by path,
 * before a source goes that another archived file shared.
 */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'case_files',
    'restored_on',
    'date',
    'Business date it was brought back from the archive; empty once an extract has it again',
  );
  await addColumn(
    db,
    'documents',
    'restored_on',
    'date',
    'Business date a restore brought it back; empty once an extract lists it again for the file',
  );
  await addColumn(
    db,
    'source_removals',
    'path_sha256',
    'text',
    'SHA-256 of the path, kept when the path is emptied: the document is known if it lies there again',
  );
  await addColumn(
    db,
    'source_removals',
    'back_on',
    'date',
    'Business date on which it was first found under the document root again; empty while it is not there',
  );
  await db.raw('create index case_files_restored on case_files (file_ref) where restored_on is not null');
  await db.raw('create index source_removals_by_path_digest on source_removals (path_sha256) where path_sha256 is not null');
  await db.raw('create index source_removals_back on source_removals (back_on) where back_on is not null');
  await db.raw(
    "create index fact_changes_of_documents on fact_changes (md5(old_value)) where kind = 'document' and field = 'path' and old_value is not null",
  );
}

async function addColumn(db: Knex, table: string, column: string, type: string, comment: string): Promise<void> {
  await db.raw(`alter table ${table} add ${column} ${type}`);
  await db.raw(`comment on column ${table}.${column} is '${comment}'`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
