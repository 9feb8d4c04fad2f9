/** The numbers of the register: by rule, by reason, by block; one source for reports, command line and site. They add up, or nothing is returned. */
import type { Knex } from 'knex';
import { BLOCKS, type Block } from '../rules/checks.ts';
import type { IsoDate } from '../rules/dates.ts';
import { CONTRADICTIONS, GAPS, WAITS, type Contradiction, type Gap, type Outcome, type Wait } from '../rules/determine.ts';
import { clauseWords, type Schedule } from '../rules/schedule.ts';
import { REASON_WORDS } from '../rules/words.ts';
import { LIST_STATES, type ListState } from '../rules/workflow.ts';
import { ARCHIVED_OF_REFERENCE } from './archivedReference.ts';
import { brakesOn, type Brake } from './brakes.ts';
import { candidacySql, DUE_FILES } from './candidacy.ts';
import { countOutcomes, NotAccountedFor } from './compute.ts';
import { countOf, sum } from './counts.ts';

/** files = permanent + notDue + due; due = candidates + blocked; blocked = onList + cannotBeListed. */
export interface RuleFigures {
  rule: string;
  /** In the policy's words. */
  clause: string;
  /** Files whose determination this rule decides: expires or permanent. */
  files: number;
  permanent: number;
  notDue: number;
  due: number;
  /** Due, and nothing stands in the way. */
  candidates: number;
  /** Due, with at least one block, being on a list among them. */
  blocked: number;
  /** Blocked by being an item of an open list, whatever else blocks the file. */
  onList: number;
  /** Blocked, and on no open list. */
  cannotBeListed: number;
  /** Due files by block; a file with two blocks counts in both, so these do not add up to `blocked`. */
  blockedBy: Record<Block, number>;
  /** Unfinished items of open lists made under this rule; normally `onList`, until a change of the file's date is re-checked. */
  listed: number;
  /** Files that left the register under this rule, archived or transferred, and were not brought back. */
  archived: number;
}

export type Reason = Contradiction | Gap | Wait;

export interface ReasonFigures {
  outcome: 'awaiting' | 'undetermined';
  reason: Reason;
  words: string;
  files: number;
}

export interface ListFigures {
  state: ListState;
  lists: number;
  /** Files on them that were not withdrawn. */
  files: number;
  /** Of these files, those to which something is still to happen. */
  unfinished: number;
}

export interface RetentionFigures {
  asOf: IsoDate;
  scheduleVersion: string;
  /** Files in the register. */
  files: number;
  outcomes: Record<Outcome, number>;
  /** Every rule of the schedule in its order; after them rules of earlier versions under which files were listed or archived. */
  rules: RuleFigures[];
  /** Why files have no date, in the order of the law; only reasons that some file has. */
  reasons: ReasonFigures[];
  /** The sums of `rules`. */
  totals: Omit<RuleFigures, 'rule' | 'clause'>;
  archived: number;
  /** Rows of the latest extract that were rejected; a row with several mistakes counts once. */
  quarantinedRows: number;
  /** Archived files that the source system still has. */
  stillAtSource: number;
  lists: ListFigures[];
  brakes: Pick<Brake, 'name' | 'tripped_on' | 'details'>[];
}

/** Archived files, not brought back, that the latest extract still had. */
export const STILL_AT_SOURCE = `select s.file_ref, r.archived_on, s.first_seen_on, s.last_seen_on, s.differs
  from seen_again s join residual_records r on r.file_ref = s.file_ref and ${ARCHIVED_OF_REFERENCE}
  where s.gone_on is null and not exists (select from case_files f where f.file_ref = s.file_ref)`;

