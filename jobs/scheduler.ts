/** The scheduler: stays up, runs the night by node-cron in London time, catches up at start, stops cleanly on SIGTERM. */
import nodeCron from 'node-cron';
import { openInstallation } from '../db/installation.ts';
import { prepare } from '../db/prepare.ts';
import { lastSuccessfulNight } from '../db/runs.ts';
import { addDays } from '../rules/dates.ts';
import { LONDON, todayInLondon } from './clock.ts';
import { connectAsService, withContext, type Surroundings } from './context.ts';
import { createLog, describeError, type Log } from './log.ts';
import { runNight } from './night.ts';
import { readSettings, type Settings } from './settings.ts';
import { stopRequested } from './stopRequested.ts';

/** Late by a busy machine is still tonight; what is missed for longer is caught up from the ledger at the next start. */
const TOLERANCE_MS = 60 * 60 * 1000;

/** Runs until the process is told to stop, and then until a night under way has ended. */
export async function runScheduler(around: Surroundings, importFrom: string | null): Promise<void> {
  const settings = readSettings(around.env, around.cwd);
  const log = createLog(around.stderr, { component: 'scheduler' }, settings.logLevel);
  const stopping = stopRequested();
  let running: Promise<void> = Promise.resolve();
  const night = (why: string) => {
    // One after the other: a night asked for while one is running begins when that has ended.
    running = running.then(() => runOnce(around, importFrom, log, why));
    return running;
  };
  const task = nodeCron.schedule(settings.night, () => night('scheduled'), {
    timezone: LONDON,
    noOverlap: true,
    missedExecutionTolerance: TOLERANCE_MS,
    name: 'night',
  });
  log.info({ night: settings.night, timezone: LONDON }, 'scheduler.started');
  if (await catchingUpIsDue(around, settings, log)) await Promise.race([night('catching_up'), stopping]);
  await stopping;
  log.info('scheduler.stopping');
  await task.destroy();
  await running;
  log.info('scheduler.stopped');
}

/** A failed night is logged and does not end the scheduler: the next one comes. */
async function runOnce(around: Surroundings, importFrom: string | null, log: Log, why: string): Promise<void> {
  log.info({ why }, 'night.begins');
  try {
    await withContext(around, {}, 'write', (context) => runNight(context, importFrom));
  } catch (error) {
    log.error({ error: describeError(error) }, 'night.failed');
  }
}

/** A database that is not up yet is logged and does not end the scheduler: the next night catches up as well. */
async function catchingUpIsDue(around: Surroundings, settings: Settings, log: Log): Promise<boolean> {
  try {
    return await nightIsMissing(around, settings);
  } catch (error) {
    log.error({ error: describeError(error) }, 'catching_up.failed');
    return false;
  }
}

/**
 * Whether a night was missed: there was one before, and none has succeeded since the last one was due. One night, for
 * today, catches up; a first start waits for its time.
 */
async function nightIsMissing(around: Surroundings, settings: Settings): Promise<boolean> {
  const database = await connectAsService(settings);
  try {
    await prepare(database);
    await openInstallation(database.db, settings.rehearsal);
    const last = await lastSuccessfulNight(database.db);
    return last !== null && last < lastNightDue(around, settings);
  } finally {
    await database.close();
  }
}

/** The London date on which a night was last due. */
function lastNightDue(around: Surroundings, settings: Settings): string {
  const today = todayInLondon(around.clock);
  // Asked of the expression: a task that was never started says of its next run that there is none.
  const [next] = nodeCron.createTask(settings.night, () => undefined, { timezone: LONDON }).getNextRuns(1);
  const stillToCome = next !== undefined && todayInLondon(() => next) === today;
  return stillToCome ? addDays(today, -1) : today;
}
