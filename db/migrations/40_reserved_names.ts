/** Names that read as the product's own are no person's: the pattern of rules/userNames.ts, which knows more of them now. */
import type { Knex } from 'knex';
import { KEYBOARD_NAME, LATIN_NAME, OF_ONE_ALPHABET, RESERVED_NAME } from '../../rules/userNames.ts';

export async function up(db: Knex): Promise<void> {
  await db.raw(`create or replace function is_user_name(name text) returns boolean language sql immutable parallel safe
    return name is nfkc normalized and name ~ '${OF_ONE_ALPHABET}' and folded_user_name(name) !~ '${RESERVED_NAME}'
      and (name ~ '${LATIN_NAME}') = (folded_user_name(name) ~ '${KEYBOARD_NAME}')`);
  // Guards of an earlier release let nobody mark a name; it stays, and the doctor tells of it.
  await db.raw('alter table users disable trigger user');
  await db.raw('update users set alike = true where not alike and not is_user_name(name)');
  await db.raw('alter table users enable trigger user');
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