/** The numbers as of a day, all from one moment. Throws when they do not add up: a wrong report is worse than none. */
export async function retentionFigures(db: Knex, schedule: Schedule, asOf: IsoDate): Promise<RetentionFigures> {
  return inOneMoment(db, async (trx) => {
    const { files, outcomes } = await countOutcomes(trx);
    const determined = await countDetermined(trx, asOf);
    const rules = await figuresByRule(trx, schedule, asOf, determined);
    const brakes = await brakesOn(trx);
    const figures: RetentionFigures = {
      asOf,
      scheduleVersion: schedule.version,
      files,
      outcomes,
      rules,
      reasons: figuresByReason(determined),
      totals: sumOf(rules),
      archived: await countOf(trx, 'select count(*) from residual_records where restored_on is null'),
      quarantinedRows: await countOf(trx, 'select count(*) from (select distinct source, line from quarantine) q'),
      stillAtSource: await countOf(trx, `select count(*) from (${STILL_AT_SOURCE}) s`),
      lists: await countLists(trx),
      brakes: brakes.map(({ name, tripped_on, details }) => ({ name, tripped_on, details })),
    };
    requireSums(figures);
    return figures;
  });
}

/** Runs `work` on one snapshot, so that what an archiving process does meanwhile is in all of it or none; a transaction given is used as it is. */
export async function inOneMoment<T>(db: Knex, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  if (db.isTransaction) return work(db as Knex.Transaction);
  return db.transaction(work, { isolationLevel: 'repeatable read', readOnly: true });
}

/** Throws where a sum is not what it is the sum of. */
export function requireSums(figures: RetentionFigures): void {
  const { files, rules, reasons, totals } = figures;
  requireEqual('files in the register', files, totals.files + sum(reasons.map((reason) => reason.files)));
  requireEqual('files in the register', files, sum(Object.values(figures.outcomes)));
  requireEqual('archived files', figures.archived, totals.archived);
  for (const rule of rules) {
    requireEqual(`files under ${rule.rule}`, rule.files, rule.permanent + rule.notDue + rule.due);
    requireEqual(`due files under ${rule.rule}`, rule.due, rule.candidates + rule.blocked);
    requireEqual(`blocked files under ${rule.rule}`, rule.blocked, rule.onList + rule.cannotBeListed);
  }
}

interface DeterminedRow {
  outcome: Outcome;
  rule: string | null;
  reason: Reason | null;
  files: number;
  due: number;
}

type DueRow = Record<Block, number> & { rule: string; candidates: number; blocked: number; on_list: number; cannot_be_listed: number };

async function countDetermined(trx: Knex, asOf: IsoDate): Promise<DeterminedRow[]> {
  const result = await trx.raw<{ rows: DeterminedRow[] }>(
    `select outcome, rule, reason, count(*)::int as files, count(*) filter (where ${DUE_FILES})::int as due
     from determinations d group by outcome, rule, reason`,
    { asOf },
  );
  return result.rows;
}

/** `offset 0` keeps the blocks from being worked out again for each count, and the cautions from being worked out at all. */
async function countDue(trx: Knex, schedule: Schedule, asOf: IsoDate): Promise<DueRow[]> {
  const byBlock = BLOCKS.map((block) => `count(*) filter (where '${block}' = any(blocks))::int as ${block}`);
  const result = await trx.raw<{ rows: DueRow[] }>(
    `select rule, count(*) filter (where blocks = '{}')::int as candidates, count(*) filter (where blocks <> '{}')::int as blocked,
       count(*) filter (where 'listed' = any(blocks))::int as on_list,
       count(*) filter (where blocks <> '{}' and not 'listed' = any(blocks))::int as cannot_be_listed,
       ${byBlock.join(', ')}
     from (select rule, blocks from (${candidacySql(schedule, DUE_FILES)}) c offset 0) due
     group by rule`,
    { asOf },
  );
  return result.rows;
}

async function figuresByRule(trx: Knex, schedule: Schedule, asOf: IsoDate, determined: DeterminedRow[]): Promise<RuleFigures[]> {
  const due = new Map((await countDue(trx, schedule, asOf)).map((row) => [row.rule, row]));
  const listed = await countByRule(trx, `select rule, '' as clause, count(*) from disposal_list_items where binding group by rule`);
  const archived = await countByRule(
    trx,
    'select rule, max(clause) as clause, count(*) from residual_records where restored_on is null group by rule',
  );
  const ofSchedule = schedule.rules.map((rule) => ({ rule: rule.id, clause: clauseWords(rule) }));
  const known = new Set(ofSchedule.map(({ rule }) => rule));
  const former = [...new Set([...archived.keys(), ...listed.keys()])]
    .filter((rule) => !known.has(rule))
    .sort()
    .map((rule) => ({ rule, clause: archived.get(rule)?.clause ?? '' }));
  return [...ofSchedule, ...former].map(({ rule, clause }) => ({
    rule,
    clause,
    ...determinedFigures(determined.filter((row) => row.rule === rule)),
    ...dueFigures(due.get(rule)),
    listed: listed.get(rule)?.count ?? 0,
    archived: archived.get(rule)?.count ?? 0,
  }));
}

