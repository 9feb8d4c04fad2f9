/** Disposal lists as pages show them: some of many by key, so that a page costs the same however many there are. */
import type { Knex } from 'knex';
import type { Caution } from '../rules/checks.ts';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Decision, ItemStatus, ListState } from '../rules/workflow.ts';
import type { ItemRow } from './items.ts';
import { noSuchList, type ListSummary } from './lists.ts';
import { pageOf, type Page } from './page.ts';

/** What lists can be sorted by: columns, of which the number settles what is equal. */
export const LIST_ORDERS = { list: 'id', rule: 'rule', listed: 'listed_on' } as const;
export type ListOrder = keyof typeof LIST_ORDERS;

export interface Sorting<Order> {
  by: Order;
  descending: boolean;
}

export interface ListFilter {
  state?: ListState;
  rule?: string;
  /** Newest first when it is left out. */
  sort?: Sorting<ListOrder>;
  /** Lists that come after the one of this number. */
  after?: number;
}

const NEWEST_FIRST: Sorting<ListOrder> = { by: 'list', descending: true };

/** Lists in the order asked for. */
export async function listPage(
  db: Knex,
  { state, rule, sort = NEWEST_FIRST, after }: ListFilter,
  limit: number,
): Promise<Page<ListSummary>> {
  const key = `${LIST_ORDERS[sort.by]}, id`;
  const rows = await summaries(
    db,
    `(cast(:state as text) is null or state = :state) and (cast(:rule as text) is null or rule = :rule)
       and (cast(:after as bigint) is null or (${key}) ${sort.descending ? '<' : '>'} (select ${key} from disposal_lists where id = :after))`,
    { state: state ?? null, rule: rule ?? null, after: after ?? null, limit: limit + 1 },
    sort,
  );
  return pageOf(rows, limit);
}

/** A list was sent back to those who decide, and why: free text. */
export interface SendBack {
  sent_back_by: string;
  sent_back_on: IsoDate;
  reason: string;
}

/** Every time this list was sent back, the first first. */
export async function sendBacks(db: Knex, listId: number): Promise<SendBack[]> {
  return db('list_send_backs').where({ list_id: listId }).orderBy('id').select('sent_back_by', 'sent_back_on', 'reason');
}

/** One list. Throws a Refusal when there is none of that number. */
export async function oneList(db: Knex, id: number): Promise<ListSummary> {
  const [list] = await summaries(db, 'id = :id', { id, limit: 1 });
  if (!list) throw noSuchList(id);
  return list;
}

/** What files of a list can be sorted by; the place settles what is equal. Of what is archived only the year is left. */
export const ITEM_ORDERS = {
  position: 'i.position',
  kept_until: 'coalesce(i.retain_until, make_date(i.retain_year, 12, 31))',
  file: 'i.file_ref',
} as const;
export type ItemOrder = keyof typeof ITEM_ORDERS;

export interface ItemFilter {
  status?: ItemStatus;
  /** Items with a caution that nobody acknowledged. */
  cautioned?: boolean;
  sort: Sorting<ItemOrder>;
  /** Items that come after the one at this place. */
  after?: number;
  /** Items that come before it; of the two only one is asked for. */
  before?: number;
}

/** What a caution of an item asked for, and who recorded that it was done. */
export interface CautionDone {
  caution: Caution;
  by: string;
  on: IsoDate;
}

/**
 * An item; and as long as its file is in the register, when its case was closed, what of its cautions was done,
 * and which of its documents could not be read when it was listed, by number.
 */
export type ListedItem = ItemRow & {
  closed_on: IsoDate | null;
  cautions_done: CautionDone[];
  unread: { numbers: number[]; of: number } | null;
};

/** Items of a list in the order asked for. */
export async function itemPage(
  db: Knex,
  listId: number,
  { status, cautioned, sort, after, before }: ItemFilter,
  limit: number,
): Promise<Page<ListedItem>> {
  const key = `${ITEM_ORDERS[sort.by]}, i.position`;
  const down = sort.descending !== (before !== undefined);
  const from = after ?? before;
  const wanted = listedItems(db, listId)
    .modify((query) => {
      if (status) void query.where({ status });
      if (cautioned) void query.whereRaw(OPEN_CAUTION);
      if (from !== undefined)
        void query.whereRaw(
          `(${key}) ${down ? '<' : '>'} (select ${key} from disposal_list_items i where i.list_id = :listId and i.position = :from)`,
          { listId, from },
        );
    })
    .orderByRaw(`${ITEM_ORDERS[sort.by]} ${down ? 'desc' : 'asc'}, i.position ${down ? 'desc' : 'asc'}`)
    .limit(limit + 1);
  const rows = (await wanted) as ListedItem[];
  const page = pageOf(rows, limit);
  return before === undefined ? page : { ...page, rows: page.rows.reverse() };
}

/** Every item of a list by its place: never more than a list may have. */
export async function everyItem(db: Knex, listId: number): Promise<ListedItem[]> {
  return (await listedItems(db, listId).orderBy('position')) as ListedItem[];
}

