/** What every connection of the product sets for itself, whatever server, database and role say; and what they do say, for the doctor. */
import type { Knex } from 'knex';
import type pg from 'pg';

/**
 * Values as PostgreSQL shows them, by setting. What a server does not know yet, `transaction_timeout` before 17, is left out there.
 * Only what has an entry here may be relied on elsewhere.
 */
const RELIED_ON = {
  // Dates, times and numbers are read and written as text, by both calculations and in every digest.
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  transform_null_equals: 'off',
  array_nulls: 'on',
  quote_all_identifiers: 'off',
  // What is asked after a lock was waited for must be seen as it is then.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // Packing a large bag, a night's lock and a large register may take as long as they take.
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  // A policy that would hide rows from us is an error, not a smaller register.
  row_security: 'off',
  // Guards are triggers: under "replica" none of them is asked.
  session_replication_role: 'origin',
  check_function_bodies: 'on',
  application_name: 'retention',
  // Compiling these long statements takes far longer than running them, a million files included.
  jit: 'off',
} as const;

/** The one of them which only a superuser may set, or who was granted it. */
const NOT_EVERYBODYS = 'session_replication_role';

/** A source is removed after its commit, so that a commit must be on disk before it is believed. Stronger settings stay. */
const DURABLE = { name: 'synchronous_commit', value: 'on', weaker: ['off', 'local', 'remote_write'] };

/** Those on which a guard's own answer rests, whoever's session it is asked in: clauses of `create function`. */
export const GUARD_SETTINGS = (['datestyle', 'timezone', 'row_security'] as const)
  .map((name) => `set ${name} = '${RELIED_ON[name]}'`)
  .join(' ');

const WANTED = `(values ${Object.entries(RELIED_ON)
  .map(([name, value]) => `('${name}', '${value}')`)
  .join(', ')}) wanted(name, value)`;

/**
 * The schema of our tables, in front of whatever else lies on the path of this role; nothing but theirs and temporary tables is
 * found without a schema. Before there are tables it is where this role would make them.
 */
const SCHEMA = `coalesce(
  (select (array_agg(n.nspname order by pg_table_is_visible(c.oid) desc))[1]
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relname = 'case_files' and c.relkind = 'r' and n.nspname !~ '^pg_'
     and exists (select from pg_class a where a.relname = 'audit_events' and a.relnamespace = n.oid)
   having bool_or(pg_table_is_visible(c.oid)) or count(*) = 1),
  nullif(current_schema(), 'pg_catalog'), 'public')`;

const SETTLE = `
  set statement_timeout = 0;
  select set_config(name, value, false) from ${WANTED}
  where current_setting(name, true) <> value and (name <> '${NOT_EVERYBODYS}' or has_parameter_privilege(name, 'SET'));
  select set_config('${DURABLE.name}', '${DURABLE.value}', false)
  where current_setting('${DURABLE.name}') = any('{${DURABLE.weaker.join(',')}}');
  select set_config('search_path', quote_ident(${SCHEMA}) || ', pg_temp', false);
  select name, current_setting(name) as setting from ${WANTED} where current_setting(name, true) <> value`;

/** Makes a fresh connection what the product relies on. Throws an Error that names a setting which this role may not change. */
export async function settleSession(client: pg.ClientBase): Promise<void> {
  // Several statements give an answer each, which the types of the driver do not say.
  const answers = (await client.query(SETTLE)) as unknown as pg.QueryResult<{ name: string; setting: string }>[];
  const [left] = answers.at(-1)?.rows ?? [];
  if (left)
    throw new Error(
      `In sessions of this role ${left.name} is ${left.setting}. Nothing was done, for the role may not change it. Have an administrator of the server take it back: alter role … reset ${left.name}, alter database … reset ${left.name}, or the line in postgresql.conf.`,
    );
}

/** A setting that server, database or role give another value than the product works with, and who gives it. */
export interface OtherSetting {
  name: string;
  value: string;
  by: 'role' | 'database' | 'server';
}

/** What was set otherwise when this connection began. None of it has an effect on the product, which sets its own. */
export async function otherSettings(db: Knex): Promise<OtherSetting[]> {
  const result = await db.raw<{ rows: OtherSetting[] }>(
    `with given as (
       select lower(split_part(entry, '=', 1)) as name, r.setrole <> 0 as by_role
       from pg_db_role_setting r cross join unnest(r.setconfig) entry
       where r.setrole in (0, (select oid from pg_roles where rolname = session_user))
         and r.setdatabase in (0, (select oid from pg_database where datname = current_database())))
     select s.name, s.reset_val as value,
       case when exists (select from given g where g.name = lower(s.name) and g.by_role) then 'role'
         when exists (select from given g where g.name = lower(s.name)) then 'database' else 'server' end as by
     from pg_settings s left join ${WANTED} on wanted.name = lower(s.name)
     where s.reset_val is distinct from s.boot_val and (s.reset_val <> wanted.value
       or s.name = '${DURABLE.name}' and s.reset_val = any('{${DURABLE.weaker.join(',')}}')
       or s.name = 'search_path' and exists (select from given g where g.name = 'search_path'))
     order by s.name`,
  );
  return result.rows;
}

/** Settings of the server that keep what was committed through a power cut, and are off; no connection can set them. */
export async function settingsThatForget(db: Knex): Promise<string[]> {
  const result = await db.raw<{ rows: { name: string }[] }>(
    "select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off' order by name",
  );
  return result.rows.map(({ name }) => name);
}
