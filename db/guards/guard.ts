/** A guard: one trigger that refuses what a rule forbids, whoever asks; and the words in which guards are written. */
import { GUARD_SETTINGS } from '../session.ts';

export interface Guard {
  table: string;
  /** Of its trigger, and of its function with `guard_` before it. */
  name: string;
  /** As in `create trigger`: "before update or delete". */
  fires: string;
  /** Once a statement rather than once a row. */
  statement?: true;
  /** Asked at the end of the transaction, when everything it should find is there. */
  deferred?: true;
  referencing?: string;
  when?: string;
  declare?: string;
  /** PL/pgSQL. What it does not refuse goes on. */
  body: string;
}

/**
 * `if … then raise exception … end if`: what is refused, in words that name the rule, and what to do instead. Each % of the
 * words stands for one of the values; values are references and days, never names or births.
 */
export function refuseIf(condition: string, words: string, next: string, values: string[] = []): string {
  return `if (${condition}) then ${refuse(words, next, values)} end if;`;
}

/** The same without a condition. */
export function refuse(words: string, next: string, values: string[] = []): string {
  return `raise exception ${quoted(words)}${values.map((value) => `, ${value}`).join('')} using hint = ${quoted(next)};`;
}

/** True when any of these columns is other than before. */
export function changed(columns: readonly string[]): string {
  const row = (when: string) => columns.map((column) => `${when}.${column}`).join(', ');
  return `(row(${row('old')}) is distinct from row(${row('new')}))`;
}

/** A table whose rows are added and never changed, but that they leave with their case file where `withFile` says so. */
export function neverRewritten(table: string, what: string, next: string, withFile = false): Guard {
  const gone = withFile ? `tg_op = 'UPDATE' or exists (select from case_files f where f.file_ref = old.file_ref)` : 'true';
  return {
    table,
    name: `${table}_are_never_rewritten`,
    fires: 'before update or delete',
    body: refuseIf(gone, `${what} are never changed or deleted`, next),
  };
}

/** A table whose rows are never deleted. */
export function neverDeleted(table: string, what: string, next: string): Guard {
  return { table, name: `${table}_are_never_deleted`, fires: 'before delete', body: refuse(`${what} are never deleted`, next) };
}

/** The statements that install a guard in a schema, in place of an earlier one of its name. */
export function installing(schema: string, guard: Guard): string[] {
  const { table, name, fires, declare, body, referencing, when } = guard;
  const goesOn = guard.statement || fires.startsWith('after') ? 'return null;' : "if tg_op = 'DELETE' then return old; end if; return new;";
  return [
    `create or replace function guard_${name}() returns trigger language plpgsql ${ownSettings(schema)} as $guard$
    ${declare ? `declare ${declare}` : ''}
    begin
      ${body}
      ${goesOn}
    end $guard$`,
    `drop trigger if exists ${name} on ${table}`,
    `create ${guard.deferred ? 'constraint ' : ''}trigger ${name} ${fires} on ${table} ${guard.deferred ? 'deferrable initially deferred' : ''}
      ${referencing ? `referencing ${referencing}` : ''} for each ${guard.statement ? 'statement' : 'row'} ${when ? `when (${when})` : ''}
      execute function guard_${name}()`,
  ];
}

/** A guard answers the same in whoever's session it is asked: a temporary table of a name it reads is not taken for the table, nor a date written otherwise. */
export function ownSettings(schema: string): string {
  return `set search_path = ${schema}, pg_temp ${GUARD_SETTINGS}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
