/** The versions of the schedule that this database has taken over, and the one in force on a day. */
import { readFileSync } from 'node:fs';
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { parseSchedule, SHIPPED_SCHEDULE, type Schedule } from '../rules/schedule.ts';
import { recordEvent } from './audit.ts';

/** The schedule in force on a day. Throws on a database that was never prepared. */
export async function scheduleInForce(db: Knex, asOf: IsoDate): Promise<Schedule> {
  const known = await knownSchedule(db, asOf);
  if (!known) throw new Error('This database has no retention schedule. Run "retention migrate" with the role that owns its tables.');
  return known;
}

/** The same; undefined on a database without a schedule. */
export async function knownSchedule(db: Knex, asOf: IsoDate): Promise<Schedule | undefined> {
  const versions = db('schedule_versions').select<{ version: string; content: string }[]>('version', 'content');
  const [inForce] = await versions
    .clone()
    .where('in_force_from', '<=', asOf)
    .orderBy('in_force_from', 'desc')
    .orderBy('adopted_at', 'desc')
    .limit(1);
  const [oldest] = inForce ? [inForce] : await versions.orderBy('in_force_from').limit(1);
  return oldest && parseOnce(oldest.content, oldest.version);
}

/** A version that was taken over. Throws when this database does not know it. */
export async function scheduleOfVersion(db: Knex, version: string): Promise<Schedule> {
  const known = await db('schedule_versions').where({ version }).first<{ content: string } | undefined>('content');
  if (!known) throw new Error(`This database does not know version ${version} of the schedule.`);
  return parseOnce(known.content, version);
}

/** A site or a scheduler asks for the same few versions for weeks, and reading one takes longer than most answers. */
const parsed = new Map<string, Schedule>();

function parseOnce(content: string, version: string): Schedule {
  const known = parsed.get(content) ?? parseSchedule(content, `schedule ${version}`);
  parsed.set(content, known);
  return known;
}

/** Takes over a checked schedule from a day on. Throws a Refusal when its version is known already. */
export async function adoptSchedule(
  trx: Knex.Transaction,
  { content, name, from }: { content: string; name: string; from: IsoDate },
  person: Person,
): Promise<Schedule> {
  requirePermission(person, 'change_schedule');
  const schedule = parseSchedule(content, name);
  const known = await trx('schedule_versions').where({ version: schedule.version }).first<object | undefined>();
  if (known) {
    throw new Refusal(
      'version_known',
      `Version ${schedule.version} of the schedule was taken over before. A changed table needs a new version, and a line in its history.`,
    );
  }
  await trx('schedule_versions').insert({ version: schedule.version, in_force_from: from, adopted_by: person.name, content });
  await recordEvent(trx, person.name, 'schedule.adopted', { version: schedule.version, from });
  return schedule;
}

/** A database without a schedule takes over the version that ships with the product. */
export async function adoptShipped(trx: Knex.Transaction): Promise<void> {
  if (await trx('schedule_versions').first<object | undefined>('version')) return;
  const content = readFileSync(SHIPPED_SCHEDULE, 'utf8');
  const { version, in_force_from } = parseSchedule(content, SHIPPED_SCHEDULE);
  await trx('schedule_versions').insert({ version, in_force_from, adopted_by: 'service', content });
  await recordEvent(trx, 'service', 'schedule.adopted', { version, from: in_force_from });
}
