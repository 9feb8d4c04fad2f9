/**
 * What the database itself refuses, whoever asks. Guards are code, not data: they are installed anew, by the role that owns
 * the tables, whenever a release changes one or a schedule was taken over. They ask the same compiled question as the night.
 */
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { ScheduleError, parseSchedule, shippedSchedule, type Schedule } from '../../rules/schedule.ts';
import { candidacySql, NAMED_FILES } from '../candidacy.ts';
import { currentSchema } from '../catalogue.ts';
import { ARCHIVE_GUARDS } from './archive.ts';
import { DECISION_GUARDS } from './decisions.ts';
import { FACT_GUARDS } from './facts.ts';
import { GUARD_FUNCTIONS } from './functions.ts';
import { installing, ownSettings, refuse, type Guard } from './guard.ts';
import { INSTALLATION_GUARDS } from './installation.ts';
import { LIST_GUARDS } from './lists.ts';
import { NIGHT_GUARDS } from './nights.ts';

export const GUARDS: readonly Guard[] = [
  ...FACT_GUARDS,
  ...DECISION_GUARDS,
  ...LIST_GUARDS,
  ...ARCHIVE_GUARDS,
  ...NIGHT_GUARDS,
  ...INSTALLATION_GUARDS,
];

/** Installs every guard, and switches on any that was off in this schema. Call it as the owner, in one transaction; it replaces what was there. */
export async function installGuards(owner: Knex.Transaction): Promise<void> {
  const schema = await currentSchema(owner);
  for (const statement of [...guardStatements(schema), ...ownPathStatements(schema)]) await owner.raw(unbound(statement));
  await installCandidacies(owner, schema);
  await owner.raw(`do $$ declare t regclass; begin
    for t in select distinct tgrelid from pg_trigger join pg_class c on c.oid = tgrelid
      where c.relnamespace = current_schema()::regnamespace and tgenabled <> 'O' and not tgisinternal loop
      execute format('alter table %s enable trigger user', t);
    end loop; end $$`);
  // Those that PostgreSQL makes of foreign keys a superuser alone switches off, and on.
  await owner.raw(`do $$ declare t regclass; begin
    for t in select distinct tgrelid from pg_trigger join pg_class c on c.oid = tgrelid join pg_roles r on r.rolname = current_user and r.rolsuper
      where c.relnamespace = current_schema()::regnamespace and tgenabled = 'D' and tgisinternal loop
      execute format('alter table %s enable trigger all', t);
    end loop; end $$`);
  await owner.raw(
    `create or replace function installed_guards() returns text language sql immutable as $$ select '${digestOf(schema)}' $$`,
  );
}

/**
 * Whether the guards of this very release are in force: 'all', or 'but_of_a_schedule' where a version of it was taken over since and
 * has none of its own yet, so that nothing is listed or archived under it; 'not' otherwise.
 */
export async function guardsInForce(db: Knex): Promise<'all' | 'but_of_a_schedule' | 'not'> {
  const asked = await db.raw<{ rows: { there: boolean; schema: string }[] }>(
    "select to_regproc('installed_guards') is not null as there, quote_ident(current_schema()) as schema",
  );
  const { there = false, schema = '' } = asked.rows[0] ?? {};
  if (!there) return 'not';
  const result = await db.raw<{ rows: { digest: string; missing: boolean }[] }>(
    `select installed_guards() as digest,
       exists (select from schedule_versions v where to_regproc(candidacy_function(v.version)) is null) as missing`,
  );
  const [installed] = result.rows;
  if (installed?.digest !== digestOf(schema)) return 'not';
  return installed.missing ? 'but_of_a_schedule' : 'all';
}

function guardStatements(schema: string): string[] {
  return [
    ...GUARD_FUNCTIONS.map(
      ([signature, body]) => `create or replace function ${signature} ${ownSettings(schema)} as $guard$ ${body} $guard$`,
    ),
    ...GUARDS.flatMap((guard) => installing(schema, guard)),
  ];
}

/**
 * The question of the night, as a function of each version: PostgreSQL keeps its plan, and no caller can put another in its
 * place. A version that cannot be read or compiled gets one that refuses, for it must stop nothing else.
 */
async function installCandidacies(owner: Knex.Transaction, schema: string): Promise<void> {
  const versions = await owner('schedule_versions').select<{ version: string; content: string }[]>('version', 'content');
  for (const { version, content } of versions) {
    try {
      const question = questionOf(parseSchedule(content, `schedule ${version}`));
      await owner.transaction((trx) => makeCandidacy(trx, schema, version, `begin return query ${question}; end`));
    } catch (error) {
      if (!(error instanceof ScheduleError) && !isOfSyntax(error)) throw error;
      const body = `begin ${refuse('a version of the schedule cannot be read, so nothing is listed or archived under it', 'Two people withdraw it: retention schedule withdraw VERSION --reason "…".', [])} end`;
      await makeCandidacy(owner, schema, version, body);
    }
  }
}

async function makeCandidacy(owner: Knex.Transaction, schema: string, version: string, body: string): Promise<void> {
  const name = `candidacy_${createHash('md5').update(version).digest('hex').slice(0, 16)}(date, text[])`;
  await owner.raw(`drop function if exists ${name}`);
  await owner.raw(
    unbound(`create function ${name}
       returns table (file_ref text, outcome text, rule text, anchor_on date, retain_until date, eligible_from date, action text, review_on date, reason text,
         schedule_version text, blocks text[], cautions text[], birth_doubtful boolean, date_doubtful boolean, recalculated boolean)
       language plpgsql stable ${ownSettings(schema)} set plan_cache_mode = force_generic_plan as $guard$
       #variable_conflict use_column
       ${body} $guard$`),
  );
}

/** PostgreSQL's syntax_error: what the version compiles to is not SQL. */
function isOfSyntax(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === '42601';
}

/** A question mark would be taken for a binding. */
function unbound(statement: string): string {
  return statement.replaceAll('?', '\\?');
}

/** Functions of the migrations that read tables get a path of their own too. */
function ownPathStatements(schema: string): string[] {
  return ['refuse_change', 'chain_audit_event', 'require_subjects'].map((name) => `alter function ${name}() ${ownSettings(schema)}`);
}

const digests = new Map<string, string>();

/** Of the guards and of how this release compiles a schedule, which the shipped one shows. */
function digestOf(schema: string): string {
  const known = digests.get(schema);
  if (known !== undefined) return known;
  const digest = createHash('sha256')
    .update(JSON.stringify([guardStatements(schema), questionOf(shippedSchedule())]))
    .digest('hex');
  digests.set(schema, digest);
  return digest;
}

function questionOf(schedule: Schedule): string {
  return candidacySql(schedule, NAMED_FILES).replaceAll(':asOf', '$1').replaceAll(':fileRefs', '$2');
}
