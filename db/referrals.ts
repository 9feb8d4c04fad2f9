/** Referrals: files a person looks into by decision of a list, until a records manager closes the referral. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';
import { pageOf, type Page } from './page.ts';
import { countOf } from './counts.ts';
import { lockRegisteredFile } from './registeredFile.ts';
import type { WorkKey } from './workPages.ts';

export interface ClosedReferral {
  file_ref: string;
  /** The list on which it was referred. */
  list: number | null;
  referred_on: IsoDate;
  closed_on: IsoDate;
  /** Its action is `refer`, so that it stays off the lists nonetheless. */
  action_refers: boolean;
}

export interface OpenReferral {
  file_ref: string;
  referred_on: IsoDate;
  referred_by: string;
  /** To whom and why: free text. */
  note: string | null;
  list_id: number | null;
}

/** Open referrals, the oldest first, after that day and file. */
export async function openReferrals(db: Knex, after: WorkKey | null, limit: number): Promise<Page<OpenReferral>> {
  const rows = await db('referrals')
    .whereNull('closed_on')
    .modify((query) => {
      if (after !== null)
        void query.whereRaw('(referred_on, file_ref) > (cast(? as date), cast(? as text) collate "C")', [after.day, after.ref]);
    })
    .orderBy(['referred_on', 'file_ref'])
    .limit(limit + 1)
    .select<OpenReferral[]>('file_ref', 'referred_on', 'referred_by', 'note', 'list_id');
  return pageOf(rows, limit);
}

/** How many referrals are open. */
export async function countReferrals(db: Knex): Promise<number> {
  return countOf(db, 'select count(*) from referrals where closed_on is null');
}

/** Ends the open referral of a file; it becomes a candidate again unless something else blocks it. */
export async function closeReferral(
  trx: Knex.Transaction,
  fileRef: string,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<ClosedReferral> {
  requirePermission(person, 'close_referral');
  await lockRegisteredFile(trx, fileRef);
  const action = await trx('determinations').where({ file_ref: fileRef }).first<{ action: string | null } | undefined>('action');
  const action_refers = action?.action === 'refer';
  const rows = await trx('referrals')
    .where({ file_ref: fileRef })
    .whereNull('closed_on')
    .update({ closed_by: person.name, closed_on: asOf })
    .returning<{ list_id: number | null; referred_on: IsoDate }[]>(['list_id', 'referred_on']);
  const [closed] = rows;
  if (!closed) throw notReferred(fileRef, action_refers);
  await recordEvent(trx, person.name, 'referral.closed', { file: fileRef, list: closed.list_id });
  return { file_ref: fileRef, list: closed.list_id, referred_on: closed.referred_on, closed_on: asOf, action_refers };
}

function notReferred(fileRef: string, actionRefers: boolean): Refusal {
  if (!actionRefers) {
    return new Refusal(
      'not_referred',
      `${fileRef} has no open referral. "retention explain ${fileRef}" says what blocks it, if anything does.`,
      {
        file: fileRef,
      },
    );
  }
  return new Refusal(
    'action_refers',
    `Nobody referred ${fileRef}: its action is "refer" by the Adult Services clause, because it is about several people or an adoption, and a life or a birth identity of somebody else would go along. There is nothing to close; it ends when the facts change at the source. Keep on file who decided what goes where.`,
    { file: fileRef },
  );
}
