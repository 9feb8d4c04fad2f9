/** Names as they are looked into, kept beside each: to work the words of a million names out takes far longer than to look at them. */
import type { Knex } from 'knex';

export async function up(db: Knex): Promise<void> {
  await db.raw(
    "create function plain_name(name text) returns text language sql immutable parallel safe return array_to_string(words_of_name(name), ' ')",
  );
  for (const table of ['people', 'archive_index']) {
    await db.raw(`alter table ${table} add column plain_name text collate "C" generated always as (plain_name(name)) stored`);
    await db.raw(
      `comment on column ${table}.plain_name is 'Restricted. The words of the name in plain letters, by which people are found'`,
    );
  }
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
