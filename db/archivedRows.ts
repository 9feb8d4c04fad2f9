/** Rows of an extract about files that were archived: they store nothing, are counted, compared and named for removal. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { ARCHIVED_OF_REFERENCE } from './archivedReference.ts';
import { recordEvent } from './audit.ts';
import type { Extract } from './extract.ts';
import { EXTRACT_FILES, type ExtractFileName } from './extractColumns.ts';
import { ROW_KEY, STAGED } from './staging.ts';
import { untold } from './told.ts';

export interface SeenAgain {
  /** Archived files whose facts or documents are other than archived, and other than when last seen: a person is told once. */
  newlyDiffering: string[];
  /** Archived files that were at the source until now, and are gone: what was asked for in `removals.csv` was done. */
  removedAtSource: string[];
}

/** Moves staged rows of archived files, and of people known only from such files, out of staging. */
export async function setAsideArchived(trx: Knex.Transaction): Promise<void> {
  await trx.raw('create temp table staged_archived (source text, line int, ref text collate "C") on commit drop');
  await findReused(trx);
  await keepForComparison(trx);
  await moveAway(trx, 'files.csv', isArchivedFile('s'));
  await moveAway(trx, 'documents.csv', isArchivedFile('s'));
  // Who is a subject of a file that lives, or a child of a family that has one, is needed, whatever was archived.
  await trx.raw(`create temp table live_people on commit drop as
    select distinct unnest(subject_refs) as person_ref from staged_files
    union select c.child_ref from staged_families c join staged_files f on f.family_ref = c.family_ref`);
  await trx.raw('create index on live_people (person_ref); analyze live_people');
  await moveAway(trx, 'families.csv', isArchivedPerson('s.child_ref'));
  await moveAway(trx, 'people.csv', isArchivedPerson('s.person_ref'));
}

/** Notes which archived files the source still has, which of them changed, and which are gone. */
export async function compareWithArchived(trx: Knex.Transaction, asOf: IsoDate, extract: Extract): Promise<SeenAgain> {
  const comparable = await everyColumnIsThere(trx, extract);
  await digestSeen(trx);
  const newlyDiffering = await noteSeen(trx, asOf, comparable);
  const removedAtSource = await noteGone(trx, asOf);
  if (newlyDiffering.length > 0) await recordEvent(trx, 'service', 'archived.differs', { files: newlyDiffering });
  if (removedAtSource.length > 0) await recordEvent(trx, 'service', 'archived.removed_at_source', { files: removedAtSource });
  return { newlyDiffering, removedAtSource };
}

/**
 * SQL for the digest of a file's facts, people and documents, of a row `f` of case_files or staging; the same text at
 * archiving and at every later import, so that a different row is noticed without keeping what was archived. The order of
 * several values in a cell is no fact.
 */
export function archivedFactsDigest(people: string, documents: string): string {
  const sorted = (column: string) => `(select jsonb_agg(v order by v) from unnest(${column}) v)`;
  return `encode(sha256(convert_to(jsonb_build_array(${FILE_FACTS.map((column) => `f.${column}`).join(', ')},
    ${sorted('f.categories')}, ${sorted('f.subject_refs')},
    (select jsonb_agg(jsonb_build_array(p.person_ref, ${PERSON_FACTS.map((column) => `p.${column}`).join(', ')}) order by p.person_ref)
      from ${people} p where p.person_ref = any(f.subject_refs)),
    (select jsonb_agg(jsonb_build_array(d.path, d.sha256) order by d.path) from ${documents} d where d.file_ref = f.file_ref))::text, 'UTF8')), 'hex')`;
}

/** In the place of a table of documents: the digest is then of the facts alone. */
export const NO_DOCUMENTS = "(select '' as file_ref, '' as path, '' as sha256 where false)";

/** Every column but names and locations, as in the digest of an item. */
const FILE_FACTS = [
  'file_ref',
  'family_ref',
  'opened_on',
  'closed_on',
  'adoption_order_on',
  'approval_ended_on',
  'notified_on',
  'last_entry_on',
  'withdrawn_on',
  'child_placed',
  'originals_held',
  'medium',
];
const PERSON_FACTS = ['date_of_birth', 'date_of_death', 'known_to_adult_services', 'poses_risk_to_children'];
const COMPARED: Partial<Record<ExtractFileName, readonly string[]>> = {
  'people.csv': ['person_ref', ...PERSON_FACTS],
  'files.csv': [...FILE_FACTS, 'categories', 'subject_refs'],
  'documents.csv': ['file_ref', 'path', 'sha256'],
};

function isArchivedFile(alias: string): string {
  return `${bearsArchivedReference(alias)} and not exists (select from reused_files u where u.file_ref = ${alias}.file_ref)`;
}

function bearsArchivedReference(alias: string): string {
  return `exists (select from residual_records r where r.file_ref = ${alias}.file_ref and ${ARCHIVED_OF_REFERENCE})
    and not exists (select from case_files k where k.file_ref = ${alias}.file_ref)`;
}

/**
 * Staged files that bear the reference of an archived one and are about other people: they land as files of their own. Somebody is
 * the same person while the reference is the same, unless both name and birth are known to be others'; and where a person has
 * said of these very people that it is the archived file, it is.
 */
