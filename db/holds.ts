/** Disposal holds: placing them, releasing them by two people, and what each covers at this moment. */
import type { Knex } from 'knex';
import { addDays, longDate, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { REQUEST_LAPSES_AFTER_DAYS, requestHasLapsed, type HoldKind, type HoldScope } from '../rules/workflow.ts';
import { samePerson } from '../rules/userNames.ts';
import { recordEvent } from './audit.ts';
import { coverPlaced, type Likeness } from './holdCover.ts';
import { holdCoversSql, holdsOnFileSql, movedSql, namesOfScopeSql } from './holdMatching.ts';
import { recordable } from './typedReferences.ts';

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

/** A lapsed ask for release counts for nothing: the hold is in force, and must be asked for anew. */
export type HoldState = 'in_force' | 'release_asked' | 'release_lapsed' | 'released';
export type HoldSummary = Hold & { state: HoldState; review_due: boolean };

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
  await coverPlaced(trx, [placed.id], asOf);
  await recordEvent(trx, person.name, 'hold.placed', {
    hold: placed.id,
    kind: placed.kind,
    scope: placed.scope,
    scope_ref: await recordable(trx, placed.scope, placed.scope_ref),
    review_on: placed.review_on,
  });
  return { hold: placed, covers: await filesCovered(trx, placed) };
}

/** The same, but a second press of the button places no second hold: it returns the one in force that the person placed in these words today. */
export async function placeHoldOnce(
  trx: Knex.Transaction,
  hold: NewHold,
  acting: { person: Person; asOf: IsoDate },
): Promise<{ hold: Hold; covers: number }> {
  const { person, asOf } = acting;
  await trx.raw("select pg_advisory_xact_lock(hashtext('place_hold'), hashtext(:name))", { name: person.name });
  const placed = await trx<Hold>('holds')
    .where({ kind: hold.kind, scope: hold.scope, scope_ref: hold.scopeRef, authority: hold.authority.trim(), review_on: hold.reviewOn })
    .where({ placed_by: person.name, placed_on: asOf, released_on: null })
    .first();
  return placed ? { hold: placed, covers: await filesCovered(trx, placed) } : placeHold(trx, hold, acting);
}

