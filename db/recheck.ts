/** The re-check: items listed or signed off of which anything changed are taken off, with the reason; the rest goes on. */
import type { Knex } from 'knex';
import { addDays, shortDate, type IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { OPEN_STATES, SIGN_OFF_LAPSES_AFTER_DAYS } from '../rules/workflow.ts';
import { candidacyOf, type Candidacy } from './candidacy.ts';
import { digestItems, type ItemRow } from './items.ts';
import { cautionsWhenListed, inLawsOrder } from './listedCautions.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';

export interface Withdrawal {
  list: number;
  fileRef: string;
  reason: string;
}

/** Takes off every item that is no longer what was listed, or whose sign-off lapsed. Returns what was taken off and why. */
export async function recheckItems(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate): Promise<Withdrawal[]> {
  const lists = await lockOpenLists(trx);
  const withdrawals: Withdrawal[] = [];
  for (const list of lists) {
    const items = await recheckable(trx, list.id);
    const reasons = await reasonsToWithdraw(trx, schedule, asOf, items);
    for (const [fileRef, reason] of reasons) withdrawals.push({ list: list.id, fileRef, reason });
    await withdrawItems(
      trx,
      list.id,
      withdrawals.filter((withdrawal) => withdrawal.list === list.id),
      { asOf, actor: 'service' },
    );
    await settleList(trx, list.id, asOf);
  }
  return withdrawals;
}

/**
 * Why each of these items may not go on, by file reference; none for an item that is as it was listed and decided, on a list
 * whose sign-off still counts. Archiving asks the same question once more under its locks.
 */
export async function reasonsToWithdraw(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  items: readonly ItemRow[],
): Promise<Map<string, string>> {
  const fileRefs = items.map((item) => item.file_ref);
  const said = await cautionsWhenListed(db, fileRefs);
  const now = new Map(
    (await candidacyOf(db, schedule, asOf, fileRefs)).map((candidacy) => [
      candidacy.file_ref,
      { ...candidacy, cautions: inLawsOrder(candidacy.cautions, said.get(candidacy.file_ref)) },
    ]),
  );
  const digests = await digestItems(db, items);
  const lapsed = await lapsedSignatures(db, items, asOf);
  const reasons = new Map<string, string>();
  for (const item of items) {
    const changed = reasonToWithdraw(item, now.get(item.file_ref), digests.get(item.file_ref), asOf);
    // What waits outside the computer was archived as far as a machine can: for it nothing lapses.
    const reason = changed ?? (item.status.startsWith('waiting') ? null : (lapsed.get(item.list_id) ?? null));
    if (reason === FACTS_CHANGED) reasons.set(item.file_ref, await changedFacts(db, item));
    else if (reason) reasons.set(item.file_ref, reason);
  }
  return reasons;
}

/** By list, in words. */
async function lapsedSignatures(db: Knex, items: readonly ItemRow[], asOf: IsoDate): Promise<Map<number, string>> {
  const lists = await db('disposal_lists')
    .whereIn('id', [...new Set(items.map((item) => item.list_id))])
    .where('signed_on', '<', addDays(asOf, -SIGN_OFF_LAPSES_AFTER_DAYS))
    .select<{ id: number; signed_on: IsoDate }[]>('id', 'signed_on');
  const words = (signedOn: IsoDate): string =>
    `the sign-off of ${shortDate(signedOn)} lapsed: nothing was archived for ${SIGN_OFF_LAPSES_AFTER_DAYS} days`;
  return new Map(lists.map(({ id, signed_on }) => [id, words(signed_on)]));
}

const FACTS_CHANGED = 'facts or documents changed after it was listed';

function reasonToWithdraw(item: ItemRow, now: Candidacy | undefined, digest: string | undefined, asOf: IsoDate): string | null {
  if (!now) return 'the file is no longer in the register';
  if (now.outcome !== 'expires') return `it has no date any more: ${now.reason?.replaceAll('_', ' ') ?? now.outcome}`;
  if (!now.eligible_from || now.eligible_from > asOf) return 'it is kept longer now';
  const blocks = now.blocks.filter((block) => block !== 'listed');
  if (blocks.length > 0) return `it is blocked now: ${blocks.join(', ').replaceAll('_', ' ')}`;
  if (now.rule !== item.rule || now.action !== item.action || now.schedule_version !== item.schedule_version)
    return 'another rule, action or schedule version decides now';
  if (now.anchor_on !== item.anchor_on || now.retain_until !== item.retain_until) return 'its date changed';
  const listed = item.cautions.map((caution) => caution.caution).join(', ');
  if (now.cautions.join(', ') !== listed)
    return `its cautions changed: ${now.cautions.join(', ').replaceAll('_', ' ') || 'none'}, when listed: ${listed.replaceAll('_', ' ') || 'none'}`;
  if (item.status === 'approved' && item.cautions.some((caution) => caution.acknowledged_by === null))
    return 'a caution was never acknowledged';
  return digest === item.item_digest ? null : FACTS_CHANGED;
}

/** Names the columns that changed since the list was made; never their values. */
async function changedFacts(db: Knex, item: ItemRow): Promise<string> {
  const result = await db.raw<{ rows: { fields: string | null }[] }>(
    `select string_agg(distinct case when c.kind = 'document' then 'document' else c.field end, ', ') as fields
     from disposal_lists l, case_files f, fact_changes c
     where l.id = :list and f.file_ref = :file and c.as_of >= l.listed_on
       and ((c.kind in ('file', 'document') and c.ref = f.file_ref) or (c.kind = 'person' and c.ref = any(f.subject_refs)))`,
    { list: item.list_id, file: item.file_ref },
  );
  const fields = result.rows[0]?.fields;
  return fields ? `${FACTS_CHANGED}: ${fields}` : FACTS_CHANGED;
}

/** All of them with all their items, before the first withdrawal: who holds an item of a later list may wait for the audit. */
async function lockOpenLists(trx: Knex.Transaction): Promise<ListRow[]> {
  const open = trx<ListRow>('disposal_lists').whereIn('state', OPEN_STATES);
  await trx('disposal_list_items')
    .whereIn('list_id', open.clone().select('id'))
    .orderBy(['list_id', 'position'])
    .select('list_id')
    .forUpdate();
  return open.orderBy('id').forUpdate();
}

/** Binding items that nothing has been done with yet; a bag that waits for a receipt or paper is checked when that comes. */
async function recheckable(trx: Knex.Transaction, listId: number): Promise<ItemRow[]> {
  return trx<ItemRow>('disposal_list_items')
    .where({ list_id: listId, binding: true })
    .whereIn('status', ['pending', 'approved', 'kept', 'referred', 'failed'])
    .orderBy('position');
}
