/** What the second person does with a list: signs it off, or sends it back to those who decide. */
import type { Knex } from 'knex';
import { addDays, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import type { Decision } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { requireReason, requireState, requireVersionInForce, type Acting, type ListAfter } from './decide.ts';
import { lockHolds } from './holds.ts';
import { lockItems, type ItemRow } from './items.ts';
import { lockList, settleList, type ListRow } from './lists.ts';
import { refuseBlocked } from './standing.ts';

/**
 * Authorises exactly the list of that digest. From then on what was signed never changes, and its decisions take effect. Nobody signs
 * what a hold or anything else stands in the way of: what the person attests is asked as of this second, with the holds locked.
 */
export async function signOff(
  trx: Knex.Transaction,
  listId: number,
  shownDigest: string,
  { schedule, coolingOffDays }: { schedule: Schedule; coolingOffDays: number },
  { person, asOf }: Acting,
): Promise<ListAfter & { approved: number; kept: number; referred: number; archivedFrom: IsoDate }> {
  requirePermission(person, 'sign_off');
  const items = await lockItems(trx, listId);
  const list = await lockList(trx, listId);
  requireState(list, ['for_sign_off'], 'signed off');
  requireVersionInForce(list, schedule);
  await refuseOwnDecision(trx, listId, person);
  if (list.digest !== shownDigest) {
    throw new Refusal(
      'digest_moved',
      `List ${listId} changed after it was shown to you, or the digest is mistyped. Nothing was signed. Look at it again ("retention show ${listId}") and sign with the digest it shows.`,
      { list: listId },
    );
  }
  await lockHolds(trx);
  await refuseBlocked(trx, schedule, asOf, {
    list: listId,
    fileRefs: items.filter((item) => item.status === 'approved').map((item) => item.file_ref),
    so: `List ${listId} cannot be signed`,
    next: 'Nothing was signed. Send the list back, so that these files are kept or referred; or have them taken off it.',
  });
  await trx('disposal_lists').where({ id: listId }).update({
    state: 'cooling_off',
    signed_by: person.name,
    signed_on: asOf,
    signed_at: trx.fn.now(),
    signed_digest: shownDigest,
    cooling_off_days: coolingOffDays,
  });
  await takeEffect(trx, list, items, asOf);
  await recordEvent(trx, person.name, 'list.signed_off', { list: listId, digest: shownDigest, cooling_off_days: coolingOffDays });
  const state = await settleList(trx, listId, asOf);
  const count = (decision: Decision) => items.filter((item) => item.status === decision).length;
  return {
    list: listId,
    state,
    digest: shownDigest,
    approved: count('approved'),
    kept: count('kept'),
    referred: count('referred'),
    archivedFrom: addDays(asOf, coolingOffDays + 1),
  };
}

/** Returns a list to those who decide, with its decisions as they stand; the next decision puts it up for sign-off again. */
export async function sendBack(trx: Knex.Transaction, listId: number, reason: string, { person, asOf }: Acting): Promise<ListAfter> {
  requirePermission(person, 'send_back');
  const list = await lockList(trx, listId);
  requireState(list, ['for_sign_off'], 'sent back');
  const words = requireReason(reason);
  await trx('disposal_lists').where({ id: listId }).update({ state: 'for_decision', sent_back_by: person.name, sent_back_reason: words });
  await trx('list_send_backs').insert({ list_id: listId, sent_back_by: person.name, sent_back_on: asOf, reason: words });
  await recordEvent(trx, person.name, 'list.sent_back', { list: listId });
  return { list: listId, state: 'for_decision', digest: list.digest };
}

async function refuseOwnDecision(trx: Knex.Transaction, listId: number, person: Person): Promise<void> {
  const own = await trx('item_decisions')
    .where({ list_id: listId })
    .whereRaw('same_person(decided_by, :name)', { name: person.name })
    .distinct<{ file_ref: string }[]>('file_ref');
  if (own.length === 0) return;
  throw new Refusal(
    'own_decision',
    `${person.name} cannot sign list ${listId}, having decided ${own.length} of its files. Ask another person who may sign.`,
    { list: listId },
  );
}

/** Kept files are deferred and referred ones wait for a person, from the sign-off on; both leave the list. */
async function takeEffect(trx: Knex.Transaction, list: ListRow, items: ItemRow[], asOf: IsoDate): Promise<void> {
  const kept = items.filter((item) => item.status === 'kept');
  const referred = items.filter((item) => item.status === 'referred');
  if (kept.length > 0) {
    await trx('deferrals').insert(
      kept.map((item) => ({
        file_ref: item.file_ref,
        keep_until: item.keep_until,
        reason_code: item.reason_code,
        note: item.note,
        list_id: list.id,
        decided_by: item.decided_by,
        decided_on: asOf,
      })),
    );
  }
  if (referred.length > 0) {
    await trx('referrals').insert(
      referred.map((item) => ({
        file_ref: item.file_ref,
        note: item.note,
        list_id: list.id,
        referred_by: item.decided_by,
        referred_on: asOf,
      })),
    );
  }
  await trx('disposal_list_items').where({ list_id: list.id }).whereIn('status', ['kept', 'referred']).update({ binding: false });
}
