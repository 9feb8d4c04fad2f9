/** A night in words: one line a step, then what stopped it and what needs a person. */
import type { ArchiveCounts } from '../../db/archive.ts';
import type { ComputeCounts } from '../../db/compute.ts';
import type { ImportResult } from '../../db/import.ts';
import { extractChangeWords, hasLosses } from '../../db/extractLosses.ts';
import { longDate } from '../../rules/dates.ts';
import type { NightResult } from '../night.ts';

/** The result of a night, or of one step, as a few lines. */
export function nightWords(result: NightResult): string {
  const lines = [`Run ${result.run} as of ${longDate(result.as_of)}: ${result.outcome}.`];
  for (const [step, counts] of Object.entries(result.steps)) {
    const say = STEP_WORDS[step];
    if (say) lines.push(...say(counts).map((line, i) => `  ${(i === 0 ? step : '').padEnd(8)} ${line}`));
  }
  for (const reason of result.stopped) lines.push(`Stopped: ${reason}`);
  for (const sentence of result.attention) lines.push(`Needs a person: ${sentence}`);
  for (const sentence of result.known) lines.push(`Needs a person: ${sentence} (Told before.)`);
  if (result.error) lines.push(`Failed: ${result.error}`);
  return lines.join('\n');
}

const STEP_WORDS: Record<string, (counts: object) => string[]> = {
  import: (counts) => importWords(counts as ImportResult),
  compute: (counts) => computeWords(counts as ComputeCounts),
  recheck: (counts) => recheckWords(counts as { withdrawals: { list: number; fileRef: string; reason: string }[]; settled: number }),
  list: (counts) => listWords(counts as { candidates: number; listed: number; lists: number[] }),
  archive: (counts) => archiveWords(counts as ArchiveCounts),
  report: (counts) => reportWords(counts as { files: number; folder: string; audit: { events: number; head: string } }),
};

function importWords({ rows, notices, quarantined, newlyQuarantined, ofAnyFile, change }: ImportResult): string[] {
  const files = Object.entries(rows).map(
    ([name, n]) =>
      `${name}: ${n.read} read = ${n.added} added + ${n.changed} changed + ${n.unchanged} unchanged + ${n.archived} archived + ${n.rejected} rejected`,
  );
  const rejected = quarantined > 0 ? [`${quarantined} cells in quarantine, ${newlyQuarantined} of them new`] : [];
  const anyFile = ofAnyFile > 0 ? [`${ofAnyFile} of the rejected rows may be any file's, so every file is blocked`] : [];
  const lost = hasLosses(change) ? [`against the extract before it ${extractChangeWords(change)}`] : [];
  return [...files, ...rejected, ...anyFile, ...lost, ...notices];
}

function computeWords({ files, outcomes, written, shortened, newlyDue, predicted }: ComputeCounts): string[] {
  const { expires, awaiting, undetermined, permanent } = outcomes;
  return [
    `${files} files = ${expires} with a date + ${awaiting} awaiting + ${undetermined} undetermined + ${permanent} permanent`,
    `${written} determinations new or changed, ${shortened} of them earlier than before; ${newlyDue} files newly due, ${predicted} were predicted`,
  ];
}

function recheckWords({
  withdrawals,
  settled,
}: {
  withdrawals: { list: number; fileRef: string; reason: string }[];
  settled: number;
}): string[] {
  const shown = withdrawals.slice(0, 20).map(({ list, fileRef, reason }) => `  ${fileRef} (list ${list}): ${reason}`);
  const more = withdrawals.length > shown.length ? [`  and ${withdrawals.length - shown.length} more`] : [];
  return [`${withdrawals.length} files taken off their lists${settled > 0 ? `, ${settled} disagreements settled` : ''}`, ...shown, ...more];
}

function listWords({ candidates, listed, lists }: { candidates: number; listed: number; lists: number[] }): string[] {
  return [`${candidates} candidates, ${listed} put on ${lists.length} new lists`];
}

function archiveWords({ archived, waiting, withdrawn, failed, bytes, sources }: ArchiveCounts): string[] {
  return [
    `${archived} files archived (${(bytes / 1_000_000).toFixed(1)} MB in bags), ${waiting} wait for something outside, ${withdrawn} withdrawn, ${failed} failed`,
    `${sources.removed} source documents removed, ${sources.shared} still needed by another file, ${sources.alreadyGone} already gone, ${sources.failed} to be tried again`,
  ];
}

function reportWords({ files, folder, audit }: { files: number; folder: string; audit: { events: number; head: string } }): string[] {
  return [`${files} files in ${folder}`, `audit: ${audit.events} events, head ${audit.head}`];
}
