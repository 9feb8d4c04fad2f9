/** Whether what the database refuses by itself is all there and switched on: compared with what was there when the guards were installed. */
import type { Knex } from 'knex';
import { Refusal } from '../../rules/refusal.ts';
import { GUARD_FUNCTIONS } from './functions.ts';

/** Which tables' objects are looked at, and which of the names that are off are told. */
interface Look {
  tables: string;
  named: string;
}
const EVERYTHING: Look = { tables: 'true', named: 'true' };
/** PostgreSQL waits for whoever has a table alone before it writes a definition of it, so this looks at that of the audit only. */
const AUDITING: Look = { tables: "c.relname = 'audit_events'", named: "name ~ '(audit_events_are_chained|chain_audit_event)$'" };

/** Triggers, constraints, unique indexes and the functions of guards, each with what it is; written alike whatever the search path. */
const objectsOn = (tables: string) => `
  select kind || ' ' || name as name, replace(definition, quote_ident(current_schema()) || '.', '') as definition from (
    select 'trigger' as kind, c.relname || '.' || t.tgname as name, pg_get_triggerdef(t.oid) as definition
    from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = current_schema()::regnamespace and not t.tgisinternal and ${tables}
    union all
    select 'constraint', c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    where c.relnamespace = current_schema()::regnamespace and c.relpersistence = 'p' and k.contype in ('c', 'f', 'p', 'u', 'x') and ${tables}
    union all
    select 'index', x.relname, pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
    where x.relnamespace = current_schema()::regnamespace and i.indisunique and i.indisvalid and ${tables}
    union all
    select 'function', p.proname, md5(p.prosrc)
    from pg_proc p where p.pronamespace = current_schema()::regnamespace
      and (p.oid in (select tgfoid from pg_trigger) or p.proname in (${GUARD_FUNCTIONS.map(([signature]) => `'${signature.slice(0, signature.indexOf('('))}'`).join(', ')}))
    union all
    -- Another version of PostgreSQL may write the same definition otherwise.
    select 'server', 'version', (current_setting('server_version_num')::int / 10000)::text) objects`;

/** What is there but does nothing, those that PostgreSQL makes of a foreign key included. */
const SWITCHED_OFF = `
  select 'trigger ' || c.relname || '.' || coalesce(k.conname, t.tgname) as name
  from pg_trigger t join pg_class c on c.oid = t.tgrelid left join pg_constraint k on k.oid = t.tgconstraint and t.tgisinternal
  where c.relnamespace = current_schema()::regnamespace and t.tgenabled not in ('O', 'A')
  union
  select 'constraint ' || c.relname || '.' || k.conname from pg_constraint k join pg_class c on c.oid = k.conrelid
  where c.relnamespace = current_schema()::regnamespace and (not k.convalidated or (to_jsonb(k) ->> 'conenforced') = 'false')`;

/**
 * Names of the triggers, constraints, unique indexes and functions that are missing, other than installed, or switched off, and of a
 * session that asks none of them; empty when all are in force.
 */
export async function guardsOff(db: Knex): Promise<string[]> {
  return offAmong(db, EVERYTHING);
}

async function offAmong(db: Knex, { tables, named }: Look): Promise<string[]> {
  const there = await db.raw<{ rows: { installed: boolean; role: string }[] }>(
    `select to_regproc('guarded_objects') is not null as installed, current_setting('session_replication_role') as role`,
  );
  const { installed = false, role = '' } = there.rows[0] ?? {};
  const session = role === 'origin' ? [] : [`session_replication_role is ${role}`];
  if (!installed) return [...session, 'function guarded_objects'];
  const off = await db.raw<{ rows: { name: string }[] }>(
    `with noted as (select key as name, value as definition from jsonb_each_text(guarded_objects())), there as (${objectsOn(tables)}),
       same as (select (select definition from noted where name = 'server version') = (select definition from there where name = 'server version') as version)
     select name from (
       select w.name from noted w left join there o on o.name = w.name
       where w.name <> 'server version' and (o.name is null or ((select version from same) and o.definition <> w.definition))
       union ${SWITCHED_OFF}) off where ${named} order by 1`,
  );
  return [...session, ...off.rows.map(({ name }) => name)];
}

/**
 * Throws a Refusal where not even the audit can be written, for then no brake can go on either: a session that fires no trigger, or
 * a chain without its own.
 */
export async function requireAuditing(db: Knex): Promise<void> {
  const off = (await offAmong(db, AUDITING)).filter((name) =>
    /^session_replication_role|audit_events_are_chained$|chain_audit_event$/.test(name),
  );
  if (off.length === 0) return;
  throw new Refusal(
    'guards_off',
    `The database cannot refuse what the rules forbid, nor keep its audit: ${off.join(', ')}. Nothing was done. Find out who set it so ("alter role", "alter database", DATABASE_URL or "alter table") and take it back, run "retention migrate" with the role that owns the tables, then run again.`,
  );
}

/**
 * Notes what is there now as what must be there; call it last, as the owner. What was noted before and has gone since stays noted
 * where no migration may have taken it away, or installing the guards again would make a dropped constraint unseen.
 */
export async function noteGuards(owner: Knex.Transaction, { migrated }: { migrated: boolean }): Promise<void> {
  const there = await owner.raw<{ rows: { noted: boolean }[] }>(`select to_regproc('guarded_objects') is not null as noted`);
  const before = there.rows[0]?.noted && !migrated ? 'guarded_objects()' : `'{}'::jsonb`;
  const kept = `(select jsonb_object_agg(key, value) from jsonb_each_text(${before}) where key ~ '^(constraint|index) ')`;
  const result = await owner.raw<{ rows: { objects: string }[] }>(
    `select (coalesce(${kept}, '{}') || (select jsonb_object_agg(name, definition) from (${objectsOn(EVERYTHING.tables)}) o))::text as objects`,
  );
  const objects = (result.rows[0]?.objects ?? '{}').replaceAll('?', '\\?');
  await owner.raw(
    `create or replace function guarded_objects() returns jsonb language sql immutable as $objects$ select $json$${objects}$json$::jsonb $objects$`,
  );
}
