/** A bag is written anew, beside the one that waited, when something was recorded about its file meanwhile. */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  await db.raw('drop index one_live_bag_a_file');
  await db.raw("create unique index one_bag_a_file_and_state on bags (file_ref, state) where state in ('begun', 'waiting', 'archived')");
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
