/** What the database knows of its own health, as figures; whether that is good or bad is for `doctor` to say. Writes nothing. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { readEvents, verifyChain, type ChainState } from './audit.ts';
import { brakesOn, type Brake } from './brakes.ts';
import { shippedMigrations } from './connect.ts';
import { countDisagreements } from './disagreements.ts';
import { countOf } from './counts.ts';
import { checkFiles } from './crossCheck.ts';
import { guardsOff } from './guards/inForce.ts';
import { guardsInForce } from './guards/install.ts';
import { inOneMoment } from './figures.ts';
import type { Installation } from './installation.ts';
import { doubtfulNames, type DoubtfulNames } from './users.ts';
import { otherSettings, settingsThatForget, type OtherSetting } from './session.ts';
import { changedSinceCompute, lastComputed, lastImported, lastSuccessfulNight, latestNight, type Run } from './runs.ts';
import { readSourcesAgain, type LyingAgain } from './sourcesAgain.ts';
import { countWaits, type Wait, type Waiting } from './waits.ts';

export interface ServerHealth {
  version: string;
  /** Milliseconds since 1970 by the clock of the database, and its day in London. */
  now: number;
  today: IsoDate;
  user: string;
  /** What this role may do that the run-time role of a two-role set-up may not, in words; empty is as it should be. */
  powers: string[];
  /** What server, database or role set otherwise than the product needs, which it sets for itself in each connection. */
  otherSettings: OtherSetting[];
  /** Of what keeps a commit through a power cut, what the server has off. */
  forgets: string[];
  migrations: { missing: string[]; unknown: string[]; none: boolean };
  /** Whether what the database refuses by itself is what this release says, and nobody switched any of it off. */
  guards: { installed: boolean; switchedOff: string[] };
}

export interface RegisterHealth {
  files: number;
  determined: number;
  /** Files by the version of the schedule that determined them. */
  versions: { version: string; files: number }[];
  danglingSubjects: number;
  openDisagreements: number;
  /** Files determined by both calculations again, and those on which they differ; null while facts wait for the next compute. */
  sample: { checked: number; differ: string[] } | null;
}

export interface ServiceHealth {
  lastImported: IsoDate | null;
  lastNight: IsoDate | null;
  latestNight: Run | null;
  /** Runs that the ledger has as running though nobody holds the lock of the night. */
  abandonedRuns: number[];
  brakes: Brake[];
  chain: ChainState;
  sources: { toRemove: number; failed: number };
  sourcesAgain: LyingAgain[];
  secrets: { user: string; expires_at: Date | null }[];
  names: DoubtfulNames;
  waits: Record<Wait, Waiting>;
  claimedRoots: string[];
  documents: number;
}

/** A bag that the database counts on. */
export interface RecordedBag {
  file_ref: string;
  state: 'waiting' | 'archived' | 'restored' | 'kept' | 'apart';
  location: string;
  move_to: string | null;
  sha256: string;
  size: number;
}

const SAMPLE = 1000;

/** Of the role `r` of this connection. */
const POWERS = `array_remove(array[
    case when r.rolsuper then 'is a superuser' end,
    case when not r.rolsuper and exists (select from pg_class c where c.oid = to_regclass('audit_events') and pg_has_role(r.oid, c.relowner, 'member'))
      then 'owns the tables' end,
    case when not r.rolsuper and has_schema_privilege(r.oid, current_schema(), 'create') then 'may make tables and functions' end,
    case when not r.rolsuper and r.rolcreaterole then 'may make roles' end,
    case when not r.rolsuper and r.rolreplication then 'may replicate' end,
    case when not r.rolsuper and (pg_has_role(r.oid, 'pg_execute_server_program', 'member') or pg_has_role(r.oid, 'pg_write_server_files', 'member')
      or pg_has_role(r.oid, 'pg_read_server_files', 'member')) then 'may use files and programs of the server' end], null)`;

/** The server and what this connection may do on it; asks nothing of the product's tables. */
export async function serverHealth(db: Knex): Promise<ServerHealth> {
  const result = await db.raw<{ rows: Pick<ServerHealth, 'version' | 'now' | 'today' | 'user' | 'powers'>[] }>(
    `select current_setting('server_version') as version, (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
       (now() at time zone 'Europe/London')::date as today, current_user as "user", ${POWERS} as powers
     from pg_roles r where r.rolname = current_user`,
  );
  const done = (await db.schema.hasTable('knex_migrations')) ? await db('knex_migrations').pluck<string[]>('name') : [];
  const shipped = shippedMigrations();
  const migrations = {
    missing: shipped.filter((name) => !done.includes(name)),
    unknown: done.filter((name) => !shipped.includes(name)),
    none: done.length === 0,
  };
  const [server] = result.rows;
  if (!server) throw new Error('The database did not say who asks.');
  return {
    ...server,
    migrations,
    otherSettings: await otherSettings(db),
    forgets: await settingsThatForget(db),
    guards: await guardsHealth(db),
  };
}

