/** What a records manager does with a list: decides its items, takes a file off, ends it. Signing it is in signOff.ts. */
import type { Knex } from 'knex';
import { shortDate, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { ruleById, type Schedule } from '../rules/schedule.ts';
import { OPEN_STATES, UNSIGNED_STATES, type ListState, type ReasonCode } from '../rules/workflow.ts';
import { samePerson } from '../rules/userNames.ts';
import { recordEvent } from './audit.ts';
import { digestItems, lockItems, updateListDigest, type ItemRow } from './items.ts';
import { certifyEnded, lockList, settleList, withdrawItems, type ListRow } from './lists.ts';
import { refuseBlocked } from './standing.ts';

export type DecisionAsked =
  | { decision: 'approved'; acknowledgeCautions: boolean; note: string | null }
  | { decision: 'kept'; keepUntil: IsoDate; reasonCode: ReasonCode; note: string | null }
  | { decision: 'referred'; note: string | null };

/** Which items are decided: those named, all still undecided, or of these the ones without a caution nobody acknowledged. */
export type WhichItems = 'all' | 'clean' | readonly string[];

export interface Acting {
  person: Person;
  asOf: IsoDate;
}

export interface ListAfter {
  list: number;
  state: ListState;
  digest: string;
}

/**
 * Decides items of an unsigned list. Nothing is decided unless all can be, and what is decided already is changed by name only.
 * `replaced` says of how many items this took the place of other people's decisions, and of whose; `left` are the places of
 * those that stay undecided.
 */
export async function decideItems(
  trx: Knex.Transaction,
  schedule: Schedule,
  listId: number,
  which: WhichItems,
  asked: DecisionAsked,
  { person, asOf }: Acting,
): Promise<ListAfter & { decided: number; replaced: { files: number; of: string[] }; left: number[] }> {
  requirePermission(person, 'decide');
  const onList = await lockItems(trx, listId);
  const list = await lockList(trx, listId);
  requireState(list, UNSIGNED_STATES, 'decided on');
  requireVersionInForce(list, schedule);
  checkDecision(asked, asOf);
  const items = chooseItems(onList, list, which, schedule);
  await refuseChangedFacts(trx, items);
  if (asked.decision === 'approved') {
    refuseUnacknowledged(items, asked.acknowledgeCautions, list);
    await refuseBlocked(trx, schedule, asOf, {
      list: listId,
      fileRefs: items.map((item) => item.file_ref),
      so: 'Nothing was approved',
      next: 'Keep or refer these files, or take them off the list; decide the others by name.',
    });
  }

  const decided = items.map((item) => ({ ...item, ...decidedColumns(item, asked, person, asOf) }));
  await storeDecided(trx, listId, decided);
  const digest = await updateListDigest(trx, listId);
  await trx('disposal_lists').where({ id: listId }).update({ sent_back_by: null, sent_back_reason: null });
  const files = decided.map((item) => item.file_ref);
  await recordEvent(trx, person.name, 'list.decided', {
    list: listId,
    decision: asked.decision,
    files,
    named_together: typeof which !== 'string' && files.length > 1,
    digest,
  });
  const state = await settleList(trx, listId, asOf);
  const left = onList.filter((item) => item.status === 'pending' && !items.includes(item)).map(({ position }) => position);
  return { list: listId, state, digest, decided: decided.length, replaced: replacedBy(person, items), left };
}

async function storeDecided(trx: Knex.Transaction, listId: number, decided: readonly ItemRow[]): Promise<void> {
  const digests = await digestItems(trx, decided);
  for (const item of decided) {
    const { cautions, decision, keep_until, reason_code, note, decided_by, decided_on, status, status_on } = item;
    await trx('disposal_list_items')
      .where({ list_id: listId, file_ref: item.file_ref })
      .update({
        cautions: JSON.stringify(cautions),
        decision,
        keep_until,
        reason_code,
        note,
        decided_by,
        decided_on,
        status,
        status_on,
        item_digest: digests.get(item.file_ref),
      });
  }
}

/** Ends a list. What is not archived yet comes off it, what is is certified; decisions that were not signed never take effect. */
export async function cancelList(trx: Knex.Transaction, listId: number, reason: string, { person, asOf }: Acting): Promise<ListAfter> {
  requirePermission(person, 'cancel');
  const binding = (await lockItems(trx, listId)).filter((item) => item.binding);
  const list = await lockList(trx, listId);
  requireState(list, OPEN_STATES, 'cancelled');
  await withdrawItems(
    trx,
    listId,
    binding.map((item) => ({ fileRef: item.file_ref, reason: 'the list was cancelled' })),
    { asOf, actor: person.name },
  );
  await trx('disposal_lists')
    .where({ id: listId })
    .update({ state: 'cancelled', ended_on: asOf, ended_by: person.name, ended_reason: requireReason(reason) });
  await recordEvent(trx, person.name, 'list.cancelled', { list: listId });
  await certifyEnded(trx, listId, asOf);
  return { list: listId, state: 'cancelled', digest: list.digest };
}

/** Takes files off an open list, signed or not; they become candidates again unless something blocks them. */
export async function withdrawFiles(
  trx: Knex.Transaction,
  listId: number,
  fileRefs: readonly string[],
  reason: string,
  { person, asOf }: Acting,
): Promise<ListAfter> {
  requirePermission(person, 'withdraw');
  const onList = await lockItems(trx, listId);
  const list = await lockList(trx, listId);
  requireState(list, OPEN_STATES, 'changed');
  const items = named(onList, listId, fileRefs);
  const finished = items.filter((item) => !item.binding);
  if (finished.length > 0) {
    throw new Refusal('item_is_finished', `${refs(finished)} of list ${listId} cannot be withdrawn any more: ${finished[0]?.status}.`, {
      list: listId,
    });
  }
  const words = requireReason(reason);
  await withdrawItems(
    trx,
    listId,
    items.map((item) => ({ fileRef: item.file_ref, reason: words })),
    { asOf, actor: person.name },
  );
  return { list: listId, state: await settleList(trx, listId, asOf), digest: list.digest };
}

/** Throws a Refusal that says in which states the list could be. */
export function requireState(list: ListRow, states: readonly ListState[], what: string): void {
  if (states.includes(list.state)) return;
  throw new Refusal(
    'wrong_state',
    `List ${list.id} cannot be ${what}: it is ${list.state.replaceAll('_', ' ')}. Lists that can be are ${states.join(', ').replaceAll('_', ' ')}.`,
    { list: list.id },
  );
}

/** What is decided or signed of a list that another version made would be for nothing: the night takes its files off. */
export function requireVersionInForce({ id, schedule_version: made }: ListRow, { version }: Schedule): void {
  if (made === version) return;
  throw new Refusal(
    'other_version',
    `List ${id} was made by version ${made} of the schedule, and version ${version} is in force by now. Nothing was changed. Wait for the night: it determines every file by ${version}, takes the files off this list, and lists those that are due.`,
    { list: id },
  );
}

/** The reason, trimmed. Throws a Refusal when there is none. */
export function requireReason(reason: string): string {
  const words = reason.trim();
  if (words === '') throw new Refusal('reason_missing', 'A reason is needed: say why with --reason "…".');
  return words;
}

function checkDecision(asked: DecisionAsked, asOf: IsoDate): void {
  if (asked.decision !== 'kept') return;
  if (asked.keepUntil <= asOf) {
    throw new Refusal(
      'keep_until_past',
      `A file is kept through a day to come; ${shortDate(asked.keepUntil)} is not after ${shortDate(asOf)}.`,
    );
  }
  if (asked.reasonCode === 'other' && !asked.note?.trim()) {
    throw new Refusal('note_missing', 'The reason "other" needs a note that says what it is: add --note "…".');
  }
}

function chooseItems(items: ItemRow[], list: ListRow, which: WhichItems, schedule: Schedule): ItemRow[] {
  if (typeof which !== 'string') return named(items, list.id, which).map((item) => requireDecidable(item, list));
  if (ruleById(schedule, list.rule).appraise === 'individually') {
    throw new Refusal(
      'appraise_individually',
      `The rule ${list.rule} asks that each file is appraised by itself, so --all is refused on list ${list.id}. Name the files you have read with --files.`,
      { list: list.id },
    );
  }
  const undecided = items.filter((item) => item.status === 'pending' && (which === 'all' || !hasOpenCaution(item)));
  if (undecided.length > 0) return undecided;
  const without = which === 'clean' ? ' without a caution that nobody acknowledged' : '';
  throw new Refusal(
    'nothing_undecided',
    `No file of list ${list.id} is undecided${without}, so nothing changed. To change a decision, name its files with --files.`,
    { list: list.id },
  );
}

function hasOpenCaution(item: ItemRow): boolean {
  return item.cautions.some((caution) => caution.acknowledged_by === null);
}

function requireDecidable(item: ItemRow, list: ListRow): ItemRow {
  if (item.status !== 'withdrawn') return item;
  throw new Refusal(
    'item_withdrawn',
    `${item.file_ref} was taken off list ${list.id}: ${item.status_reason}. There is nothing to decide about it.`,
    { list: list.id, file: item.file_ref },
  );
}

function named(items: ItemRow[], listId: number, fileRefs: readonly string[]): ItemRow[] {
  return [...new Set(fileRefs)].map((fileRef) => {
    const item = items.find((candidate) => candidate.file_ref === fileRef);
    if (!item)
      throw new Refusal('not_on_list', `${fileRef} is not on list ${listId}. "retention show ${listId}" shows what is.`, {
        list: listId,
        file: fileRef,
      });
    return item;
  });
}

/** Facts may have moved since the list was made; the night takes such a file off, but nobody decides on it meanwhile. */
async function refuseChangedFacts(trx: Knex.Transaction, items: ItemRow[]): Promise<void> {
  const now = await digestItems(trx, items);
  const changed = items.filter((item) => now.get(item.file_ref) !== item.item_digest);
  if (changed.length === 0) return;
  throw new Refusal(
    'facts_changed',
    `The facts or documents of ${refs(changed)} changed after the list was made, so nothing was decided. The next night takes them off; decide the others with --files.`,
    {
      files: changed.map((item) => item.file_ref),
    },
  );
}

function refuseUnacknowledged(items: ItemRow[], acknowledge: boolean, list: ListRow): void {
  if (acknowledge) return;
  const open = items.filter(hasOpenCaution);
  if (open.length === 0) return;
  throw new Refusal(
    'cautions_open',
    `${open.length} of these files carry cautions that nobody has acknowledged: ${refs(open)}. Nothing was approved. Read them ("retention show ${list.id}"), then approve with --acknowledge-cautions, or keep or refer these files.`,
    { list: list.id, files: open.map((item) => item.file_ref) },
  );
}

function decidedColumns(item: ItemRow, asked: DecisionAsked, person: Person, asOf: IsoDate): Partial<ItemRow> {
  const kept = asked.decision === 'kept' ? asked : null;
  const acknowledges = asked.decision === 'approved' && asked.acknowledgeCautions;
  return {
    decision: asked.decision,
    status: asked.decision,
    status_on: asOf,
    keep_until: kept?.keepUntil ?? null,
    reason_code: kept?.reasonCode ?? null,
    note: asked.note?.trim() || null,
    decided_by: person.name,
    decided_on: asOf,
    cautions: item.cautions.map((caution) =>
      acknowledges && caution.acknowledged_by === null ? { ...caution, acknowledged_by: person.name, acknowledged_on: asOf } : caution,
    ),
  };
}

/** Two people may decide one file at the same moment; who comes second must know that there was a first. */
function replacedBy(person: Person, items: readonly ItemRow[]): { files: number; of: string[] } {
  const others = items.flatMap(({ decided_by }) => (decided_by === null || samePerson(decided_by, person.name) ? [] : [decided_by]));
  return { files: others.length, of: [...new Set(others)].sort() };
}

function refs(items: readonly ItemRow[]): string {
  const shown = items
    .slice(0, 5)
    .map((item) => item.file_ref)
    .join(', ');
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown;
}