/** One item by its place on the list. Throws a Refusal when there is none. */
export async function itemAt(db: Knex, listId: number, position: number): Promise<ListedItem> {
  const item = (await listedItems(db, listId).where({ position }).first()) as ListedItem | undefined;
  if (!item) throw new Refusal('not_on_list', `List ${listId} has no item ${position}.`, { list: listId });
  return item;
}

/** How many files of a list are undecided, and how many of these carry no caution that nobody acknowledged. */
export async function countUndecided(db: Knex, listId: number): Promise<{ all: number; clean: number }> {
  const result = await db.raw<{ rows: { all: number; clean: number }[] }>(
    `select count(*)::int as all, (count(*) filter (where not ${OPEN_CAUTION}))::int as clean
     from disposal_list_items where list_id = ? and status = 'pending'`,
    [listId],
  );
  return result.rows[0] ?? { all: 0, clean: 0 };
}

/** The place of the next undecided item after this one, from the beginning again at the end; null when none is left. */
export async function nextPending(db: Knex, listId: number, position: number): Promise<number | null> {
  const next = await db('disposal_list_items')
    .where({ list_id: listId, status: 'pending' })
    .orderByRaw('position <= cast(:position as int), position', { position })
    .first<{ position: number } | undefined>('position');
  return next?.position ?? null;
}

/** How many files of a list each person ever decided: who is among them may not sign it. */
export async function decidedBy(db: Knex, listId: number): Promise<{ name: string; files: number }[]> {
  const result = await db.raw<{ rows: { name: string; files: number }[] }>(
    `select decided_by as name, count(distinct file_ref)::int as files from item_decisions where list_id = :listId group by decided_by order by decided_by`,
    { listId },
  );
  return result.rows;
}

/** Who decided files of these lists, by list. */
export async function decidersOf(db: Knex, listIds: readonly number[]): Promise<Map<number, string[]>> {
  const rows = await db('item_decisions')
    .whereIn('list_id', listIds)
    .distinct<{ list_id: number; decided_by: string }[]>('list_id', 'decided_by')
    .orderBy('decided_by');
  const deciders = new Map<number, string[]>();
  for (const { list_id, decided_by } of rows) deciders.set(list_id, [...(deciders.get(list_id) ?? []), decided_by]);
  return deciders;
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
    // In the words of its index.
    .whereRaw("cast(details as jsonb) ->> 'list' = :list and cast(cast(details as jsonb) ->> 'named_together' as boolean)", {
      list: String(listId),
    })
    .count();
  return {
    decisions: decisions.rows,
    acknowledged: acknowledged.rows,
    decidedTogether: Number((together[0] as { count: string | number } | undefined)?.count ?? 0),
  };
}

const OPEN_CAUTION = `jsonb_path_exists(cautions, '$[*] \\? (@.acknowledged_by == null)')`;

function listedItems(db: Knex, listId: number): Knex.QueryBuilder {
  return db('disposal_list_items as i')
    .leftJoin('case_files as f', 'f.file_ref', 'i.file_ref')
    .where({ list_id: listId })
    .select('i.*', 'f.closed_on', db.raw(CAUTIONS_DONE), db.raw(`${UNREAD} as unread`));
}

const CAUTIONS_DONE = `(select coalesce(jsonb_agg(jsonb_build_object('caution', k.caution, 'by', k.by, 'on', k.on) order by k.caution), '[]') from (
    (select 'review_outstanding' as caution, w.done_by as by, w.done_on as on from reviews_done w join determinations d on d.file_ref = w.file_ref
     where w.file_ref = i.file_ref and w.review_on >= d.review_on order by w.id desc limit 1)
    union all (select 'originals_held', o.recorded_by, o.recorded_on from originals o where o.file_ref = i.file_ref order by o.id desc limit 1)) k
  where i.cautions @> jsonb_build_array(jsonb_build_object('caution', k.caution))) as cautions_done`;

/** By number in the order of their paths, for a path is personal data. */
const UNREAD = `case when jsonb_path_exists(i.cautions, '$[*] \\? (@.caution == "document_unread")') then
  (select json_build_object('numbers', array_agg(number order by number) filter (where measured_size is null), 'of', count(*))
   from (select measured_size, row_number() over (order by path) as number from documents d where d.file_ref = i.file_ref) d
   having bool_or(measured_size is null)) end`;

async function summaries(
  db: Knex,
  condition: string,
  bindings: Record<string, string | number | null>,
  sort: Sorting<ListOrder> = NEWEST_FIRST,
): Promise<ListSummary[]> {
  const direction = sort.descending ? 'desc' : 'asc';
  const order = (of: string) => `${of}${LIST_ORDERS[sort.by]} ${direction}, ${of}id ${direction}`;
  const result = await db.raw<{ rows: ListSummary[] }>(
    `select l.*, i.items, i.by_status
     from (select * from disposal_lists where ${condition} order by ${order('')} limit :limit) l
     cross join lateral (
       select coalesce(sum(n), 0)::int as items, coalesce(jsonb_object_agg(status, n) filter (where status is not null), '{}') as by_status
       from (select status, count(*)::int as n from disposal_list_items where list_id = l.id group by status) s) i
     order by ${order('l.')}`,
    bindings,
  );
  return result.rows;
}
