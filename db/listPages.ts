/** Disposal lists as pages show them: some of many by key, so that a page costs the same however many there are. */
import type { Knex } from 'knex';
import { Refusal } from '../rules/refusal.ts';
import type { Decision, ItemStatus, ListState } from '../rules/workflow.ts';
import type { ItemRow } from './items.ts';
import type { ListSummary } from './lists.ts';

export interface ListFilter {
  state?: ListState;
  rule?: string;
  /** Lists of a lower number than this one. */
  before?: number;
}

/** Some rows, and whether there are more. */
export interface Page<Row> {
  rows: Row[];
  more: boolean;
}

/** Lists, newest first. */
export async function listPage(db: Knex, { state, rule, before }: ListFilter, limit: number): Promise<Page<ListSummary>> {
  const rows = await summaries(
    db,
    '(cast(:state as text) is null or state = :state) and (cast(:rule as text) is null or rule = :rule) and (cast(:before as bigint) is null or id < :before)',
    { state: state ?? null, rule: rule ?? null, before: before ?? null, limit: limit + 1 },
  );
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/** One list. Throws a Refusal when there is none of that number. */
export async function oneList(db: Knex, id: number): Promise<ListSummary> {
  const [list] = await summaries(db, 'id = :id', { id, limit: 1 });
  if (!list) throw new Refusal('no_such_list', `There is no disposal list ${id}.`, { list: id });
  return list;
}

export interface ItemFilter {
  status?: ItemStatus;
  /** Items with a caution that nobody acknowledged. */
  cautioned?: boolean;
  after?: number;
  before?: number;
}

/** Items of a list in order. */
export async function itemPage(
  db: Knex,
  listId: number,
  { status, cautioned, after, before }: ItemFilter,
  limit: number,
): Promise<Page<ItemRow>> {
  const wanted = db<ItemRow>('disposal_list_items')
    .where({ list_id: listId })
    .modify((query) => {
      if (status) void query.where({ status });
      if (cautioned) void query.whereRaw(OPEN_CAUTION);
      if (after !== undefined) void query.where('position', '>', after);
      if (before !== undefined) void query.where('position', '<', before);
    })
    .orderBy('position', before === undefined ? 'asc' : 'desc')
    .limit(limit + 1);
  const rows = (await wanted) as ItemRow[];
  const page = rows.slice(0, limit);
  return { rows: before === undefined ? page : page.reverse(), more: rows.length > limit };
}

/** One item by its place on the list. Throws a Refusal when there is none. */
export async function itemAt(db: Knex, listId: number, position: number): Promise<ItemRow> {
  const item = await db<ItemRow>('disposal_list_items').where({ list_id: listId, position }).first();
  if (!item) throw new Refusal('not_on_list', `List ${listId} has no item ${position}.`, { list: listId });
  return item;
}

/** The place of the next undecided item after this one, from the beginning again at the end; null when none is left. */
export async function nextPending(db: Knex, listId: number, position: number): Promise<number | null> {
  const next = await db('disposal_list_items')
    .where({ list_id: listId, status: 'pending' })
    .orderByRaw('position <= cast(:position as int), position', { position })
    .first<{ position: number } | undefined>('position');
  return next?.position ?? null;
}

/** How many files of a list each person ever decided, and with what last decision: who is among them may not sign it. */
export async function decidedBy(db: Knex, listId: number): Promise<{ name: string; files: number }[]> {
  const result = await db.raw<{ rows: { name: string; files: number }[] }>(
    `select decided_by as name, count(distinct file_ref)::int as files from item_decisions where list_id = :listId group by decided_by order by decided_by`,
    { listId },
  );
  return result.rows;
}

/** The number of the last decision ever taken on a list: what a page knew when it was shown. */
export async function lastDecision(db: Knex, listId: number): Promise<number> {
  const row = await db('item_decisions').where({ list_id: listId }).max('id as last').first<{ last: number | null } | undefined>();
  return row?.last ?? 0;
}

/** How many files of a list were decided, or decided anew, after that decision. */
export async function decidedSince(db: Knex, listId: number, decision: number): Promise<number> {
  const rows = await db('item_decisions').where({ list_id: listId }).where('id', '>', decision).countDistinct('file_ref as files');
  return Number((rows[0] as { files: string | number } | undefined)?.files ?? 0);
}

export interface SigningFigures {
  decisions: { decision: Decision; files: number }[];
  /** Cautions that approved files carry, each acknowledged by somebody. */
  acknowledged: { caution: string; files: number; by: string[] }[];
  /** Times that several files were decided by one press of a button. */
  decidedTogether: number;
}

/** What stands behind a list that waits for its signature. */
export async function signingFigures(db: Knex, listId: number): Promise<SigningFigures> {
  const decisions = await db.raw<{ rows: SigningFigures['decisions'] }>(
    `select status as decision, count(*)::int as files from disposal_list_items
     where list_id = :listId and status in ('approved', 'kept', 'referred') group by status order by status`,
    { listId },
  );
  const acknowledged = await db.raw<{ rows: SigningFigures['acknowledged'] }>(
    `select c ->> 'caution' as caution, count(*)::int as files, array_agg(distinct c ->> 'acknowledged_by') as by
     from disposal_list_items i, jsonb_array_elements(i.cautions) c
     where i.list_id = :listId and i.status = 'approved' and c ->> 'acknowledged_by' is not null group by 1 order by 1`,
    { listId },
  );
  const together = await db('audit_events')
    .where({ event: 'list.decided' })
    .whereRaw("details::jsonb ->> 'list' = :list and (details::jsonb ->> 'named_together')::boolean", { list: String(listId) })
    .count();
  return {
    decisions: decisions.rows,
    acknowledged: acknowledged.rows,
    decidedTogether: Number((together[0] as { count: string | number } | undefined)?.count ?? 0),
  };
}

const OPEN_CAUTION = `jsonb_path_exists(cautions, '$[*] \\? (@.acknowledged_by == null)')`;

async function summaries(db: Knex, condition: string, bindings: Record<string, string | number | null>): Promise<ListSummary[]> {
  const result = await db.raw<{ rows: ListSummary[] }>(
    `select l.*, i.items, i.by_status
     from (select * from disposal_lists where ${condition} order by id desc limit :limit) l
     cross join lateral (
       select coalesce(sum(n), 0)::int as items, coalesce(jsonb_object_agg(status, n) filter (where status is not null), '{}') as by_status
       from (select status, count(*)::int as n from disposal_list_items where list_id = l.id group by status) s) i
     order by l.id desc`,
    bindings,
  );
  return result.rows;
}
