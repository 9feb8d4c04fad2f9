/** The steps of the night, each on its own: what it does, what it logs, and what of it a person must look at. */
import { join } from 'node:path';
import { archiveDue, type ArchiveCounts } from '../db/archive.ts';
import { openArchiveStore } from '../db/archiveStore.ts';
import { recordEvent } from '../db/audit.ts';
import { removeOldBackups } from '../db/backup.ts';
import { brakesOn, tripBrake, volumeIsUnexpected } from '../db/brakes.ts';
import { findCandidates } from '../db/candidacy.ts';
import { computeDeterminations, type ComputeCounts } from '../db/compute.ts';
import { checkFiles, type CheckedFile } from '../db/crossCheck.ts';
import { recordDisagreements, settleDisagreements } from '../db/disagreements.ts';
import { lookBeforeDisposal } from '../db/disposalLook.ts';
import { unsafePathReason } from '../db/documentRoot.ts';
import { openExtract } from '../db/extract.ts';
import { guardRefusal } from '../db/guardRefusal.ts';
import { importExtract, type ImportResult } from '../db/import.ts';
import { isRootAway, measureDocuments } from '../db/listedDocuments.ts';
import { chooseForListing, makeLists } from '../db/lists.ts';
import { keepNight } from '../db/nightFigures.ts';
import { recheckItems, type Withdrawal } from '../db/recheck.ts';
import { changedSinceCompute, COMPUTE_FIRST, isOfOtherSchedule, lastComputed, lastImported, lastSuccessfulNight } from '../db/runs.ts';
import { scheduleInForce } from '../db/schedules.ts';
import { noteSourcesAgain } from '../db/sourcesAgain.ts';
import type { SeenByStep } from '../db/told.ts';
import { removeOldReports, writeNightReport, type NightReport } from '../reports/nightReport.ts';
import { knownCategories } from '../rules/categories.ts';
import { addDays } from '../rules/dates.ts';
import { brakeWords } from './brakeWords.ts';
import { tracesOf, type Context } from './context.ts';
import { describeError } from './log.ts';
import { lostOutputNotice } from './output.ts';
import { showProgress } from './progress.ts';

/** What a step returns: its counts for ledger and log, and what it saw that needs a person where the database does not show it. */
export interface StepResult<Counts extends object = object> {
  counts: Counts;
  seen?: SeenByStep[];
  /** Why nothing came of this step though the others go on, in sentences. */
  stopped?: string[];
}

export interface Stepping {
  context: Context;
  runId: number;
  /** Throws when the lock of the night was lost, so that another may run beside this one. */
  requireLock: () => Promise<void>;
}

/** Lands an extract. Throws ExtractRefused, with nothing changed. */
export async function importStep({ context, runId }: Stepping, folder: string): Promise<StepResult<ImportResult>> {
  const { db, schedule, asOf } = context;
  const progress = showProgress(context.around, 'import');
  const extract = await openExtract(folder, knownCategories(schedule), { unsafePathReason });
  const result = await db.transaction(async (trx) => {
    const imported = await importExtract(trx, extract, { asOf, runId, progress: (file, read) => progress.update(`${file}: ${read} rows`) });
    const { importId, rows, quarantined, newlyQuarantined } = imported;
    await recordEvent(trx, 'service', 'extract.imported', { import: importId, rows, quarantined, newly_quarantined: newlyQuarantined });
    return imported;
  });
  progress.done();
  const words = `${result.ofAnyFile} rejected rows of documents.csv may be any file's, for their reference cannot be read and their document is known under no file: nothing is listed or archived until they are put right.`;
  return { counts: result, seen: result.ofAnyFile > 0 ? [{ kind: 'any_file', words }] : [] };
}

/** Determines every file. */
export async function computeStep({ context, runId }: Stepping): Promise<StepResult<ComputeCounts>> {
  const { db, schedule, asOf } = context;
  const previous = await lastComputed(db);
  const counts = await db.transaction(async (trx) => {
    const computed = await computeDeterminations(trx, schedule, { asOf, previous, runId });
    const { newlyDue, predicted } = computed;
    if (previous && volumeIsUnexpected(newlyDue, predicted))
      await tripBrake(trx, 'volume', { newly_due: newlyDue, predicted }, { asOf, runId });
    return computed;
  });
  return { counts };
}

