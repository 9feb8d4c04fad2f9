/** Disposal lists: reading them, making new ones from the candidates, and moving each to the state its items give it. */
import type { Knex } from 'knex';
import type { Caution } from '../rules/checks.ts';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import { OPEN_STATES, type ItemStatus, type ListState } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { stillCandidates, type Candidacy } from './candidacy.ts';
import { issueCertificate } from './certificates.ts';
import { holdsReleasedFor, lockHolds } from './holds.ts';
import { digestItems, updateListDigest, type DigestedItem } from './items.ts';
import { cautionsWhenListed, inLawsOrder } from './listedCautions.ts';

/** A row of disposal_lists. */
export interface ListRow {
  id: number;
  state: ListState;
  rule: string;
  action: string;
  schedule_version: string;
  listed_on: IsoDate;
  digest: string;
  signed_by: string | null;
  signed_on: IsoDate | null;
  signed_digest: string | null;
  cooling_off_days: number | null;
  sent_back_by: string | null;
  sent_back_reason: string | null;
  ended_on: IsoDate | null;
  ended_by: string | null;
  ended_reason: string | null;
  /** Set on a list that a restored database knows from the bags of its files alone. */
  from_bags_on: IsoDate | null;
}

export type ListSummary = ListRow & { items: number; by_status: Partial<Record<ItemStatus, number>> };

/** All lists, newest first, or those in a state. */
export async function readLists(db: Knex, state?: ListState): Promise<ListSummary[]> {
  const result = await db.raw<{ rows: ListSummary[] }>(
    `select l.*, coalesce(sum(i.n), 0)::int as items, coalesce(jsonb_object_agg(i.status, i.n) filter (where i.status is not null), '{}') as by_status
     from disposal_lists l
     left join (select list_id, status, count(*)::int as n from disposal_list_items group by list_id, status) i on i.list_id = l.id
     where cast(:state as text) is null or l.state = :state
     group by l.id order by l.id desc`,
    { state: state ?? null },
  );
  return result.rows;
}

/** The list, locked until the transaction ends. Throws a Refusal when there is none of that number. */
export async function lockList(trx: Knex.Transaction, id: number): Promise<ListRow> {
  // Not `for update`: two processes that have each entered a residual record of this list would wait for one another.
  const list = await trx<ListRow>('disposal_lists').where({ id }).forNoKeyUpdate().first();
  if (!list) throw noSuchList(id);
  return list;
}

/**
 * Which candidates go on new lists tonight: only for a rule and action of which no list is being decided, oldest first, up
 * to `openItems` undecided items in all.
 */
export async function chooseForListing(db: Knex, candidates: readonly Candidacy[], openItems: number): Promise<Candidacy[]> {
  const beingDecided = await db('disposal_lists')
    .where({ state: 'for_decision' })
    .select<{ rule: string; action: string }[]>('rule', 'action');
  const taken = new Set(beingDecided.map(({ rule, action }) => `${rule} ${action}`));
  const undecided = await db('disposal_list_items').where({ status: 'pending' }).count();
  const room = Math.max(0, openItems - Number(undecided[0]?.['count'] ?? 0));
  return candidates.filter(({ rule, action }) => !taken.has(`${rule} ${action}`)).slice(0, room);
}

/**
 * Makes lists of the chosen candidates, one rule and action to a list, `listSize` to a list; what something stands in the way of
 * by now is left out. Returns the new lists' numbers and how many files are on them.
 */
export async function makeLists(
  trx: Knex.Transaction,
  schedule: Schedule,
  chosen: readonly Candidacy[],
  { asOf, runId, listSize }: { asOf: IsoDate; runId: number; listSize: number },
): Promise<{ lists: number[]; listed: number }> {
  // Between the choice and this moment their documents were measured, which may take hours; from here on nobody can place a hold.
  await lockHolds(trx);
  const free = await stillCandidates(trx, schedule, asOf, chosen);
  const said = await cautionsWhenListed(
    trx,
    schedule,
    free.map((candidate) => candidate.file_ref),
  );
  const lists: number[] = [];
  for (const candidates of byRuleAndAction(free)) {
    for (let start = 0; start < candidates.length; start += listSize) {
      lists.push(await makeList(trx, candidates.slice(start, start + listSize), said, { asOf, runId }));
    }
  }
  return { lists, listed: free.length };
}

/**
 * Moves a list to the state its items give it: for sign-off when nothing is pending, complete when nothing is unfinished.
 * Call it after every change of items, in the same transaction.
 */
export async function settleList(trx: Knex.Transaction, id: number, asOf: IsoDate): Promise<ListState> {
  const list = await lockList(trx, id);
  const rows = await trx('disposal_list_items').where({ list_id: id }).distinct<{ status: ItemStatus }[]>('status');
  const has = (...statuses: ItemStatus[]) => rows.some((row) => statuses.includes(row.status));
  const state = stateOf(list, has);
  if (state === list.state) return state;
  await trx('disposal_lists')
    .where({ id })
    .update({ state, ...(state === 'complete' ? { ended_on: asOf } : {}) });
  await recordEvent(trx, 'service', `list.${state}`, { list: id });
  if (state === 'complete') await certifyEnded(trx, id, asOf);
  return state;
}

