/** The night: import, compute, re-check, list, archive, report; or one of them by itself. Each run is a row in the ledger. */
import type { ArchiveCounts } from '../db/archive.ts';
import { recordEvent } from '../db/audit.ts';
import { ExtractRefused } from '../db/extract.ts';
import { requireAuditing } from '../db/guards/inForce.ts';
import { COMPUTE_FIRST, finishRun, refuseEarlierDay, startRun, withNightLock, type RunKind } from '../db/runs.ts';
import { scheduleInForce } from '../db/schedules.ts';
import { readNeeds, SEEN_BY_STEPS, type SeenByStep } from '../db/told.ts';
import type { Context } from './context.ts';
import { describeError, type Log } from './log.ts';
import { needWords } from './needWords.ts';
import { lostOutputNotice, lostOutputWords } from './output.ts';
import {
  archiveStep,
  computeStep,
  importStep,
  listStep,
  recheckStep,
  reportStep,
  whatStopsDisposal,
  type StepResult,
  type Stepping,
} from './steps.ts';

export interface NightResult {
  run: number;
  as_of: string;
  outcome: 'succeeded' | 'failed';
  /** Counts of each step that ran. */
  steps: Record<string, object>;
  /** Why nothing was listed or archived, in sentences; empty when it was. */
  stopped: string[];
  /** What newly needs a person. */
  attention: string[];
  /** What needs one still, of which people were told before. */
  known: string[];
  error: string | null;
}

/** The whole night as of the context's day. One at a time; running it again does nothing twice. */
export async function runNight(context: Context, importFrom: string | null): Promise<NightResult> {
  return recorded(context, 'nightly', async (night) => {
    if (importFrom) await importOrStop(night, importFrom);
    await night.step('compute', () => computeStep(night));
    await night.step('recheck', () => recheckStep(night));
    await listAndArchive(night);
    await night.step('report', () => reportStep(night));
  });
}

/** One step by itself, with the same guards. */
export async function runStep(context: Context, kind: Exclude<RunKind, 'nightly'>, argument?: string): Promise<NightResult> {
  return recorded(context, kind, async (night) => {
    if (kind === 'import') await night.step('import', () => importStep(night, argument ?? ''));
    if (kind === 'compute') await night.step('compute', () => computeStep(night));
    if (kind === 'recheck') await night.step('recheck', () => recheckStep(night));
    if (kind === 'list' && (await mayGoOn(night))) await night.step('list', () => listStep(night));
    if (kind === 'archive' && (await mayGoOn(night))) await archiveUnlessOff(night);
    if (kind === 'report') await night.step('report', () => reportStep(night, argument));
  });
}

/** A run under way: what its steps have done so far. */
interface Night extends Stepping {
  result: NightResult;
  seen: SeenByStep[];
  log: Log;
  step(name: string, work: () => Promise<StepResult>): Promise<void>;
}

async function recorded(context: Context, kind: RunKind, work: (night: Night) => Promise<void>): Promise<NightResult> {
  const { db, asOf } = context;
  return withNightLock(db, kind === 'archive' ? 'together' : 'alone', async (requireLock) => {
    await requireAuditing(db);
    // A report of an earlier day changes nothing but its own files.
    if (kind !== 'report') await refuseEarlierDay(db, asOf);
    const runId = await startRun(db, kind, asOf);
    const log = context.log.child({ runId, asOf });
    const result: NightResult = {
      run: runId,
      as_of: asOf,
      outcome: 'succeeded',
      steps: {},
      stopped: [],
      attention: [],
      known: [],
      error: null,
    };
    const seen: SeenByStep[] = [];
    const step = async (name: string, run: () => Promise<StepResult>) => {
      // One taken over since the last step decides from now on.
      night.context = { ...context, schedule: await scheduleInForce(db, asOf) };
      await requireLock();
      const { counts, seen: bySteps = [], stopped = [] } = await run();
      result.steps[name] = counts;
      seen.push(...bySteps);
      result.stopped.push(...stopped);
      log.info({ counts }, `${name}.finished`);
    };
    log.info({ kind }, 'run.started');
    const night: Night = { context, runId, requireLock, result, seen, log, step };
    try {
      await work(night);
    } catch (error) {
      // The database may be what failed: then the next run finds this one interrupted, and what is told is the first error.
      const [closed] = await Promise.allSettled([close(context, result, kind, describeError(error))]);
      log.error({ error: result.error, inLedger: closed.status === 'fulfilled' }, 'run.failed');
      throw error;
    }
    await close(context, result, kind, result.error);
    await tell(context, result, seen);
    const lost = lostOutputNotice(context.around.lostOutput);
    if (lost !== null) result.known.push(lost);
    log.info({ outcome: result.outcome, attention: result.attention.length, stopped: result.stopped.length }, 'run.finished');
    return result;
  });
}

