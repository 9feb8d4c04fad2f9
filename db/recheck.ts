/** The re-check: items listed or signed off of which anything changed are taken off, with the reason; the rest goes on. */
import type { Knex } from 'knex';
import { addDays, shortDate, type IsoDate } from '../rules/dates.ts';
import { clauseWords, ruleById, type Schedule } from '../rules/schedule.ts';
import { OPEN_STATES, signOffLastsDays } from '../rules/workflow.ts';
import { candidacyOf, type Candidacy } from './candidacy.ts';
import { byFileRef } from './caseFiles.ts';
import { digestItems, type ItemRow } from './items.ts';
import { settleList, withdrawItems, type ListRow } from './lists.ts';
import { scheduleOfVersion } from './schedules.ts';
import { blockedWords, isWaiting, lastingBlocks, readWaits, WAITING_STATUSES, type Wait } from './waitingItems.ts';

export interface Withdrawal {
  list: number;
  fileRef: string;
  reason: string;
  /** Its bag waited for paper or a receipt, so that somebody outside is about to act on it. */
  waited?: true;
}

/** Takes off every item that is no longer what was listed, or whose sign-off lapsed. Returns what was taken off and why. */
export async function recheckItems(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate): Promise<Withdrawal[]> {
  const lists = await lockOpenLists(trx);
  const withdrawals: Withdrawal[] = [];
  for (const list of lists) {
    const items = await recheckable(trx, list.id);
    const reasons = await reasonsToWithdraw(trx, schedule, asOf, items);
    for (const item of items) {
      const reason = reasons.get(item.file_ref);
      if (reason === undefined) continue;
      withdrawals.push({ list: list.id, fileRef: item.file_ref, reason, ...(isWaiting(item) ? { waited: true } : {}) });
    }
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
 * whose sign-off still counts. Archiving asks the same question once more under its locks, and so does the end of a wait.
 */
export async function reasonsToWithdraw(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  items: readonly ItemRow[],
): Promise<Map<string, string>> {
  const fileRefs = items.map((item) => item.file_ref);
  // What is said when a file is listed is not asked anew: it rests on facts and documents, which the digest covers.
  const now = byFileRef(await candidacyOf(db, schedule, asOf, fileRefs));
  const waits = await readWaits(db, items, asOf);
  const digests = await digestItems(db, items, new Map([...waits].map(([fileRef, { signed }]) => [fileRef, signed])));
  const lapsed = await lapsedSignatures(db, items, asOf);
  const reasons = new Map<string, string>();
  for (const item of items) {
    const candidacy = now.get(item.file_ref);
    const digest = digests.get(item.file_ref);
    const reason = isWaiting(item)
      ? await reasonToEndWait(db, schedule, asOf, { item, now: candidacy, digest, wait: waits.get(item.file_ref) })
      : (reasonToWithdraw(item, candidacy, digest, asOf) ?? lapsed.get(item.list_id) ?? null);
    if (reason === FACTS_CHANGED) reasons.set(item.file_ref, await changedFacts(db, item));
    else if (reason) reasons.set(item.file_ref, reason);
  }
  return reasons;
}

/** By list, in words. */
async function lapsedSignatures(db: Knex, items: readonly ItemRow[], asOf: IsoDate): Promise<Map<number, string>> {
  const lists = await db('disposal_lists')
    .whereIn('id', [...new Set(items.map((item) => item.list_id))])
    .whereNotNull('signed_on')
    .select<{ id: number; signed_on: IsoDate; cooling_off_days: number }[]>('id', 'signed_on', 'cooling_off_days');
  return new Map(
    lists.flatMap(({ id, signed_on, cooling_off_days }) => {
      const lasts = signOffLastsDays(cooling_off_days);
      const words = `the sign-off of ${shortDate(signed_on)} lapsed: nothing was archived for ${lasts} days`;
      return asOf > addDays(signed_on, lasts) ? [[id, words] as const] : [];
    }),
  );
}

const FACTS_CHANGED = 'facts or documents changed after it was listed';

function reasonToWithdraw(item: ItemRow, now: Candidacy | undefined, digest: string | undefined, asOf: IsoDate): string | null {
  const undue = whyNotDue(now, asOf);
  if (!now || undue !== null) return undue;
  const blocks = now.blocks.filter((block) => block !== 'listed');
  if (blocks.length > 0) return blockedWords(blocks);
  if (now.rule !== item.rule || now.action !== item.action || now.schedule_version !== item.schedule_version)
    return 'another rule, action or schedule version decides now';
  return whyNotAsSigned(item, now, digest);
}

/**
 * The same of an item whose bag waits: archived as far as a machine can, so that nothing lapses, and only what alters what was
 * signed ends its wait. Another version of the schedule does not where it says the same of the file.
 */
async function reasonToEndWait(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
  { item, now, digest, wait }: { item: ItemRow; now: Candidacy | undefined; digest: string | undefined; wait: Wait | undefined },
): Promise<string | null> {
  const undue = whyNotDue(now, asOf);
  if (!now || undue !== null) return undue;
  const blocks = lastingBlocks(now.blocks);
  if (blocks.length > 0) return blockedWords(blocks);
  if (now.rule !== item.rule || now.action !== item.action) return 'another rule or action decides now';
  if (now.schedule_version !== item.schedule_version && !(await saysTheSame(db, schedule, item)))
    return `version ${schedule.version} of the schedule words its clause otherwise`;
  if (!wait) return 'its bag is not on record';
  return wait.altered ?? whyNotAsSigned(item, now, digest);
}

function whyNotDue(now: Candidacy | undefined, asOf: IsoDate): string | null {
  if (!now) return 'the file is no longer in the register';
  if (now.outcome !== 'expires') return `it has no date any more: ${now.reason?.replaceAll('_', ' ') ?? now.outcome}`;
  return !now.eligible_from || now.eligible_from > asOf ? 'it is kept longer now' : null;
}

/** A caution that went, for what it asked for was done or is no more, alters nothing that was signed. */
function whyNotAsSigned(item: ItemRow, now: Candidacy, digest: string | undefined): string | null {
  if (now.anchor_on !== item.anchor_on || now.retain_until !== item.retain_until) return 'its date changed';
  const listed = item.cautions.map(({ caution }) => caution);
  const unseen = now.cautions.filter((caution) => !listed.includes(caution));
  if (unseen.length > 0) return `it has a caution that nobody acknowledged: ${unseen.join(', ').replaceAll('_', ' ')}`;
  if (item.decision === 'approved' && item.cautions.some((caution) => caution.acknowledged_by === null))
    return 'a caution was never acknowledged';
  return digest === item.item_digest ? null : FACTS_CHANGED;
}

async function saysTheSame(db: Knex, schedule: Schedule, { rule, schedule_version }: ItemRow): Promise<boolean> {
  const signed = await scheduleOfVersion(db, schedule_version);
  return signed !== null && clauseWords(ruleById(signed, rule)) === clauseWords(ruleById(schedule, rule));
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

/** Binding items that are not finished. */
async function recheckable(trx: Knex.Transaction, listId: number): Promise<ItemRow[]> {
  return trx<ItemRow>('disposal_list_items')
    .where({ list_id: listId, binding: true })
    .whereIn('status', ['pending', 'approved', 'kept', 'referred', 'failed', ...WAITING_STATUSES])
    .orderBy('position');
}
