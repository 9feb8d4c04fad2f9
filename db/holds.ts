/** Disposal holds: placing them, and what each covers at this moment. */
import type { Knex } from 'knex';
import { longDate, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { HoldKind, HoldScope } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { holdsOnFileSql } from './candidacy.ts';

/** A row of holds. */
export interface Hold {
  id: number;
  kind: HoldKind;
  scope: HoldScope;
  scope_ref: string | null;
  authority: string;
  review_on: IsoDate;
  placed_by: string;
  placed_on: IsoDate;
  release_asked_by: string | null;
  release_asked_on: IsoDate | null;
  release_reason: string | null;
  released_by: string | null;
  released_on: IsoDate | null;
}

export interface NewHold {
  kind: HoldKind;
  scope: HoldScope;
  scopeRef: string | null;
  authority: string;
  reviewOn: IsoDate;
}

/**
 * Places a hold; it is in force when this commits. Waits for archiving that has already locked the holds, and whatever
 * asks later sees it. Returns the hold and how many registered files it covers now.
 */
export async function placeHold(
  trx: Knex.Transaction,
  hold: NewHold,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<{ hold: Hold; covers: number }> {
  requirePermission(person, 'hold');
  if (hold.authority.trim() === '') throw new Refusal('authority_missing', 'Say who ordered the hold with --authority "…".');
  if (hold.reviewOn <= asOf) {
    throw new Refusal('review_past', `A hold is reviewed on a day to come; ${longDate(hold.reviewOn)} is not after ${longDate(asOf)}.`);
  }
  const rows = await trx<Hold>('holds')
    .insert({
      kind: hold.kind,
      scope: hold.scope,
      scope_ref: hold.scopeRef,
      authority: hold.authority.trim(),
      review_on: hold.reviewOn,
      placed_by: person.name,
      placed_on: asOf,
    })
    .returning('*');
  const placed = rows[0] as Hold;
  await recordEvent(trx, person.name, 'hold.placed', {
    hold: placed.id,
    kind: placed.kind,
    scope: placed.scope,
    scope_ref: placed.scope_ref,
    review_on: placed.review_on,
  });
  return { hold: placed, covers: await filesCovered(trx, placed.id) };
}

/** Every hold, newest first. */
export async function readHolds(db: Knex): Promise<Hold[]> {
  return db<Hold>('holds').orderBy('id', 'desc');
}

/** How many registered files a hold in force covers now. */
export async function filesCovered(db: Knex, holdId: number): Promise<number> {
  const result = await db.raw<{ rows: { files: number }[] }>(
    `select count(*)::int as files from case_files f where exists (select from (${holdsOnFileSql('f')}) h where h.id = :holdId)`,
    { holdId },
  );
  return result.rows[0]?.files ?? 0;
}

/** The holds in force that cover a file, each with the scope it matched by. */
export async function holdsOn(db: Knex, fileRef: string): Promise<Pick<Hold, 'id' | 'kind' | 'scope' | 'scope_ref' | 'authority'>[]> {
  const result = await db.raw<{ rows: Hold[] }>(
    `select h.* from case_files f cross join lateral (${holdsOnFileSql('f')}) h where f.file_ref = :fileRef order by h.id`,
    { fileRef },
  );
  return result.rows;
}

/** Keeps any hold from being placed or released until this transaction ends; waits for one that is being placed. */
export async function lockHolds(trx: Knex.Transaction): Promise<void> {
  await trx.raw('lock table holds in share mode');
}
