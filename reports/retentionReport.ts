/** The retention report by rule: one page for people, one table for machines, from the same figures. */
import { fileURLToPath } from 'node:url';
import nunjucks from 'nunjucks';
import { extractChangeWords } from '../db/extractLosses.ts';
import type { ReasonFigures, RetentionFigures, RuleFigures } from '../db/figures.ts';
import { BLOCKS, type Block } from '../rules/checks.ts';
import { longDate, shortDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { BLOCK_WORDS } from '../rules/words.ts';
import type { BrakeName, ListState } from '../rules/workflow.ts';
import type { CsvRow } from './csv.ts';

type BlockColumn = `blocked_${Block}`;
const BLOCK_COLUMNS = BLOCKS.map((block): BlockColumn => `blocked_${block}`);

/** `line` is `rule`, `no_date` (a reason) or `register` (the sum of both). */
export const RETENTION_COLUMNS = [
  'line',
  'as_of',
  'schedule_version',
  'rule',
  'clause',
  'outcome',
  'reason',
  'files',
  'permanent',
  'not_due',
  'due',
  'candidates',
  'blocked',
  'on_list',
  'cannot_be_listed',
  ...BLOCK_COLUMNS,
  'listed',
  'archived',
  'rehearsal',
] as const;
export type RetentionCsvRow = CsvRow<(typeof RETENTION_COLUMNS)[number]>;

export interface ReportSurroundings {
  schedule: Schedule;
  rehearsal: boolean;
  audit: { events: number; head: string };
  /** What of this run’s log could not be written, in words; null when all of it was. */
  lost: string | null;
}

/** The figures as CSV rows: the rules, the reasons for having no date, and the register that both add up to. */
export function retentionReportRows(figures: RetentionFigures, rehearsal: boolean): RetentionCsvRow[] {
  const common = { as_of: figures.asOf, schedule_version: figures.scheduleVersion, rehearsal };
  const blank = { ...common, rule: null, clause: null, outcome: null, reason: null };
  return [
    ...figures.rules.map((rule) => ({ ...blank, line: 'rule', rule: rule.rule, clause: rule.clause, ...counts(rule) })),
    ...figures.reasons.map(({ outcome, reason, files }) => ({ ...blank, line: 'no_date', outcome, reason, ...NO_COUNTS, files })),
    { ...blank, line: 'register', ...counts(figures.totals), files: figures.files },
  ];
}

/** The page: self-contained, no script, one sheet of A4. Holds counts and the policy's words, nothing about any person. */
export function retentionReportHtml(figures: RetentionFigures, { schedule, rehearsal, audit, lost }: ReportSurroundings): string {
  return templates.render('retentionReport.njk', {
    figures,
    schedule,
    rehearsal,
    audit,
    lost,
    accounts: accountsInWords(figures),
    due: dueInWords(figures),
    rules: figures.rules.map((rule) => ({ ...rule, ...clauseParts(rule, schedule) })),
    blocks: BLOCKS.map((block) => ({ words: BLOCK_WORDS[block], files: figures.totals.blockedBy[block] })).filter(({ files }) => files > 0),
    awaiting: filesOf(figures.reasons, 'awaiting'),
    undetermined: filesOf(figures.reasons, 'undetermined'),
    lists: figures.lists.map((list) => ({ ...list, words: LIST_STATE_WORDS[list.state] })),
    brakes: figures.brakes.map(({ name, tripped_on, details }) => ({
      name,
      since: longDate(tripped_on),
      words: brakeInWords(name, details),
    })),
  });
}

/** "2,034 files are in the register: 1,700 have a date, …": the sentence that says nothing was left out. */
export function accountsInWords({ files, outcomes }: RetentionFigures): string {
  if (files === 0) return 'No file is in the register.';
  const { expires, awaiting, undetermined, permanent } = outcomes;
  const parts = [
    verb(expires, 'has a date', 'have a date'),
    verb(permanent, 'is kept permanently', 'are kept permanently'),
    verb(awaiting, 'waits for an event', 'wait for an event'),
  ];
  const last = verb(undetermined, 'cannot be determined', 'cannot be determined');
  return `${verb(files, 'file is', 'files are')} in the register: ${parts.join(', ')} and ${last}. That adds up: every file is accounted for.`;
}

const templates = new nunjucks.Environment(new nunjucks.FileSystemLoader(fileURLToPath(new URL('./templates', import.meta.url))), {
  autoescape: true,
  throwOnUndefined: true,
  trimBlocks: true,
  lstripBlocks: true,
});
templates.addFilter('number', grouped);
templates.addFilter('longDate', longDate);
templates.addFilter('shortDate', shortDate);

/** The states of a list, as people read them. */
export const LIST_STATE_WORDS: Record<ListState, string> = {
  for_decision: 'For decision',
  for_sign_off: 'For sign-off',
  cooling_off: 'Signed off, cooling off',
  in_progress: 'In progress',
  complete: 'Complete',
  cancelled: 'Cancelled',
};

const BRAKE_WORDS: Record<Exclude<BrakeName, 'extract'>, string> = {
  volume: 'More files became due than the night before predicted: {newly_due}, not {predicted}.',
  disagreement: 'Our two calculations gave different dates. Files concerned: {files}.',
  stale: 'The last good extract, or the last successful night, is too old to go by.',
  restored: 'The database came from a backup, or is a copy. Holds and archived files must be confirmed first.',
  guards: 'Part of what the database refuses by itself is missing or switched off.',
  schedule: 'The schedule in force cannot be read or compiled.',
};

const NO_COUNTS = {
  permanent: null,
  not_due: null,
  due: null,
  candidates: null,
  blocked: null,
  on_list: null,
  cannot_be_listed: null,
  ...ofBlocks(() => null),
  listed: null,
  archived: null,
};

function counts(figures: RetentionFigures['totals']): Record<keyof typeof NO_COUNTS | 'files', number> {
  return {
    files: figures.files,
    permanent: figures.permanent,
    not_due: figures.notDue,
    due: figures.due,
    candidates: figures.candidates,
    blocked: figures.blocked,
    on_list: figures.onList,
    cannot_be_listed: figures.cannotBeListed,
    ...ofBlocks((block) => figures.blockedBy[block]),
    listed: figures.listed,
    archived: figures.archived,
  };
}

function ofBlocks<Value>(value: (block: Block) => Value): Record<BlockColumn, Value> {
  return Object.fromEntries(BLOCKS.map((block) => [`blocked_${block}`, value(block)])) as Record<BlockColumn, Value>;
}

function dueInWords({ totals: { due, candidates, onList, cannotBeListed } }: RetentionFigures): string {
  if (due === 0) return 'No file is due.';
  const parts = `${grouped(candidates)} can be listed, ${verb(onList, 'is', 'are')} on an open list and ${grouped(cannotBeListed)} cannot be listed`;
  return `${verb(due, 'file is', 'files are')} due: ${parts}.`;
}

/** Kind of file and period apart, so that the eye finds the kind; a rule of an earlier version has them in one. */
function clauseParts({ rule, clause }: RuleFigures, schedule: Schedule): { kind: string; period: string; former: boolean } {
  const known = schedule.rules.find(({ id }) => id === rule);
  return known ? { kind: known.clause[0], period: known.clause[1], former: false } : { kind: clause, period: '', former: true };
}

function filesOf(reasons: readonly ReasonFigures[], wanted: ReasonFigures['outcome']): number {
  return reasons.filter(({ outcome }) => outcome === wanted).reduce((sum, { files }) => sum + files, 0);
}

/** Why a brake is on. Only numbers of the details are shown, and names of files and columns: whatever else it keeps stays in the database. */
export function brakeInWords(name: BrakeName, details: Record<string, unknown>): string {
  if (name === 'extract') return `The extract ${extractChangeWords(details)}.`;
  return BRAKE_WORDS[name].replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = details[key];
    return typeof value === 'number' ? grouped(value) : 'an unknown number';
  });
}

function verb(count: number, singular: string, plural: string): string {
  return `${grouped(count)} ${count === 1 ? singular : plural}`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-GB');
}