function determinedFigures(rows: DeterminedRow[]): Pick<RuleFigures, 'files' | 'permanent' | 'notDue' | 'due'> {
  const expiring = rows.filter((row) => row.outcome === 'expires');
  return {
    files: sum(rows.map((row) => row.files)),
    permanent: sum(rows.filter((row) => row.outcome === 'permanent').map((row) => row.files)),
    notDue: sum(expiring.map((row) => row.files - row.due)),
    due: sum(expiring.map((row) => row.due)),
  };
}

function dueFigures(row: DueRow | undefined): Pick<RuleFigures, 'candidates' | 'blocked' | 'onList' | 'cannotBeListed' | 'blockedBy'> {
  return {
    candidates: row?.candidates ?? 0,
    blocked: row?.blocked ?? 0,
    onList: row?.on_list ?? 0,
    cannotBeListed: row?.cannot_be_listed ?? 0,
    blockedBy: byBlock((block) => row?.[block] ?? 0),
  };
}

function figuresByReason(determined: DeterminedRow[]): ReasonFigures[] {
  return [...WAITS, ...GAPS, ...CONTRADICTIONS].flatMap((reason) =>
    determined.flatMap(({ outcome, reason: found, files }) =>
      found === reason && (outcome === 'awaiting' || outcome === 'undetermined')
        ? [{ outcome, reason, words: REASON_WORDS[reason], files }]
        : [],
    ),
  );
}

async function countLists(trx: Knex): Promise<ListFigures[]> {
  const result = await trx.raw<{ rows: ListFigures[] }>(`
    select l.state, count(distinct l.id)::int as lists, count(*) filter (where i.status <> 'withdrawn')::int as files,
      count(*) filter (where i.binding)::int as unfinished
    from disposal_lists l left join disposal_list_items i on i.list_id = l.id group by l.state`);
  return LIST_STATES.map((state) => result.rows.find((row) => row.state === state) ?? { state, lists: 0, files: 0, unfinished: 0 });
}

async function countByRule(trx: Knex, select: string): Promise<Map<string, { clause: string; count: number }>> {
  const { rows } = await trx.raw<{ rows: { rule: string; clause: string; count: number }[] }>(select);
  return new Map(rows.map((row) => [row.rule, row]));
}

function sumOf(rules: readonly RuleFigures[]): RetentionFigures['totals'] {
  const total = (figure: Exclude<keyof RuleFigures, 'rule' | 'clause' | 'blockedBy'>) => sum(rules.map((rule) => rule[figure]));
  return {
    files: total('files'),
    permanent: total('permanent'),
    notDue: total('notDue'),
    due: total('due'),
    candidates: total('candidates'),
    blocked: total('blocked'),
    onList: total('onList'),
    cannotBeListed: total('cannotBeListed'),
    blockedBy: byBlock((block) => sum(rules.map((rule) => rule.blockedBy[block]))),
    listed: total('listed'),
    archived: total('archived'),
  };
}

function byBlock(figure: (block: Block) => number): Record<Block, number> {
  return Object.fromEntries(BLOCKS.map((block) => [block, figure(block)])) as Record<Block, number>;
}

/** Throws where a number of files is not the sum of its parts. */
export function requireEqual(what: string, found: number, added: number): void {
  if (found === added) return;
  throw new NotAccountedFor(
    `Not accounted for: ${found} ${what}, but their parts add up to ${added}. No report was made; run "retention compute", then "retention report".`,
  );
}