async function findReused(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`create temp table reused_files on commit drop as
    select distinct s.file_ref from staged_files s
    where ${bearsArchivedReference('s')} and cardinality(s.subject_refs) > 0
      and not exists (select from archive_index i where i.file_ref = s.file_ref and i.kept_apart_list is null and i.person_ref = any(s.subject_refs)
        and not exists (select from staged_people p where p.person_ref = i.person_ref and ${isSomebodyElse('p', 'i')}))
      and not exists (select from reference_settlements t join residual_records r using (file_ref, list_id)
        where t.file_ref = s.file_ref and t.verdict = 'came_back' and t.subject_refs = s.subject_refs and ${ARCHIVED_OF_REFERENCE})`);
  await trx.raw('create index on reused_files (file_ref)');
}

/** A birth known in part may be any day it stands for. */
function isSomebodyElse(one: string, other: string): string {
  return `plain_letters(${one}.name) <> plain_letters(${other}.name)
    and not starts_with(${one}.date_of_birth, ${other}.date_of_birth) and not starts_with(${other}.date_of_birth, ${one}.date_of_birth)`;
}

/** Archived with all their files, and needed by no file that is registered or new. */
function isArchivedPerson(ref: string): string {
  return `(exists (select from archive_index i where i.person_ref = ${ref})
    and not exists (select from people k where k.person_ref = ${ref})
    and not exists (select from live_people l where l.person_ref = ${ref}))`;
}

/** A source that deletes nothing sends every archived file every night, so each step of this must take time by the row. */
async function keepForComparison(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`create temp table archived_files on commit drop as select f.* from staged_files f where ${isArchivedFile('f')}`);
  await trx.raw(`create temp table archived_people on commit drop as
    select p.* from staged_people p where p.person_ref in (select unnest(f.subject_refs) from archived_files f)`);
  await trx.raw(`create temp table archived_documents on commit drop as
    select d.* from staged_documents d where d.file_ref in (select f.file_ref from archived_files f)`);
  await trx.raw('create index on archived_people (person_ref); create index on archived_documents (file_ref)');
  await trx.raw('analyze archived_files, archived_people, archived_documents');
}

async function moveAway(trx: Knex.Transaction, name: ExtractFileName, condition: string): Promise<void> {
  await trx.raw(`
    with gone as (delete from ${STAGED[name]} s where ${condition} returning s.line, s.${ROW_KEY[name][0]} as ref)
    insert into staged_archived select '${name}', line, ref from gone`);
}

/** False when a column is absent that an earlier extract had: then a digest that differs proves nothing. */
async function everyColumnIsThere(trx: Knex.Transaction, extract: Extract): Promise<boolean> {
  const present = EXTRACT_FILES.flatMap((source) => extract.files[source].columns.map((column_name) => ({ source, column_name })));
  await trx('delivered_columns').insert(present).onConflict(['source', 'column_name']).ignore();
  const delivered = await trx('delivered_columns').select<typeof present>('source', 'column_name');
  return delivered.every(
    ({ source, column_name }) => !COMPARED[source]?.includes(column_name) || extract.files[source].columns.includes(column_name),
  );
}

/**
 * One row a file that was seen: its digest, and whether its rows are all there to be compared. A subject's or document's
 * row that was rejected is missing from the digest, and a reference given twice has two.
 */
async function digestSeen(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`create temp table archived_seen on commit drop as
    select f.file_ref, min(${archivedFactsDigest('archived_people', 'archived_documents')}) as digest,
      count(*) = 1 and not bool_or(exists (select from staged_rejects q where (q.source = 'people.csv' and q.ref = any(f.subject_refs))
        or (q.source = 'documents.csv' and q.ref = f.file_ref) or (q.source = 'files.csv' and q.ref = f.file_ref))) as whole
    from archived_files f group by f.file_ref`);
}

/** Where not everything was there to be compared, what was known of it stays. */
async function noteSeen(trx: Knex.Transaction, asOf: IsoDate, comparable: boolean): Promise<string[]> {
  const result = await trx.raw<{ rows: { file_ref: string }[] }>(
    `with compared as (
       select s.file_ref, s.digest, s.digest <> r.facts_digest as other, s.whole and :comparable as whole,
         coalesce(w.differs, false) as differed, w.digest as before
       from archived_seen s join residual_records r on r.file_ref = s.file_ref and ${ARCHIVED_OF_REFERENCE}
       left join seen_again w on w.file_ref = s.file_ref),
     judged as (
       select file_ref, case when whole then other else differed end as differs, case when whole then digest else coalesce(before, digest) end as digest,
         whole and other and ${untold('archived_differs', "file_ref || ' ' || digest")} as newly
       from compared),
     noted as (
       insert into seen_again (file_ref, first_seen_on, last_seen_on, differs, digest)
       select file_ref, :asOf, :asOf, differs, digest from judged
       on conflict (file_ref) do update set last_seen_on = excluded.last_seen_on, differs = excluded.differs, digest = excluded.digest,
         gone_on = null)
     select file_ref from judged where newly order by file_ref`,
    { asOf, comparable },
  );
  return result.rows.map((row) => row.file_ref);
}

/** Not where its own row was rejected, or one whose reference cannot be read: that may be the very one. */
async function noteGone(trx: Knex.Transaction, asOf: IsoDate): Promise<string[]> {
  const result = await trx.raw<{ rows: { file_ref: string }[] }>(
    `update seen_again w set gone_on = :asOf where gone_on is null and not exists (select from archived_seen s where s.file_ref = w.file_ref)
       and not exists (select from staged_rejects q where q.source = 'files.csv' and (q.ref = w.file_ref or q.ref is null))
     returning w.file_ref`,
    { asOf },
  );
  return result.rows.map((row) => row.file_ref).sort();
}
