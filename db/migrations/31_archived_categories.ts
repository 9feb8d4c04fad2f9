/** What kinds of file an archived one was, whatever rule decided it and whatever a later schedule calls its rules. */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  await db.raw('alter table archive_index add categories text[] collate "C"');
  await db.raw(
    `comment on column archive_index.categories is 'Categories of the file when it was archived; empty for one that an earlier release archived'`,
  );
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