async function guardsHealth(db: Knex): Promise<ServerHealth['guards']> {
  const inForce = await guardsInForce(db);
  // Guards of another release are to be installed anew, whatever is off among them.
  return { installed: inForce === 'all', switchedOff: inForce === 'not' ? [] : await guardsOff(db) };
}

/** Which installation this is; undefined on a database that no command has used yet. */
export async function readInstallation(db: Knex): Promise<Installation | undefined> {
  return db<Installation>('installation').first<Installation | undefined>('id', 'kind');
}

/** Whether every file has its determination, and a sample of them determined again by both calculations. */
export async function registerHealth(db: Knex, schedule: Schedule): Promise<RegisterHealth> {
  return inOneMoment(db, async (trx) => ({
    files: await countOf(trx, 'select count(*) from case_files'),
    determined: await countOf(trx, 'select count(*) from determinations d join case_files f using (file_ref)'),
    versions: await trx('determinations')
      .groupBy('schedule_version')
      .select(trx.raw('schedule_version as version, count(*)::int as files')),
    danglingSubjects: await countOf(
      trx,
      `select count(*) from case_files f where exists (select from unnest(f.subject_refs) s where not exists (select from people p where p.person_ref = s))`,
    ),
    openDisagreements: await countDisagreements(trx),
    sample: await checkSample(trx, schedule),
  }));
}

/** How the service runs, and what waits for people. */
export async function serviceHealth(db: Knex, asOf: IsoDate): Promise<ServiceHealth> {
  const outcomes = await db('source_removals')
    .whereIn('outcome', ['to_remove', 'failed'])
    .groupBy('outcome')
    .select(db.raw('outcome, count(*)::int as n'));
  const sources = (outcome: string) => (outcomes as { outcome: string; n: number }[]).find((row) => row.outcome === outcome)?.n ?? 0;
  return {
    lastImported: await lastImported(db),
    lastNight: await lastSuccessfulNight(db),
    latestNight: (await latestNight(db)) ?? null,
    abandonedRuns: await abandonedRuns(db),
    brakes: await brakesOn(db),
    chain: await verifyChain(readEvents(db)),
    sources: { toRemove: sources('to_remove'), failed: sources('failed') },
    sourcesAgain: await readSourcesAgain(db),
    secrets: await secretsOfPeople(db),
    names: await doubtfulNames(db),
    waits: await countWaits(db, asOf),
    claimedRoots: await db('claimed_roots').pluck<string[]>('path'),
    documents: await countOf(db, 'select count(*) from documents'),
  };
}

/** Every bag that must be in the archive store. */
export async function recordedBags(db: Knex): Promise<RecordedBag[]> {
  return db<RecordedBag>('bags')
    .whereIn('state', ['waiting', 'archived', 'restored', 'kept', 'apart'])
    .orderBy('id')
    .select('file_ref', 'state', 'location', 'move_to', 'sha256', 'size');
}

/** As of the day of the last compute, for what is stored was determined on it. Each day tries other files. */
async function checkSample(trx: Knex, schedule: Schedule): Promise<RegisterHealth['sample']> {
  const computed = await lastComputed(trx);
  if (computed === null || (await changedSinceCompute(trx, schedule))) return null;
  const result = await trx.raw<{ rows: { file_ref: string }[] }>(
    'select file_ref from case_files order by md5(file_ref || :computed) limit :SAMPLE',
    { computed, SAMPLE },
  );
  const checked = await checkFiles(
    trx,
    schedule,
    computed,
    result.rows.map((row) => row.file_ref),
  );
  const differ = checked.filter((file) => file.verdict === 'differ').map((file) => file.caseFile.fileRef);
  return { checked: checked.length, differ };
}

/** A run that is alive holds the lock; asked within a transaction, so that ours is let go at once. */
async function abandonedRuns(db: Knex): Promise<number[]> {
  const running = await db('runs').where({ outcome: 'running' }).pluck<number[]>('id');
  if (running.length === 0) return [];
  const result = await db.raw<{ rows: { alone: boolean }[] }>("select pg_try_advisory_xact_lock(hashtext('night')) as alone");
  return result.rows[0]?.alone ? running : [];
}

/** Of each person the token that is in force longest, if any. */
async function secretsOfPeople(db: Knex): Promise<ServiceHealth['secrets']> {
  const result = await db.raw<{ rows: ServiceHealth['secrets'] }>(
    `select u.name as "user", max(s.expires_at) as expires_at from users u
     left join user_secrets s on s.user_name = u.name and s.kind = 'token' and s.ended_at is null group by u.name order by u.name`,
  );
  return result.rows;
}
