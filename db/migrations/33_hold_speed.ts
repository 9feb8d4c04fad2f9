/** Indexes by which what holds covered is followed each night, however many holds are in force and files have changed. */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  // Each look-up by subject would read all that an import wrote since the last vacuum, and holds are thousands of look-ups.
  await db.raw('alter index case_files_by_subject set (fastupdate = off)');
  await db.raw("select gin_clean_pending_list('case_files_by_subject')");
  // Who bears the name of somebody whose reference changed.
  await db.raw('create index people_by_plain_letters on people using hash (plain_letters(name))');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