/** Asks for the release of a hold; a second ask replaces the first. The hold stays in force until another person confirms. */
export async function askRelease(
  trx: Knex.Transaction,
  holdId: number,
  reason: string,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<{ hold: HoldSummary; lapses_after: IsoDate }> {
  requirePermission(person, 'hold');
  const { release_asked_by: replaced } = await lockHoldInForce(trx, holdId);
  const words = reason.trim();
  if (words === '') throw new Refusal('reason_missing', 'Say why the hold may be released with --reason "…".', { hold: holdId });
  const rows = await trx<Hold>('holds')
    .where({ id: holdId })
    .update({ release_asked_by: person.name, release_asked_on: asOf, release_reason: words })
    .returning('*');
  await recordEvent(trx, person.name, 'hold.release_asked', { hold: holdId, ...(replaced ? { replaces_ask_of: replaced } : {}) });
  return { hold: holdSummary(rows[0] as Hold, asOf), lapses_after: addDays(asOf, REQUEST_LAPSES_AFTER_DAYS) };
}

/**
 * Releases a hold that another person asked to release. Returns how many registered files it covered; each may be listed
 * from the next night on unless something else blocks it.
 */
export async function confirmRelease(
  trx: Knex.Transaction,
  holdId: number,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<{ hold: HoldSummary; covered: number }> {
  requirePermission(person, 'hold');
  const asked = await lockHoldInForce(trx, holdId);
  refuseUnconfirmable(asked, person, asOf);
  const covered = await filesCovered(trx, asked);
  const rows = await trx<Hold>('holds').where({ id: holdId }).update({ released_by: person.name, released_on: asOf }).returning('*');
  await recordEvent(trx, person.name, 'hold.released', { hold: holdId, asked_by: asked.release_asked_by });
  return { hold: holdSummary(rows[0] as Hold, asOf), covered };
}

/** Every hold, newest first, as of a day. */
export async function readHolds(db: Knex, asOf: IsoDate): Promise<HoldSummary[]> {
  return (await db<Hold>('holds').orderBy('id', 'desc')).map((hold) => holdSummary(hold, asOf));
}

/** Holds in force whose review is due, the longest overdue first. */
export async function readHoldsDue(db: Knex, asOf: IsoDate): Promise<HoldSummary[]> {
  const holds = await db<Hold>('holds').whereNull('released_on').where('review_on', '<=', asOf).orderBy(['review_on', 'id']);
  return holds.map((hold) => holdSummary(hold, asOf));
}

/** How many registered files a hold covers now, released or not: by `holdCoversSql` turned round, so that each scope is one index. */
export async function filesCovered(db: Knex, { scope, scope_ref: ref }: Pick<Hold, 'scope' | 'scope_ref'>): Promise<number> {
  const result = await db.raw<{ rows: { files: number }[] }>(`select count(*)::int as files from case_files f where ${COVERED_BY[scope]}`, {
    ...(ref === null ? {} : { ref }),
  });
  return result.rows[0]?.files ?? 0;
}

const COVERED_BY: Record<HoldScope, string> = {
  everything: 'true',
  category: `f.categories && ${namesOfScopeSql('cast(:ref as text) collate "C"')}`,
  file: 'f.file_ref = :ref',
  person: 'f.subject_refs @> array[cast(:ref as text)]',
  family: 'f.family_ref = :ref or f.subject_refs && array(select c.child_ref from families c where c.family_ref = :ref)',
};

export type HoldOnFile = Pick<Hold, 'id' | 'kind' | 'scope' | 'scope_ref' | 'authority'>;

/** The holds in force that cover a file, each with the scope it matched by. */
export async function holdsOn(db: Knex, fileRef: string): Promise<HoldOnFile[]> {
  const result = await db.raw<{ rows: Hold[] }>(
    `select h.* from case_files f cross join lateral (${holdsOnFileSql('f')}) h where f.file_ref = :fileRef order by h.id`,
    { fileRef },
  );
  return result.rows;
}

/** The holds in force that covered a file and cover it no more, where nobody confirmed that; `likeness` where it was another file that they covered. */
export async function holdsThatLost(db: Knex, fileRef: string): Promise<(HoldOnFile & { likeness: Likeness | null })[]> {
  const result = await db.raw<{ rows: (HoldOnFile & { likeness: Likeness | null })[] }>(
    `select h.* from case_files f cross join lateral (select h.id, h.kind, h.scope, h.scope_ref, h.authority, k.likeness ${movedSql('f')}) h
     where f.file_ref = :fileRef order by h.id`,
    { fileRef },
  );
  return result.rows;
}

/**
 * The holds whose release made these files eligible, by file: they covered the file, were released since it became due, and
 * no earlier item of it says so already.
 */
export async function holdsReleasedFor(db: Knex, fileRefs: readonly string[]): Promise<Map<string, number[]>> {
  const result = await db.raw<{ rows: { file_ref: string; holds: number[] }[] }>(
    `select f.file_ref, array_agg(h.id::int order by h.id) as holds
     from case_files f join determinations d on d.file_ref = f.file_ref
     cross join lateral (select h.id from holds h where h.released_on >= d.eligible_from and ${holdCoversSql('f')}) h
     where f.file_ref = any(cast(:fileRefs as text[]))
       and not exists (select from disposal_list_items i where i.file_ref = f.file_ref and h.id = any(i.released_holds))
     group by f.file_ref`,
    { fileRefs },
  );
  return new Map(result.rows.map(({ file_ref, holds }) => [file_ref, holds]));
}

/** Keeps any hold from being placed or released until this transaction ends; waits for one that is being placed. */
export async function lockHolds(trx: Knex.Transaction): Promise<void> {
  await trx.raw('lock table holds in share mode');
}

/** Waits for archiving that has locked the holds, and keeps two people from answering one ask at once. */
async function lockHoldInForce(trx: Knex.Transaction, holdId: number): Promise<Hold> {
  // Not `for update`: an import that enters what the hold covers would keep people from answering until it ends.
  const hold = await trx<Hold>('holds').where({ id: holdId }).forNoKeyUpdate().first();
  if (!hold)
    throw new Refusal('no_such_hold', `There is no hold ${holdId}. "retention hold list" shows those there are.`, { hold: holdId });
  if (hold.released_on === null) return hold;
  throw new Refusal(
    'hold_released',
    `Hold ${holdId} was released on ${longDate(hold.released_on)} and stays so. To suspend disposal again, place a new hold.`,
    { hold: holdId },
  );
}

function refuseUnconfirmable(hold: Hold, person: Person, asOf: IsoDate): void {
  const about = { hold: hold.id };
  const ask = `ask for it with "retention hold release ${hold.id} --reason …"`;
  if (hold.release_asked_on === null) {
    throw new Refusal(
      'release_not_asked',
      `Nobody has asked for the release of hold ${hold.id}. One person must ${ask}, another confirms.`,
      about,
    );
  }
  if (samePerson(hold.release_asked_by, person.name)) {
    throw new Refusal(
      'own_request',
      `${person.name} asked for the release of hold ${hold.id}, so another person must confirm it. It stays in force.`,
      about,
    );
  }
  if (askHasLapsed(hold, asOf)) {
    throw new Refusal(
      'request_lapsed',
      `The ask for the release of hold ${hold.id}, of ${longDate(hold.release_asked_on)}, lapsed after ${REQUEST_LAPSES_AFTER_DAYS} days. The hold stays in force; ${ask} anew.`,
      about,
    );
  }
}

/** A hold as it stands on a day. */
export function holdSummary(hold: Hold, asOf: IsoDate): HoldSummary {
  return { ...hold, state: stateOf(hold, asOf), review_due: hold.released_on === null && hold.review_on <= asOf };
}

function stateOf(hold: Hold, asOf: IsoDate): HoldState {
  if (hold.released_on !== null) return 'released';
  if (hold.release_asked_on === null) return 'in_force';
  return askHasLapsed(hold, asOf) ? 'release_lapsed' : 'release_asked';
}

function askHasLapsed({ release_asked_on }: Hold, asOf: IsoDate): boolean {
  return release_asked_on !== null && requestHasLapsed(release_asked_on, asOf);
}