/** Takes changed items off their lists, and ends disagreements that are no more. */
export async function recheckStep({
  context,
}: Stepping): Promise<StepResult<{ withdrawn: number; settled: number; withdrawals: Withdrawal[] }>> {
  const { db, schedule, asOf } = context;
  const settled = await db.transaction((trx) => settleDisagreements(trx, schedule, asOf));
  // By itself, for it locks the items first: who holds one of them may wait for the audit, which settling has written to.
  const withdrawals = await db.transaction((trx) => recheckItems(trx, schedule, asOf));
  const waited = withdrawals
    .filter((withdrawal) => withdrawal.waited)
    .map(({ fileRef, list, reason }) => `${fileRef} (list ${list}): ${reason}`);
  const words = `${waited.length} files that waited for their paper or a receipt were taken off their lists, so stop what is under way with them: ${waited.slice(0, 10).join('; ')}.`;
  return { counts: { withdrawn: withdrawals.length, settled, withdrawals }, seen: waited.length > 0 ? [{ kind: 'waited', words }] : [] };
}

interface ListCounts {
  candidates: number;
  listed: number;
  lists: number[];
}

/** Makes new lists of the candidates that both calculations agree on. What the database refuses to list stops nothing else. */
export async function listStep({ context, runId }: Stepping): Promise<StepResult<ListCounts>> {
  const { db, schedule, asOf, settings } = context;
  const candidates = await findCandidates(db, schedule, asOf);
  const chosen = await chooseForListing(db, candidates, settings.openItems);
  const fileRefs = chosen.map((candidate) => candidate.file_ref);
  const nothingListed = { candidates: candidates.length, listed: 0, lists: [] };
  const doubted = await checkChosen(context, fileRefs);
  const disagreeing = doubted.filter(({ verdict }) => verdict === 'differ');
  if (disagreeing.length > 0) {
    await db.transaction((trx) => recordDisagreements(trx, disagreeing, { asOf, runId }));
    return { counts: nothingListed };
  }
  if (doubted.length > 0) return { counts: nothingListed, seen: [{ kind: 'listing', words: COMPUTE_FIRST }], stopped: [COMPUTE_FIRST] };
  const measured = await measureDocuments(db, settings.documentRoot, fileRefs);
  if (await isRootAway(db, settings.documentRoot, measured)) {
    const words = rootAwayWords(settings.documentRoot);
    return { counts: nothingListed, seen: [{ kind: 'listing', words }], stopped: [words] };
  }
  try {
    const made = await db.transaction((trx) => makeLists(trx, schedule, chosen, { asOf, runId, listSize: settings.listSize }));
    return { counts: { candidates: candidates.length, ...made } };
  } catch (error) {
    if (guardRefusal(error) === null) throw error;
    const words = `Nothing was listed: ${describeError(error)}`;
    return { counts: nothingListed, seen: [{ kind: 'listing', words }], stopped: [words] };
  }
}

function rootAwayWords(documentRoot: string): string {
  return `Nothing was listed: nothing, or hardly anything, of the documents of the files that would be listed can be read under DOCUMENT_ROOT (${documentRoot}), so nobody could say what is decided. Mount its share, or correct the setting; documents that are truly gone come out of documents.csv. It is tried again each night.`;
}

/** Archives what was signed off and is past its cooling-off. */
export async function archiveStep({ context, runId, requireLock }: Stepping): Promise<StepResult<ArchiveCounts>> {
  const { db, schedule, asOf, settings } = context;
  const progress = showProgress(context.around, 'archive');
  const counts = await archiveDue(db, {
    schedule,
    asOf,
    runId,
    requireLock,
    store: openArchiveStore(settings.archiveUrl),
    documentRoot: settings.documentRoot,
    progress: (done) => progress.update(`${done} files`),
  });
  progress.done();
  return { counts };
}

