/** The last night in one line, with every file accounted for. */
import type { Run } from '../../db/runs.ts';
import { longDate } from '../../rules/dates.ts';

export interface NightLine {
  /** Needs attention: it failed, or has not ended. */
  bad: boolean;
  words: string;
}

/** What the ledger says of a night. Counts only. */
export function nightInWords({ as_of, outcome, counts }: Run): NightLine {
  const day = longDate(as_of);
  if (outcome === 'running') return { bad: false, words: `The night of ${day} is running.` };
  if (outcome === 'failed' || outcome === 'interrupted')
    return { bad: true, words: `The night of ${day} did not end well. Nothing half-done was kept; the ledger of runs says why.` };
  const { files, outcomes = {} } = part(counts, 'compute') as { files?: number; outcomes?: Record<string, number> };
  const { listed } = part(counts, 'list') as { listed?: number };
  const { archived } = part(counts, 'archive') as { archived?: number };
  const sum = Object.values(outcomes).reduce((total, n) => total + n, 0);
  const accounted =
    files === undefined
      ? ''
      : `: ${number(files)} files, ${sum === files ? 'every one accounted for' : `of which ${number(sum)} are accounted for`}`;
  const done = [
    ...(listed === undefined ? [] : [`${number(listed)} listed`]),
    ...(archived === undefined ? [] : [`${number(archived)} archived`]),
  ].join(' and ');
  return {
    bad: files !== undefined && sum !== files,
    words: `The night of ${day} ended well${accounted}${done === '' ? '' : `; ${done}`}.`,
  };
}

function part(counts: Record<string, unknown>, step: string): object {
  const found = counts[step];
  return typeof found === 'object' && found !== null ? found : {};
}

function number(count: number): string {
  return count.toLocaleString('en-GB');
}
