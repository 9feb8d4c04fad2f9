/** A run of the ledger in words: one line in the table, and on its own page what each of its steps counted. */
import type { ArchiveCounts } from '../../db/archive.ts';
import type { ComputeCounts } from '../../db/compute.ts';
import type { ImportResult } from '../../db/import.ts';
import type { Withdrawal } from '../../db/recheck.ts';
import type { Run, RunKind } from '../../db/runs.ts';
import { OUTCOMES } from '../../rules/determine.ts';
import { longDate } from '../../rules/dates.ts';
import { OUTCOME_WORDS } from '../../rules/words.ts';
import { nightInWords } from './nightWords.ts';

const KIND_WORDS: Record<RunKind, string> = {
  nightly: 'Night',
  import: 'Import alone',
  compute: 'Compute alone',
  recheck: 'Re-check alone',
  list: 'List alone',
  archive: 'Archive alone',
  report: 'Report alone',
};

const OUTCOME_TAGS: Record<Run['outcome'], { text: string; classes: string }> = {
  running: { text: 'Running', classes: 'govuk-tag--blue' },
  succeeded: { text: 'Ended well', classes: 'govuk-tag--green' },
  repeated: { text: 'Ended well, again', classes: 'govuk-tag--green' },
  failed: { text: 'Failed', classes: 'govuk-tag--red' },
  interrupted: { text: 'Interrupted', classes: 'govuk-tag--red' },
};

/** What a run writes into the ledger. A run that failed, or an older release, may have written less. */
interface Counted {
  import?: Partial<ImportResult>;
  compute?: Partial<ComputeCounts>;
  recheck?: { withdrawn?: number; settled?: number; withdrawals?: Withdrawal[] };
  list?: { candidates?: number; listed?: number; lists?: number[] };
  archive?: Partial<ArchiveCounts>;
  report?: { files?: number; audit?: { events: number; head: string } };
  stopped?: string[];
}

/** The line of a run, as its row and the head of its page show it. */
export function runLine(run: Run) {
  const { id, kind, as_of, outcome, started_at, finished_at } = run;
  const { stopped = [] } = run.counts as Counted;
  return {
    id,
    as_of,
    kind: KIND_WORDS[kind],
    tag: OUTCOME_TAGS[outcome],
    began: londonTime(started_at),
    ended: finished_at === null ? null : londonTime(finished_at),
    words: `${lineOf(run)}${stopped.length > 0 ? ' Not everything was done: it stopped.' : ''}`,
    stopped,
  };
}

/** Files taken off that a run's page names; the pages of their lists name all of them. */
const WITHDRAWALS_SHOWN = 50;

/** What each step of a run counted. All of it is numbers, references and words of ours: nothing that an auditor may not see. */
export function runStory({ counts }: Run) {
  const { import: imported, compute, recheck, list, archive, report } = counts as Counted;
  return {
    imported: imported && { ...imported, tables: Object.entries(imported.rows ?? {}).map(([name, rows]) => ({ name, ...rows })) },
    accounts: compute?.outcomes && accountsOf(compute.files ?? 0, compute.outcomes),
    compute,
    recheck: recheck && { ...recheck, withdrawals: recheck.withdrawals?.slice(0, WITHDRAWALS_SHOWN) ?? [] },
    list,
    archive,
    report,
  };
}

/** Every file by what came of it, and whether that adds up. */
function accountsOf(files: number, outcomes: ComputeCounts['outcomes']) {
  const rows = OUTCOMES.map((outcome) => ({ words: OUTCOME_WORDS[outcome], files: outcomes[outcome] }));
  return { rows, files, sum: rows.reduce((sum, row) => sum + row.files, 0) };
}

function lineOf(run: Run): string {
  if (run.kind === 'nightly') return nightInWords(run).words;
  const step = `${KIND_WORDS[run.kind]}, for ${longDate(run.as_of)}`;
  if (run.outcome === 'running') return `${step}, is running.`;
  if (run.outcome === 'failed' || run.outcome === 'interrupted') return `${step}, did not end well. Nothing half-done was kept.`;
  return `${step}, ended well.`;
}

const LONDON = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', dateStyle: 'short', timeStyle: 'medium' });

/** "22/11/2026 02:30:05". */
function londonTime(at: Date): string {
  return LONDON.format(at).replace(',', '');
}
