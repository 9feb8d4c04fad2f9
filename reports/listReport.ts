/** Open disposal lists as rows for those who decide and sign: references, dates and cautions; no names, no notes, no free text. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { ItemCaution } from '../rules/digest.ts';
import { clauseWords, type Schedule } from '../rules/schedule.ts';
import { OPEN_STATES } from '../rules/workflow.ts';
import type { ItemRow } from '../db/items.ts';
import type { ListRow } from '../db/lists.ts';
import { readVersions } from '../db/schedules.ts';
import type { CsvRow } from './csv.ts';

export const LIST_COLUMNS = [
  'list',
  'state',
  'position',
  'file_ref',
  'rule',
  'clause',
  'anchor_on',
  'retain_until',
  'overdue_days',
  'closed_on',
  'action',
  'cautions',
  'cautions_to_acknowledge',
  'released_holds',
  'decision',
  'keep_until',
  'reason_code',
  'status',
  'schedule_version',
  'listed_on',
  'signed_on',
  'digest',
  'rehearsal',
] as const;
export type ListCsvRow = CsvRow<(typeof LIST_COLUMNS)[number]>;

export interface ListReport {
  id: number;
  rows: ListCsvRow[];
}

/** Every open list in the order of their numbers, one at a time, with its items in the order of the list. */
export async function* listReports(
  db: Knex,
  schedule: Schedule,
  { asOf, rehearsal }: { asOf: IsoDate; rehearsal: boolean },
): AsyncGenerator<ListReport> {
  const lists = await db<ListRow>('disposal_lists').whereIn('state', OPEN_STATES).orderBy('id');
  const clauses = await clausesOf(db, schedule, lists);
  for (const list of lists) {
    const clause = clauses.get(`${list.schedule_version} ${list.rule}`) ?? null;
    const items = await itemsOf(db, list.id, asOf);
    yield { id: list.id, rows: items.map((item) => reportRow(list, item, { clause, rehearsal })) };
  }
}

type ListedItem = Pick<
  ItemRow,
  | 'position'
  | 'file_ref'
  | 'anchor_on'
  | 'retain_until'
  | 'cautions'
  | 'released_holds'
  | 'decision'
  | 'keep_until'
  | 'reason_code'
  | 'status'
> & { closed_on: IsoDate | null; overdue_days: number | null };

/** An item that was archived has no days any more, and its file no row in the register. */
async function itemsOf(db: Knex, listId: number, asOf: IsoDate): Promise<ListedItem[]> {
  const result = await db.raw<{ rows: ListedItem[] }>(
    `select i.position, i.file_ref, i.anchor_on, i.retain_until, i.cautions, i.released_holds, i.decision, i.keep_until, i.reason_code, i.status,
       f.closed_on, cast(:asOf as date) - i.retain_until as overdue_days
     from disposal_list_items i left join case_files f on f.file_ref = i.file_ref
     where i.list_id = :listId order by i.position`,
    { listId, asOf },
  );
  return result.rows;
}

function reportRow(list: ListRow, item: ListedItem, { clause, rehearsal }: { clause: string | null; rehearsal: boolean }): ListCsvRow {
  const { position, file_ref, anchor_on, retain_until, overdue_days, closed_on, decision, keep_until, reason_code, status } = item;
  return {
    list: list.id,
    state: list.state,
    position,
    file_ref,
    rule: list.rule,
    clause,
    anchor_on,
    retain_until,
    overdue_days,
    closed_on,
    action: list.action,
    cautions: item.cautions.map(({ caution }) => caution),
    cautions_to_acknowledge: item.cautions.filter(isUnacknowledged).map(({ caution }) => caution),
    released_holds: item.released_holds.map(String),
    decision,
    keep_until,
    reason_code,
    status,
    schedule_version: list.schedule_version,
    listed_on: list.listed_on,
    signed_on: list.signed_on,
    digest: list.digest,
    rehearsal,
  };
}

function isUnacknowledged({ acknowledged_by }: ItemCaution): boolean {
  return acknowledged_by === null;
}

/** The policy's words by version and rule: a list keeps those it was made under, whatever is in force now. */
async function clausesOf(db: Knex, schedule: Schedule, lists: readonly ListRow[]): Promise<Map<string, string>> {
  const earlier = new Set(lists.map((list) => list.schedule_version).filter((version) => version !== schedule.version));
  const stored = (await readVersions(db)).filter(({ version }) => earlier.has(version));
  const versions = [schedule, ...stored.flatMap((one) => one.schedule ?? [])];
  return new Map(versions.flatMap(({ version, rules }) => rules.map((rule) => [`${version} ${rule.id}`, clauseWords(rule)])));
}
