/** Facts: changed by an import alone, never lost while their file is in the register, and their history never rewritten. */
import { ARCHIVED_OF_REFERENCE } from '../archivedReference.ts';
import { changed, neverDeleted, refuse, refuseIf, type Guard } from './guard.ts';

const BY_IMPORT = 'Correct it in the source system; the next extract brings it in, with its history.';

/** Columns of the extract, by table: what changes at a prompt would change dates without a trace. */
const FACTS = {
  people: ['person_ref', 'name', 'date_of_birth', 'date_of_death', 'known_to_adult_services', 'poses_risk_to_children'],
  families: ['family_ref', 'child_ref'],
  documents: ['file_ref', 'path', 'sha256', 'restored_on'],
} as const;

export const FACT_GUARDS: readonly Guard[] = [
  ...Object.entries(FACTS).map(([table, columns]) => ({
    table,
    name: `${table}_change_by_an_import_alone`,
    fires: `before update of ${columns.join(', ')}`,
    statement: true as const,
    body: refuseIf('not is_import()', `${table} change by an import alone`, BY_IMPORT),
  })),
  {
    table: 'case_files',
    name: 'case_files_change_by_an_import_alone',
    fires: 'before update',
    statement: true,
    body: refuseIf('not is_import()', 'case files change by an import alone', BY_IMPORT),
  },
  {
    table: 'case_files',
    name: 'case_files_leave_by_the_archive_alone',
    fires: 'before delete',
    body: refuseIf(
      // One that came after the list its reference was archived on is another file, unless a person said that it is not.
      `not exists (select from disposal_list_items i join residual_records r using (list_id, file_ref) join disposal_lists l on l.id = i.list_id
         where i.file_ref = old.file_ref and i.status in ('archived', 'transferred') and ${ARCHIVED_OF_REFERENCE}
           and (l.run_id is null or l.run_id >= (select m.run_id from imports m where m.id = old.import_id)
             or exists (select from reference_settlements s where s.file_ref = r.file_ref and s.list_id = r.list_id and s.verdict = 'came_back')))`,
      'file % leaves the register by the archive alone',
      'A file ends by being listed, approved, signed off and archived; one that the extract no longer has is blocked, never deleted.',
      ['old.file_ref'],
    ),
  },
  {
    table: 'people',
    name: 'people_stay_while_a_file_is_about_them',
    fires: 'before delete',
    body: refuseIf(
      // Counted, not "exists": for that one file of a million the planner would rather look at all files than at the index.
      '(select count(*) from case_files f where f.subject_refs @> array[old.person_ref]) > 0',
      'person % stays in the register while a case file is about them',
      'People leave with their last file, when it is archived.',
      ['old.person_ref'],
    ),
  },
  {
    table: 'families',
    name: 'families_change_by_an_import_or_with_their_people',
    fires: 'before delete',
    body: refuseIf(
      'exists (select from people p where p.person_ref = old.child_ref) and not is_import()',
      'the children of family % change by an import alone',
      BY_IMPORT,
      ['old.family_ref'],
    ),
  },
  {
    table: 'documents',
    name: 'documents_go_by_an_import_or_with_their_file',
    fires: 'before delete',
    body: refuseIf(
      'exists (select from case_files f where f.file_ref = old.file_ref) and not is_import()',
      'the documents of file % change by an import alone',
      BY_IMPORT,
      ['old.file_ref'],
    ),
  },
  {
    table: 'quarantine',
    name: 'quarantine_is_emptied_by_an_import_alone',
    fires: 'before update of import_id, source, line, ref, column_name, reason, path, of_any_file or delete',
    statement: true,
    body: refuseIf('not is_import()', 'the quarantine is emptied by an import alone', BY_IMPORT),
  },
  {
    table: 'quarantined_documents',
    name: 'quarantined_documents_are_emptied_by_an_import_alone',
    fires: 'before update or delete',
    statement: true,
    body: refuseIf('not is_import()', 'the quarantine is emptied by an import alone', BY_IMPORT),
  },
  {
    table: 'fact_changes',
    name: 'fact_changes_leave_with_what_they_are_about',
    fires: 'before delete',
    body: refuseIf(
      `case old.kind when 'person' then exists (select from people p where p.person_ref = old.ref)
         when 'family' then exists (select from case_files f where f.family_ref = old.ref)
         else exists (select from case_files f where f.file_ref = old.ref) end`,
      'the history of % stays while it is in the register',
      'It goes into the bag when the file is archived.',
      ['old.ref'],
    ),
  },
  {
    table: 'imports',
    name: 'imports_are_never_rewritten',
    fires: 'before update',
    body: refuseIf('old.landed_at <> now()', 'import % is never changed once it has landed', 'Import again.', ['old.id']),
  },
  neverDeleted('imports', 'imports', 'Import again; each import is a row of its own.'),
  {
    table: 'determinations',
    name: 'determinations_stay_with_their_file',
    fires: 'before delete',
    body: refuseIf(
      'exists (select from case_files f where f.file_ref = old.file_ref)',
      'file % keeps its determination while it is in the register',
      'The compute step determines every file anew each night.',
      ['old.file_ref'],
    ),
  },
  {
    table: 'determinations',
    name: 'a_shortened_date_is_confirmed_by_a_person',
    fires: 'before update',
    when: `(old.shortened_on is not null and new.shortened_on is null) or new.guarded_from < old.guarded_from
      or (old.guarded_from is not null and new.guarded_from is null)`,
    body: refuseIf(
      `new.outcome <> 'permanent' and not exists (select from confirmations c where c.file_ref = new.file_ref and c.block = 'shortened'
         and c.confirmed_on >= coalesce(old.shortened_on, c.confirmed_on))`,
      'the date of file % became earlier, and only a person’s confirmation ends that',
      'A records manager confirms it with a reason: retention confirm FILE_REF --reason "…".',
      ['old.file_ref'],
    ),
  },
  {
    table: 'determination_changes',
    name: 'determination_changes_leave_with_their_file',
    fires: 'before delete',
    body: refuseIf(
      'exists (select from case_files f where f.file_ref = old.file_ref)',
      'the history of % stays while it is in the register',
      'It goes into the bag when the file is archived.',
      ['old.file_ref'],
    ),
  },
  {
    table: 'disagreements',
    name: 'disagreements_are_settled_never_rewritten',
    fires: 'before update or delete',
    body: `if tg_op = 'DELETE' then
        ${refuseIf('exists (select from case_files f where f.file_ref = old.file_ref)', 'disagreements are never deleted', 'The re-check settles one when both calculations agree again.')}
      elsif old.settled_on is not null or ${changed(['id', 'file_ref', 'found_on', 'run_id', 'in_bulk', 'one_by_one'])} then
        ${refuse('disagreements are settled, never rewritten', 'The re-check settles one when both calculations agree again.')}
      end if;`,
  },
];