/** Writes the morning's files into a folder, by default one of the business date under RETENTION_HOME, and keeps its figures for the site. */
export async function reportStep(
  { context }: Stepping,
  folder?: string,
): Promise<StepResult<Pick<NightReport, 'folder' | 'audit'> & { files: number }>> {
  const { db, schedule, asOf, rehearsal, settings } = context;
  const reports = join(settings.home, 'reports');
  await noteSourcesAgain(db, settings.documentRoot, asOf);
  const lost = lostOutputNotice(context.around.lostOutput);
  const written = await writeNightReport(db, schedule, { asOf, folder: folder ?? join(reports, asOf), rehearsal, lost });
  // The site shows the figures of the last night; those of a day before it are for who asked.
  if (asOf >= ((await lastSuccessfulNight(db)) ?? asOf)) await keepNight(db, written.figures);
  await removeOldReports(reports, asOf, settings.keepDays);
  await removeOldBackups(join(settings.home, 'backups'), asOf, settings.keepDays);
  const { faults } = written.figures.chain;
  const broken = `The audit is not whole: ${faults.slice(0, 3).join('; ')}. Tell the authoriser; "retention audit verify" has everything.`;
  return {
    counts: { folder: written.folder, files: written.files.length, audit: written.audit },
    seen: faults.length === 0 ? [] : [{ kind: 'audit', words: broken }],
  };
}

/**
 * Why nothing may be listed or archived now, in sentences; empty when it may. Puts the brake `stale` on when it is due.
 * `computed` says that this very run has determined every file.
 */
export async function whatStopsDisposal(
  stepping: Stepping,
  { computed }: { computed: boolean },
): Promise<{ stops: string[]; attention: string[] }> {
  const { db, asOf } = stepping.context;
  // A version taken over since this run began decides as well.
  const schedule = await scheduleInForce(db, asOf);
  await lookBeforeDisposal(db, await tracesOf(stepping.context), { asOf, runId: stepping.runId });
  await tripWhenStale(stepping, computed);
  const stops = (await brakesOn(db)).map(({ name, details }) => brakeWords(name, details));
  // Else what is stored would differ from what is calculated now, and what changed beside a file's own facts would not be seen.
  const outdated = computed ? await isOfOtherSchedule(db, schedule) : await changedSinceCompute(db, schedule);
  if (!outdated) return { stops, attention: [] };
  return { stops: [...stops, COMPUTE_FIRST], attention: [COMPUTE_FIRST] };
}

/** A night that has itself just determined every file is as fresh as can be, however long ago the last one was. */
async function tripWhenStale({ context, runId }: Stepping, computed: boolean): Promise<void> {
  const { db, asOf, settings } = context;
  const oldest = addDays(asOf, -settings.maxAgeDays);
  const details = { last_extract: await lastImported(db), last_night: computed ? asOf : await lastSuccessfulNight(db) };
  const stale = [details.last_extract, details.last_night].some((day) => day !== null && day < oldest);
  if (stale && !(await wasReleased(context, details))) await tripBrake(db, 'stale', details, { asOf, runId });
}

/** An authoriser has already said why these very dates may be gone on with. */
async function wasReleased({ db }: Context, details: object): Promise<boolean> {
  const released = await db('brakes')
    .where({ name: 'stale' })
    .whereNotNull('released_at')
    .whereRaw('details = cast(? as jsonb)', [JSON.stringify(details)])
    .first<object | undefined>();
  return released !== undefined;
}

/** Those on which both calculations do not agree, or not yet. */
async function checkChosen({ db, schedule, asOf }: Context, fileRefs: readonly string[]): Promise<CheckedFile[]> {
  const doubted: CheckedFile[] = [];
  for (let start = 0; start < fileRefs.length; start += 1000) {
    const checked = await checkFiles(db, schedule, asOf, fileRefs.slice(start, start + 1000));
    doubted.push(...checked.filter(({ verdict }) => verdict !== 'agree'));
  }
  return doubted;
}
