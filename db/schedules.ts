/** The versions of the schedule that this database has taken over, and the one in force on a day. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { parseSchedule, ScheduleError, type Schedule } from '../rules/schedule.ts';

/** A version as it was taken over; `schedule` is null where what is stored cannot be read. */
export interface StoredVersion {
  version: string;
  in_force_from: IsoDate;
  adopted_by: string;
  adopted_at: Date;
  schedule: Schedule | null;
  /** Why it cannot be read; null where it can. */
  unreadable: string | null;
  /** Who asked that it decide no more, and why; null where nobody did. */
  withdrawal: { asked_by: string; asked_on: IsoDate; reason: string; confirmed_by: string | null } | null;
}

/** The schedule in force on a day. Throws on a database that was never prepared. */
export async function scheduleInForce(db: Knex, asOf: IsoDate): Promise<Schedule> {
  const known = await knownSchedule(db, asOf);
  if (!known) throw new Error('This database has no retention schedule. Run "retention migrate" with the role that owns its tables.');
  return known;
}

/**
 * The same; undefined on a database without a schedule. Where the version in force cannot be read, the one before it answers,
 * so that one bad version stops nothing but listing and archiving (`unreadableInForce`).
 */
export async function knownSchedule(db: Knex, asOf: IsoDate): Promise<Schedule | undefined> {
  const standing = await standingVersions(db);
  const since = standing.filter(({ in_force_from }) => in_force_from <= asOf);
  const readable = since.find(({ schedule }) => schedule !== null) ?? standing.findLast(({ schedule }) => schedule !== null);
  return readable?.schedule ?? undefined;
}

/**
 * Until this transaction ends no version is taken over or taken back. The first statement of a transaction that archives: taking a
 * version over replaces guards, which waits for every table that such a transaction has looked at.
 */
export async function lockVersions(trx: Knex.Transaction): Promise<void> {
  await trx.raw("select pg_advisory_xact_lock_shared(hashtext('schedule_versions'))");
}

/** In a transaction that began with `lockVersions`: whether another version decides on that day than the one this run began with. */
export async function isSuperseded(trx: Knex.Transaction, { version }: Schedule, asOf: IsoDate): Promise<boolean> {
  return (await scheduleInForce(trx, asOf)).version !== version;
}

/** Waits for every file that is just being archived; none is begun before this transaction ends. */
export async function lockVersionsForChange(trx: Knex.Transaction): Promise<void> {
  await trx.raw("select pg_advisory_xact_lock(hashtext('schedule_versions'))");
}

/** The version that should decide on that day and cannot be read, and why; null when it can. */
export async function unreadableInForce(db: Knex, asOf: IsoDate): Promise<{ version: string; why: string } | null> {
  const inForce = (await standingVersions(db)).find(({ in_force_from }) => in_force_from <= asOf);
  return inForce?.unreadable ? { version: inForce.version, why: inForce.unreadable } : null;
}

/** Every version ever taken over, the one that begins last first; of two that begin on one day the one taken over last. */
export async function readVersions(db: Knex): Promise<StoredVersion[]> {
  const { rows } = await db.raw<{ rows: (Omit<StoredVersion, 'schedule' | 'unreadable'> & { content: string })[] }>(
    `select v.version, v.in_force_from, v.adopted_by, v.adopted_at, v.content,
       case when w.version is not null then jsonb_build_object('asked_by', w.asked_by, 'asked_on', w.asked_on, 'reason', w.reason,
         'confirmed_by', w.confirmed_by) end as withdrawal
     from schedule_versions v left join schedule_withdrawals w on w.version = v.version
     order by v.in_force_from desc, v.adopted_at desc`,
  );
  return rows.map(({ content, ...row }) => ({ ...row, ...readOnce(content, row) }));
}

/** Those that were not withdrawn. */
export async function standingVersions(db: Knex): Promise<StoredVersion[]> {
  return (await readVersions(db)).filter(({ withdrawal }) => !withdrawal?.confirmed_by);
}

/** A version that was taken over; null where it cannot be read. Throws when this database does not know it. */
export async function scheduleOfVersion(db: Knex, version: string): Promise<Schedule | null> {
  const known = await db('schedule_versions').where({ version }).first<StoredText | undefined>('content', 'version', 'in_force_from');
  if (!known) throw new Error(`This database does not know version ${version} of the schedule.`);
  return readOnce(known.content, known).schedule;
}

/** A site or a scheduler asks for the same few versions for weeks, and reading one takes longer than most answers. */
const read = new Map<string, Pick<StoredVersion, 'schedule' | 'unreadable'>>();

type StoredText = Pick<StoredVersion, 'version' | 'in_force_from'> & { content: string };

function readOnce(
  content: string,
  { version, in_force_from }: Omit<StoredText, 'content'>,
): Pick<StoredVersion, 'schedule' | 'unreadable'> {
  const key = `${in_force_from} ${content}`;
  const known = read.get(key) ?? readContent(content, version, in_force_from);
  read.set(key, known);
  return known;
}

/** The day it was taken over from decides, whatever day the file itself says. */
function readContent(content: string, version: string, from: IsoDate): Pick<StoredVersion, 'schedule' | 'unreadable'> {
  try {
    return { schedule: { ...parseSchedule(content, `schedule ${version}`), in_force_from: from }, unreadable: null };
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    return { schedule: null, unreadable: error.message };
  }
}
