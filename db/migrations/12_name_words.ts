/** Finding people by parts of their names, however many there are: the words that occur, and who bears each. */
import type { Knex } from 'knex';
import { createTable } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  // In this form the function it calls is bound: since 17, making or analysing an index finds nothing by the search path.
  await db.raw(
    "create function words_of_name(name text) returns text[] language sql immutable parallel safe return string_to_array(plain_letters(name), ' ')",
  );
  await createTable(db, 'name_words', 'Restricted. Every word of a name in the register or the archive index, once, in plain letters.', {
    word: ['text collate "C" primary key', 'The word'],
  });
  for (const table of ['people', 'archive_index']) {
    await db.raw(`create index ${table}_by_name_word on ${table} using gin (words_of_name(name))`);
    await db.raw(`create index ${table}_by_birth on ${table} (date_of_birth text_pattern_ops)`);
    await db.raw(
      `insert into name_words select distinct w from ${table}, unnest(words_of_name(name)) w where w <> '' on conflict (word) do nothing`,
    );
  }
  await keepWords(db);
}

/** New names bring their words; a word leaves with the last who bore it. */
async function keepWords(db: Knex): Promise<void> {
  await db.raw(`
    create function add_name_words() returns trigger language plpgsql as $$
    begin
      insert into name_words select distinct w from borne, unnest(words_of_name(borne.name)) w where w <> '' order by w
      on conflict (word) do nothing;
      return null;
    end $$`);
  await db.raw(`
    create function drop_name_words() returns trigger language plpgsql as $$
    begin
      delete from name_words n using (select distinct w from was, unnest(words_of_name(was.name)) w) gone
      where n.word = gone.w and not exists (select from people p where words_of_name(p.name) @> array[gone.w])
        and not exists (select from archive_index i where words_of_name(i.name) @> array[gone.w]);
      return null;
    end $$`);
  for (const table of ['people', 'archive_index']) {
    for (const event of ['insert', 'update'])
      await db.raw(`create trigger ${table}_words_on_${event} after ${event} on ${table} referencing new table as borne
        for each statement execute function add_name_words()`);
    for (const event of ['update', 'delete'])
      await db.raw(`create trigger ${table}_words_gone_on_${event} after ${event} on ${table} referencing old table as was
        for each statement execute function drop_name_words()`);
  }
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
