/**
 * Names as they are compared: in plain letters whatever the locale of the server, and without what some write between the letters
 * of a name and others leave out. The words by which people are found are made anew by it.
 */
import type { Knex } from 'knex';
import { ACCENTS, BETWEEN_LETTERS, PLAIN_LETTERS, SPELT_OUT, UNSEEN } from '../../rules/letters.ts';

/** Beside the space itself. */
const APART = `\t\n\u000b\f\r${BETWEEN_LETTERS}`;

export async function up(db: Knex): Promise<void> {
  await db.raw('drop index people_by_name_word, archive_index_by_name_word');
  await db.raw(plainLetters());
  await db.raw(`
    create or replace function words_of_name(name text) returns text[] language sql immutable parallel safe
    return array_remove(string_to_array(plain_letters(translate(name, ${quoted(APART + UNSEEN)}, '${' '.repeat(APART.length)}')), ' '), '')`);
  await db.raw(`
    create function name_has(words text[], parts text[]) returns boolean language sql immutable parallel safe
    return not exists (select from unnest(parts) part where not coalesce(position(part in array_to_string(words, '')) > 0
      and exists (select from generate_subscripts(words, 1) i
        where position(part in words[i]) > 0 or starts_with(array_to_string(words[i:], ''), part)), false))`);
  await db.raw(
    `comment on function name_has is 'True when each part is within one of the words, or within what those from some word on are without blanks'`,
  );
  await db.raw('delete from name_words');
  for (const table of ['people', 'archive_index']) {
    await db.raw(`insert into name_words select distinct w from ${table}, unnest(words_of_name(name)) w on conflict (word) do nothing`);
    await db.raw(`create index ${table}_by_name_word on ${table} using gin (words_of_name(name))`);
  }
}

/** No collation but "C" is asked: what a small letter is must not depend on the server. */
function plainLetters(): string {
  const [letters, plain] = PLAIN_LETTERS.map(quoted);
  const base = `translate(regexp_replace(normalize(name, NFKD), '[${ACCENTS}]', '', 'g'), ${letters}, ${plain})`;
  const spelt = SPELT_OUT.reduce((text, [letter, two]) => `replace(${text}, ${quoted(letter)}, ${quoted(two)})`, base);
  return `create or replace function plain_letters(name text) returns text language sql immutable parallel safe
    return case when name ~ '^[\\x01-\\x7f]*$' then lower(name collate "C") else ${spelt} end`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
