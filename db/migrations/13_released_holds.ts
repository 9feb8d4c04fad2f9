/** Holds that were released, by when: a list says of each file which of them made it eligible, and most holds are in force. */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  await db.raw('create index holds_released on holds (released_on) where released_on is not null');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