/** Whatever a list that has ended disposed of is certified, however it ended. */
export async function certifyEnded(trx: Knex.Transaction, id: number, asOf: IsoDate): Promise<void> {
  const disposed = await trx('disposal_list_items')
    .where({ list_id: id })
    .whereIn('status', ['archived', 'transferred'])
    .first<object | undefined>('file_ref');
  if (disposed) await issueCertificate(trx, id, asOf);
}

/** Takes items off a list: the file may become a candidate again. The caller settles the list. */
export async function withdrawItems(
  trx: Knex.Transaction,
  listId: number,
  withdrawals: readonly { fileRef: string; reason: string }[],
  { asOf, actor }: { asOf: IsoDate; actor: string },
): Promise<void> {
  for (const { fileRef, reason } of withdrawals) {
    await trx('disposal_list_items')
      .where({ list_id: listId, file_ref: fileRef })
      .update({ status: 'withdrawn', status_reason: reason, status_on: asOf, binding: false });
    await recordEvent(trx, actor, 'item.withdrawn', { list: listId, file: fileRef });
  }
}

function stateOf(list: ListRow, has: (...statuses: ItemStatus[]) => boolean): ListState {
  if (!OPEN_STATES.includes(list.state)) return list.state;
  if (list.signed_by === null) {
    const decided = has('approved', 'kept', 'referred');
    // A list that was sent back waits for a new decision, though every item has one: the night must not put it up again.
    if (has('pending') || (decided && list.sent_back_by !== null)) return list.state;
    return decided ? 'for_sign_off' : 'complete';
  }
  if (!has('approved', 'failed', 'waiting_for_receipt', 'waiting_for_paper')) return 'complete';
  return has('archived', 'transferred', 'failed', 'waiting_for_receipt', 'waiting_for_paper') ? 'in_progress' : list.state;
}

async function makeList(
  trx: Knex.Transaction,
  candidates: readonly Candidacy[],
  said: ReadonlyMap<string, Caution[]>,
  { asOf, runId }: { asOf: IsoDate; runId: number },
): Promise<number> {
  const [first] = candidates;
  if (!first) throw new Error('A list needs at least one candidate.');
  const { rule, action, schedule_version } = first;
  const rows = await trx('disposal_lists').insert({ rule, action, schedule_version, listed_on: asOf, run_id: runId }).returning('id');
  const listId = (rows[0] as { id: number }).id;
  const items = candidates.map((candidate, i) =>
    newItem({ ...candidate, cautions: inLawsOrder(candidate.cautions, said.get(candidate.file_ref)) }, listId, i + 1),
  );
  const digests = await digestItems(trx, items);
  const released = await holdsReleasedFor(
    trx,
    items.map((item) => item.file_ref),
  );
  await trx.batchInsert(
    'disposal_list_items',
    items.map((item) => ({
      ...item,
      cautions: JSON.stringify(item.cautions),
      status_on: asOf,
      released_holds: released.get(item.file_ref) ?? [],
      item_digest: digests.get(item.file_ref),
    })),
    500,
  );
  const digest = await updateListDigest(trx, listId);
  await recordEvent(trx, 'service', 'list.made', { list: listId, rule, action, items: items.length, digest });
  return listId;
}

function newItem(
  candidate: Candidacy,
  listId: number,
  position: number,
): DigestedItem & { position: number; anchor_year: number; retain_year: number } {
  const { file_ref, rule, schedule_version, action, anchor_on, retain_until, cautions } = candidate;
  if (!rule || !action || !anchor_on || !retain_until) throw new Error(`Candidate ${file_ref} has no date.`);
  return {
    list_id: listId,
    position,
    file_ref,
    rule,
    schedule_version,
    action,
    anchor_on,
    retain_until,
    anchor_year: Number(anchor_on.slice(0, 4)),
    retain_year: Number(retain_until.slice(0, 4)),
    cautions: cautions.map((caution) => ({ caution, acknowledged_by: null, acknowledged_on: null })),
    decision: null,
    keep_until: null,
    reason_code: null,
    note: null,
    decided_by: null,
    decided_on: null,
  };
}

function byRuleAndAction(candidates: readonly Candidacy[]): Candidacy[][] {
  const groups = new Map<string, Candidacy[]>();
  for (const candidate of candidates) {
    const key = `${candidate.rule} ${candidate.action}`;
    groups.set(key, [...(groups.get(key) ?? []), candidate]);
  }
  return [...groups.values()];
}

/** What is said of a number that no list has. */
export function noSuchList(id: number): Refusal {
  return new Refusal('no_such_list', `There is no disposal list ${id}. "retention lists" shows those there are.`, { list: id });
}
