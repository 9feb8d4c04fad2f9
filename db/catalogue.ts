/** Which tables and sequences this database has, and in which order rows can go into them: asked of its own catalogue. */
import type { Knex } from 'knex';

export interface TableShape {
  name: string;
  /** Without generated columns, which the database fills by itself. */
  columns: string[];
}

export interface SequenceState {
  name: string;
  /** The last number it gave; null when it gave none. */
  last_value: number | null;
}

/** What the migrations keep for themselves: a restore runs them, and they write it anew. */
const BOOKKEEPING = 'knex\\_migrations%';

/** Every table of the product, each after those its foreign keys name. Throws when they name each other in a circle. */
export async function tablesInOrder(db: Knex): Promise<TableShape[]> {
  const waiting = new Map((await readTables(db)).map((table) => [table.name, table]));
  const references = await readReferences(db);
  const ordered: TableShape[] = [];
  while (waiting.size > 0) {
    const free = [...waiting.values()].filter(({ name }) => !references.some(({ from, to }) => from === name && waiting.has(to)));
    if (free.length === 0)
      throw new Error(`The tables ${[...waiting.keys()].join(', ')} name each other in a circle: no order fills them.`);
    for (const table of free) {
      ordered.push(table);
      waiting.delete(table.name);
    }
  }
  return ordered;
}

/** Every sequence, so that a number once given is never given again, though its row may be gone. */
export async function readSequences(db: Knex): Promise<SequenceState[]> {
  const result = await db.raw<{ rows: SequenceState[] }>(
    `select sequencename as name, last_value from pg_sequences where schemaname = current_schema() and sequencename not like '${BOOKKEEPING}' order by 1`,
  );
  return result.rows;
}

/** Names of what is in the schema, in order; empty in a new database. What belongs to an extension does not count. */
export async function whatIsThere(db: Knex): Promise<string[]> {
  const belongsToExtension = (catalogue: string, alias: string) =>
    `exists (select from pg_depend e where e.classid = '${catalogue}'::regclass and e.objid = ${alias}.oid and e.deptype = 'e')`;
  const result = await db.raw<{ rows: { name: string }[] }>(
    `select c.relname as name from pg_class c
     where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and not ${belongsToExtension('pg_class', 'c')}
     union select p.proname from pg_proc p where p.pronamespace = current_schema()::regnamespace and not ${belongsToExtension('pg_proc', 'p')}
     order by 1`,
  );
  return result.rows.map((row) => row.name);
}

/** A name of the catalogue as it stands in a statement. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The schema that the tables of this connection are in, quoted. */
export async function currentSchema(db: Knex): Promise<string> {
  const result = await db.raw<{ rows: { schema: string }[] }>('select quote_ident(current_schema()) as schema');
  return result.rows[0]?.schema ?? 'public';
}

async function readTables(db: Knex): Promise<TableShape[]> {
  const result = await db.raw<{ rows: TableShape[] }>(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) filter (where a.attgenerated = '') as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and c.relname not like '${BOOKKEEPING}'
     group by c.relname order by c.relname`,
  );
  return result.rows;
}

async function readReferences(db: Knex): Promise<{ from: string; to: string }[]> {
  const result = await db.raw<{ rows: { from: string; to: string }[] }>(
    `select t.relname as "from", r.relname as "to" from pg_constraint k join pg_class t on t.oid = k.conrelid join pg_class r on r.oid = k.confrelid
     where k.contype = 'f' and k.conrelid <> k.confrelid and t.relnamespace = current_schema()::regnamespace`,
  );
  return result.rows;
}
