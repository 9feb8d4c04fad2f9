/** User names that nobody could tell apart are one name: compared in the database as in rules/userNames.ts. */
import type { Knex } from 'knex';
import { KEYBOARD_NAME, LATIN_NAME, LOOK_ALIKES, OF_ONE_ALPHABET, RESERVED_NAME } from '../../rules/userNames.ts';

export async function up(db: Knex): Promise<void> {
  await db.raw(`create function folded_user_name(name text) returns text language sql immutable parallel safe
    return translate(plain_letters(normalize(name, NFKC)), '${LOOK_ALIKES[0]}', '${LOOK_ALIKES[1]}')`);
  await db.raw(`create function same_person(one text, other text) returns boolean language sql immutable parallel safe
    return folded_user_name(one) = folded_user_name(other)`);
  await db.raw(`create function is_user_name(name text) returns boolean language sql immutable parallel safe
    return name is nfkc normalized and name ~ '${OF_ONE_ALPHABET}' and folded_user_name(name) !~ '${RESERVED_NAME}'
      and (name ~ '${LATIN_NAME}') = (folded_user_name(name) ~ '${KEYBOARD_NAME}')`);
  await db.raw('alter table users drop constraint users_name_check');
  await db.raw(`alter table users add column folded text collate "C" generated always as (folded_user_name(name)) stored,
    add column alike boolean not null default false`);
  await db.raw(`comment on column users.folded is 'The name as it is compared with others'`);
  await db.raw(`comment on column users.alike is
    'From before names were compared: the name is like one that was there earlier, or could not be given any more. Never set since'`);
  await db.raw(`update users u set alike = true where not is_user_name(u.name) or exists (select from users e
    where e.folded = u.folded and is_user_name(e.name) and (e.added_at, e.name) < (u.added_at, u.name))`);
  await db.raw('alter table users add constraint users_name_check check (alike or is_user_name(name))');
  await db.raw('create unique index users_unlike on users (folded) where not alike');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
