/** What of a file an item was listed with, as a digest that the database can compare by itself before it lets the file go. */
import type { Knex } from 'knex';
import { archivedFactsDigest } from '../archivedRows.ts';

export async function up(db: Knex): Promise<void> {
  await db.raw('alter table disposal_list_items add facts_digest text');
  await db.raw(
    "comment on column disposal_list_items.facts_digest is 'SHA-256 of the facts and documents it was listed with; emptied by archiving'",
  );
  await db.raw(`update disposal_list_items i set facts_digest = ${archivedFactsDigest('people', 'documents')}
    from case_files f where f.file_ref = i.file_ref and i.binding`);
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
