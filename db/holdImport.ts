/** Places the holds of a file in one transaction: thousands of references, none of them twice. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { recordEvent, recordEvents } from './audit.ts';
import { coverPlaced } from './holdCover.ts';
import type { HoldFile, HoldRow, RejectedHold } from './holdFile.ts';
import { namesOfScopeSql } from './holdMatching.ts';
import type { Hold } from './holds.ts';

/** read = placed + already_in_force + rejected. */
export interface HoldImport {
  read: number;
  placed: number;
  /** Rows of which the very same hold is in force, or stands further up in the file. */
  already_in_force: number;
  rejected: number;
  rejects: RejectedHold[];
  /** Holds just placed that cover no registered file yet; they cover whatever arrives later. */
  matching_nothing: { hold: number; scope: string }[];
  ignored_columns: string[];
}

/** Places what can be placed. The caller tells people of the rest: rejected rows, and holds that match nothing yet. */
export async function importHolds(
  trx: Knex.Transaction,
  file: HoldFile,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<HoldImport> {
  requirePermission(person, 'hold');
  // So that two imports of one file at once do not both find its holds missing. Waits for archiving, as placing one hold does.
  await trx.raw('lock table holds in share row exclusive mode');
  const { fresh, inForce, past } = await sortRows(trx, file.rows, asOf);
  const placed = await insertHolds(trx, fresh, person, asOf);
  await coverPlaced(
    trx,
    placed.map(({ id }) => id),
    asOf,
  );
  const rejects = [...file.rejects, ...past].sort((a, b) => a.line - b.line);
  const rejected = new Set(rejects.map((reject) => reject.line)).size;
  await recordEvents(
    trx,
    person.name,
    'hold.placed',
    placed.map(({ id, kind, scope, scope_ref, review_on }) => ({ hold: id, kind, scope, scope_ref, review_on })),
  );
  const counts = { read: file.read, placed: placed.length, already_in_force: inForce, rejected };
  await recordEvent(trx, person.name, 'holds.imported', { file_sha256: file.digest, ...counts });
  return {
    ...counts,
    rejects,
    matching_nothing: await matchingNothing(trx, placed),
    ignored_columns: file.ignoredColumns,
  };
}

interface SortedRows {
  fresh: HoldRow[];
  inForce: number;
  past: RejectedHold[];
}

async function sortRows(trx: Knex.Transaction, rows: readonly HoldRow[], asOf: IsoDate): Promise<SortedRows> {
  const known = await findKnown(trx, rows);
  const sorted: SortedRows = { fresh: [], inForce: 0, past: [] };
  for (const row of rows) {
    const found = known.get(row.line);
    if (found?.in_force) sorted.inForce++;
    // A hold placed long ago by the same row is known above, so a day gone by here is a mistake.
    else if (row.reviewOn <= asOf) sorted.past.push({ line: row.line, column: 'review_on', reason: 'a hold is reviewed on a day to come' });
    else if (found?.repeated) sorted.inForce++;
    else sorted.fresh.push(row);
  }
  return sorted;
}

const GIVEN = `json_to_recordset(cast(:rows as json)) as g(line int, kind text, scope text, scope_ref text, authority text, review_on date)`;

/** Which rows are in force already or repeat an earlier row, by line. */
async function findKnown(trx: Knex.Transaction, rows: readonly HoldRow[]): Promise<Map<number, { in_force: boolean; repeated: boolean }>> {
  // `coalesce` lets the join hash on the reference, which `is not distinct from` cannot.
  const result = await trx.raw<{ rows: { line: number; in_force: boolean; repeated: boolean }[] }>(
    `select g.line, exists (select from holds h where h.released_on is null and h.kind = g.kind and h.scope = g.scope
         and coalesce(h.scope_ref, '') = coalesce(g.scope_ref, '') and h.authority = g.authority and h.review_on = g.review_on) as in_force,
       row_number() over (partition by g.kind, g.scope, g.scope_ref, g.authority, g.review_on order by g.line) > 1 as repeated
     from ${GIVEN}`,
    { rows: asJson(rows) },
  );
  return new Map(result.rows.map(({ line, ...found }) => [line, found]));
}

async function insertHolds(trx: Knex.Transaction, rows: readonly HoldRow[], person: Person, asOf: IsoDate): Promise<Hold[]> {
  const result = await trx.raw<{ rows: Hold[] }>(
    `insert into holds (kind, scope, scope_ref, authority, review_on, placed_by, placed_on)
     select g.kind, g.scope, g.scope_ref, g.authority, g.review_on, :placedBy, :asOf from ${GIVEN} order by g.line
     returning *`,
    { rows: asJson(rows), placedBy: person.name, asOf },
  );
  return result.rows;
}

/**
 * The same question as `holdCoversSql`, from the hold's side. `count` where one would write `exists`: for the latter the planner
 * believes that it soon meets a match, and reads the whole register for each hold instead of its index.
 */
async function matchingNothing(trx: Knex.Transaction, placed: readonly Hold[]): Promise<HoldImport['matching_nothing']> {
  const result = await trx.raw<{ rows: { hold: number; scope: string }[] }>(
    `select h.id as hold, concat_ws(':', h.scope, h.scope_ref) as scope from holds h
     where h.id = any(cast(:ids as bigint[])) and not case h.scope
       when 'everything' then exists (select from case_files)
       when 'category' then exists (select from case_files f where f.categories && ${namesOfScopeSql('h.scope_ref')})
       when 'file' then exists (select from case_files f where f.file_ref = h.scope_ref)
       when 'person' then (select count(*) from case_files f where f.subject_refs @> array[h.scope_ref]) > 0
       when 'family' then exists (select from case_files f where f.family_ref = h.scope_ref)
         or (select count(*) from families c join case_files f on f.subject_refs @> array[c.child_ref] where c.family_ref = h.scope_ref) > 0
       end
     order by h.id`,
    { ids: placed.map((hold) => hold.id) },
  );
  return result.rows;
}

function asJson(rows: readonly HoldRow[]): string {
  return JSON.stringify(rows.map(({ scopeRef, reviewOn, ...row }) => ({ ...row, scope_ref: scopeRef, review_on: reviewOn })));
}
