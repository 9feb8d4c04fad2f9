/** Rows of an extract about files that were archived: they store nothing, are counted, compared and named for removal. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { ROW_KEY, STAGED } from './staging.ts';
import type { ExtractFileName } from './extractColumns.ts';

/** Moves staged rows of archived files, and of people known only from such files, out of staging. */
export async function setAsideArchived(trx: Knex.Transaction): Promise<void> {
  await trx.raw('create temp table staged_archived (source text, line int, ref text collate "C") on commit drop');
  const archived = (alias: string) => `exists (select from residual_records a where a.file_ref = ${alias}.file_ref)
    and not exists (select from case_files k where k.file_ref = ${alias}.file_ref)`;
  await trx.raw(`create temp table archived_files on commit drop as select f.* from staged_files f where ${archived('f')}`);
  await trx.raw(`create temp table archived_people on commit drop as
    select p.* from staged_people p where exists (select from archived_files f where p.person_ref = any(f.subject_refs))`);
  await trx.raw(`create temp table archived_documents on commit drop as
    select d.* from staged_documents d where exists (select from archived_files f where f.file_ref = d.file_ref)`);
  await moveAway(trx, 'files.csv', archived('s'));
  await moveAway(trx, 'documents.csv', archived('s'));
  await trx.raw('create temp table live_subjects on commit drop as select distinct unnest(subject_refs) as person_ref from staged_files');
  await trx.raw('create index on live_subjects (person_ref); analyze live_subjects');
  await moveAway(trx, 'families.csv', isArchivedPerson('s.child_ref'));
  await moveAway(trx, 'people.csv', isArchivedPerson('s.person_ref'));
}

/** Notes which archived files the source still has, and returns those whose row differs from what was archived. */
export async function compareWithArchived(trx: Knex.Transaction, asOf: IsoDate): Promise<string[]> {
  await trx.raw(`alter table archived_files add column digest text`);
  await trx.raw(`update archived_files f set digest = ${archivedFactsDigest('archived_people', 'archived_documents')}`);
  const result = await trx.raw<{ rows: { file_ref: string }[] }>(
    `insert into seen_again (file_ref, first_seen_on, last_seen_on, differs)
     select f.file_ref, :asOf, :asOf, f.digest <> a.facts_digest from archived_files f join residual_records a using (file_ref)
     on conflict (file_ref) do update set last_seen_on = excluded.last_seen_on, differs = excluded.differs, gone_on = null
     returning file_ref, differs`,
    { asOf },
  );
  await trx.raw(
    `update seen_again w set gone_on = :asOf where gone_on is null and not exists (select from archived_files f where f.file_ref = w.file_ref)
       and not exists (select from staged_rejects q where q.source = 'files.csv' and q.ref = w.file_ref)`,
    { asOf },
  );
  return (result.rows as { file_ref: string; differs: boolean }[]).filter((row) => row.differs).map((row) => row.file_ref);
}

/**
 * SQL for the digest of a file's facts, people and documents, of a row `f` of case_files or staging; the same text at
 * archiving and at every later import, so that a different row is noticed without keeping what was archived.
 */
export function archivedFactsDigest(people: string, documents: string): string {
  const columns = [
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
  return `encode(sha256(convert_to(jsonb_build_array(${columns.map((column) => `f.${column}`).join(', ')},
    to_jsonb(f.categories), to_jsonb(coalesce(f.subject_refs, '{}')),
    (select jsonb_agg(jsonb_build_array(p.person_ref, p.date_of_birth, p.date_of_death, p.known_to_adult_services, p.poses_risk_to_children) order by p.person_ref)
      from ${people} p where p.person_ref = any(f.subject_refs)),
    (select jsonb_agg(d.path order by d.path) from ${documents} d where d.file_ref = f.file_ref))::text, 'UTF8')), 'hex')`;
}

/** Archived with all their files, and named by no file that is still registered or new. */
function isArchivedPerson(ref: string): string {
  return `(exists (select from archive_index i where i.person_ref = ${ref})
    and not exists (select from people k where k.person_ref = ${ref})
    and not exists (select from live_subjects l where l.person_ref = ${ref}))`;
}

async function moveAway(trx: Knex.Transaction, name: ExtractFileName, condition: string): Promise<void> {
  await trx.raw(`
    with gone as (delete from ${STAGED[name]} s where ${condition} returning s.line, s.${ROW_KEY[name][0]} as ref)
    insert into staged_archived select '${name}', line, ref from gone`);
}
