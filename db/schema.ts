/** How migrations make tables: every table and column carries its comment, so that the database explains itself. */
import type { Knex } from 'knex';

/** Column name to [type and constraints, what it holds]. */
export type Columns = Record<string, [definition: string, comment: string]>;

/** Creates a table with its comments; `constraints` are table constraints in SQL. */
export async function createTable(db: Knex, name: string, comment: string, columns: Columns, constraints: string[] = []): Promise<void> {
  const parts = [...Object.entries(columns).map(([column, [definition]]) => `${column} ${definition}`), ...constraints];
  await db.raw(`create table ${name} (\n  ${parts.join(',\n  ')}\n)`);
  await db.raw(`comment on table ${name} is ${quoted(comment)}`);
  for (const [column, [, words]] of Object.entries(columns)) {
    await db.raw(`comment on column ${name}.${column} is ${quoted(words)}`);
  }
}

/** Adds columns to a table, with their comments. */
export async function addColumns(db: Knex, table: string, columns: Columns): Promise<void> {
  for (const [column, [definition, words]] of Object.entries(columns)) {
    await db.raw(`alter table ${table} add ${column} ${definition}`);
    await db.raw(`comment on column ${table}.${column} is ${quoted(words)}`);
  }
}

/** `check (column in (…))`, from the same list of words the code uses. */
export function oneOf(column: string, words: readonly string[]): string {
  return `check (${column} in (${words.map(quoted).join(', ')}))`;
}

/** Refuses update, delete and truncate on a table, whoever asks. */
export async function appendOnly(db: Knex, table: string): Promise<void> {
  await db.raw(`create trigger ${table}_is_append_only before update or delete on ${table}
    for each row execute function refuse_change()`);
  await db.raw(`create trigger ${table}_is_never_truncated before truncate on ${table}
    for each statement execute function refuse_change()`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
