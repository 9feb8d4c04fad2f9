/** Which database this is, and which folders are its own: so that a copy is known for one, and a mistyped folder is not taken for the archive. */
import type { Knex } from 'knex';
import { BRAKES } from '../../rules/workflow.ts';
import { oneOf } from '../schema.ts';

export async function up(db: Knex): Promise<void> {
  await addColumns(db, 'installation', {
    system_identifier: ['text', 'Of the server on which this database was last known to be; empty where the role may not ask'],
    database_oid: ['bigint', 'Of the database itself on that server: a copy on the same server has another'],
    accepted_heads: [
      "text[] not null default '{}'",
      'Heads of the audit that reports saw, and that are not in this chain, as a person has confirmed',
    ],
  });
  // A guard takes its place, which lets a person who releases the brake "restored" say that this database is the one.
  await db.raw('drop trigger installation_is_append_only on installation');
  await addColumns(db, 'claimed_roots', {
    kind: [
      `text ${oneOf('kind', ['documents', 'archive'])}`,
      'What the folder is; empty for one marked by an earlier release until it is seen again',
    ],
    claimed_by: ['text', 'The person who said that it is the right one; empty for the first, which the first command marks'],
    reason: ['text', 'Why it is the right one, in the words of that person'],
  });
  await db.raw('alter table brakes drop constraint brakes_name_check');
  await db.raw(`alter table brakes add constraint brakes_name_check ${oneOf('name', BRAKES)}`);
}

async function addColumns(db: Knex, table: string, columns: Record<string, [definition: string, comment: string]>): Promise<void> {
  for (const [column, [definition, comment]] of Object.entries(columns)) {
    await db.raw(`alter table ${table} add ${column} ${definition}`);
    await db.raw(`comment on column ${table}.${column} is '${comment}'`);
  }
}

export function down(): Promise<void> {
  return Promise.reject(new Error('There is no way back: restore a backup into a new database instead.'));
}
