/** What a command works with: settings, database, business date, log and who acts; opened and closed in one place. */
import { join } from 'node:path';
import type { Knex } from 'knex';
import { connect, type Database } from '../db/connect.ts';
import type { Traces } from '../db/disposalLook.ts';
import { identityText } from '../db/identity.ts';
import { openInstallation, requireClocksAgree, type Installation } from '../db/installation.ts';
import { openArchiveStore } from '../db/archiveStore.ts';
import { prepare } from '../db/prepare.ts';
import { claimRoots, noteInRoots, rootsOf, type Roots } from '../db/roots.ts';
import { scheduleInForce } from '../db/schedules.ts';
import { personOfToken } from '../db/tokens.ts';
import { findPerson } from '../db/users.ts';
import { longDate, readDate, type IsoDate } from '../rules/dates.ts';
import type { Person } from '../rules/people.ts';
import type { Schedule } from '../rules/schedule.ts';
import { todayInLondon, type Clock } from './clock.ts';
import { lastReportedHead } from './auditFile.ts';
import { createLog, describeError, type Log } from './log.ts';
import type { LostOutput } from './output.ts';
import { readSettings, UsageError, type Settings } from './settings.ts';

/** The world outside: given to every command, so that tests run the same code in one process. */
export interface Surroundings {
  env: Record<string, string | undefined>;
  cwd: string;
  stdout: NodeJS.WritableStream & { isTTY?: boolean };
  stderr: NodeJS.WritableStream & { isTTY?: boolean };
  stdin?: NodeJS.ReadableStream;
  /** What of the two could not be written so far; nothing where it is left out. */
  lostOutput?: LostOutput;
  clock: Clock;
}

/** Options that many commands share. */
export interface CommonOptions {
  asOf?: string;
  as?: string;
  json?: boolean;
}

export interface Context {
  settings: Settings;
  around: Surroundings;
  database: Database;
  db: Knex;
  installation: Installation;
  rehearsal: boolean;
  asOf: IsoDate;
  schedule: Schedule;
  log: Log;
}

/** What a command does: it looks, it writes, or it writes nothing that concerns files, so that it may run while a root is not the right one. */
export type Use = 'read' | 'write' | 'write_without_roots';

/** Opens the database, runs `work` as of the day asked for, and closes it again whatever happens. */
export async function withContext<T>(
  around: Surroundings,
  options: CommonOptions,
  use: Use,
  work: (context: Context) => Promise<T>,
): Promise<T> {
  const settings = readSettings(around.env, around.cwd);
  const database = await connectAsService(settings);
  try {
    const { db } = database;
    await prepare(database);
    const installation = await openInstallation(db, settings.rehearsal);
    const asOf = businessDate(around, options, installation, use);
    if (use !== 'read') await refuseUnsafe(db, installation, settings, asOf);
    if (use === 'write') await claimAndTell(around, db, installation, settings);
    const rehearsal = installation.kind === 'rehearsal';
    const log = createLog(around.stderr, rehearsal ? { rehearsal } : {}, settings.logLevel);
    const schedule = await scheduleInForce(db, asOf);
    const done = await work({ settings, around, database, db, installation, rehearsal, asOf, schedule, log });
    if (use === 'write') await noteWhatWasDone(db, rootsIn(settings), log);
    return done;
  } finally {
    await database.close();
  }
}

/** As the role that commands work as: the owner is for "retention migrate" and "restore-backup" alone. */
export function connectAsService(settings: Settings): Promise<Database> {
  return connect({ ...settings, ownerUrl: null });
}

/** Who acts: in a rehearsal the name after --as, taken at its word; on a live database whoever the token belongs to. */
export async function actingPerson(context: Context, options: CommonOptions): Promise<Person> {
  if (context.rehearsal) {
    if (!options.as) throw new UsageError('Say who acts: add --as NAME.');
    return findPerson(context.db, options.as);
  }
  if (options.as) {
    throw new UsageError(
      '--as is for rehearsals: this is a live database, where a name proves nothing. Set RETENTION_TOKEN to your own token.',
    );
  }
  const { token } = context.settings;
  if (!token)
    throw new UsageError(
      'Set RETENTION_TOKEN to your own token; "retention users enrol" gives you one, and "retention users recover" lets in an admin who lost theirs.',
    );
  return personOfToken(context.db, token);
}

/** The business date asked for, today in London otherwise. Throws a UsageError for another day where a live database writes. */
export function businessDate(around: Surroundings, options: CommonOptions, installation: Pick<Installation, 'kind'>, use: Use): IsoDate {
  const today = todayInLondon(around.clock);
  if (options.asOf === undefined) return today;
  const asOf = readDate(options.asOf);
  if (!asOf) throw new UsageError(`--as-of takes a day that exists, as yyyy-mm-dd; "${options.asOf}" is none.`);
  if (installation.kind === 'live' && use !== 'read' && asOf !== today) {
    throw new UsageError(
      `This is a live database: whatever writes runs as of today, ${longDate(today)}. To try another day, make a rehearsal (RETENTION_REHEARSAL=1 with another RETENTION_HOME).`,
    );
  }
  return asOf;
}

/** What this database is compared with before anything is listed or archived. */
export async function tracesOf({ db, settings, installation }: Pick<Context, 'db' | 'settings' | 'installation'>): Promise<Traces> {
  const head = await lastReportedHead(join(settings.home, 'reports'), installation.id, await identityText(db));
  return { roots: rootsIn(settings), reported: head ? [{ where: head.where, identity: null, head }] : [] };
}

export function rootsIn({ archiveUrl, documentRoot }: Settings): Roots {
  return rootsOf(openArchiveStore(archiveUrl), documentRoot);
}

/** A folder that was not there and is the archive from now on: somebody must be able to see that it is the wrong one. */
async function claimAndTell({ stderr }: Surroundings, db: Knex, installation: Installation, settings: Settings): Promise<void> {
  for (const made of await claimRoots(db, installation, rootsIn(settings), settings.home)) stderr.write(`${made}\n`);
}

/** Before anything is written: the machine's clock no further than the database's. */
async function refuseUnsafe(db: Knex, installation: Installation, settings: Settings, asOf: IsoDate): Promise<void> {
  if (installation.kind !== 'live') return;
  if (settings.coolingOffDays < 1) throw new UsageError('COOLING_OFF_DAYS must be at least 1 in a live database.');
  await requireClocksAgree(db, asOf);
}

/** What was done is done: where the roots cannot take the mark now, the next command writes it. */
async function noteWhatWasDone(db: Knex, roots: Roots, log: Log): Promise<void> {
  try {
    await noteInRoots(db, roots);
  } catch (error) {
    log.warn({ error: describeError(error) }, 'roots.not_marked');
  }
}