async function close({ db, around }: Context, result: NightResult, kind: RunKind, error: string | null): Promise<void> {
  result.error = error;
  result.outcome = error === null ? 'succeeded' : 'failed';
  // The ledger tells why nothing was listed or archived, long after the brake was released.
  const counts = {
    ...result.steps,
    ...(result.stopped.length > 0 ? { stopped: result.stopped } : {}),
    ...(lostOutputWords(around.lostOutput) === null ? {} : { output_lost: around.lostOutput }),
  };
  await finishRun(db, result.run, result.outcome, counts, error);
  await recordEvent(db, 'service', `run.${result.outcome}`, { run: result.run, kind, as_of: result.as_of });
}

/** The step that sees what the database does not show by itself. */
const ASKED_BY: Record<SeenByStep['kind'], string> = { any_file: 'import', waited: 'recheck', listing: 'list', audit: 'report' };

/** Once the run has come to its end: one that was killed before leaves it to the next to tell. */
async function tell({ db }: Context, result: NightResult, seen: readonly SeenByStep[]): Promise<void> {
  const asked = SEEN_BY_STEPS.filter((kind) => ASKED_BY[kind] in result.steps);
  const { attention, known } = await needWords(db, await readNeeds(db, { seen, asked, note: true }));
  result.attention.push(...attention);
  result.known.push(...known);
}

/** A refused or failed import changes nothing and stops listing and archiving tonight; everything else goes on. */
async function importOrStop(night: Night, folder: string): Promise<void> {
  try {
    await night.step('import', () => importStep(night, folder));
  } catch (error) {
    night.result.error = `The extract was not imported: ${describeError(error)}`;
    night.result.stopped.push(`${night.result.error} Nothing is listed or archived tonight.`);
    night.log.error({ error: night.result.error, refused: error instanceof ExtractRefused }, 'import.failed');
    await recordEvent(night.context.db, 'service', 'extract.refused', { run: night.runId });
  }
}

async function listAndArchive(night: Night): Promise<void> {
  if (night.result.stopped.length > 0 || !(await mayGoOn(night))) return;
  await night.step('list', () => listStep(night));
  if (await mayGoOn(night)) await archiveUnlessOff(night);
}

/** False when a brake is on or it must be computed first, which the result then says. */
async function mayGoOn(night: Night): Promise<boolean> {
  const { stops, attention } = await whatStopsDisposal(night, { computed: 'compute' in night.result.steps });
  night.result.attention.push(...attention);
  night.result.stopped.push(...stops);
  return stops.length === 0;
}

async function archiveUnlessOff(night: Night): Promise<void> {
  if (night.context.settings.archiving) {
    await night.step('archive', () => archiveStep(night));
    if (!(night.result.steps['archive'] as ArchiveCounts).outdated) return;
    night.result.stopped.push(COMPUTE_FIRST);
    night.result.attention.push(COMPUTE_FIRST);
  } else night.result.stopped.push('Archiving is switched off (ARCHIVING=off).');
}
