/** What a person was told of: a run that is killed after its import has landed leaves it to the next one to tell. */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  await db.raw('alter table quarantine add told boolean not null default false');
  await db.raw("comment on column quarantine.told is 'A run that came to its end has told of this row, or of one like it'");
  await db.raw('alter table seen_again add told boolean not null default true');
  await db.raw("comment on column seen_again.told is 'A run that came to its end has told of how it differs'");
  await db.raw('update quarantine set told = true');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
