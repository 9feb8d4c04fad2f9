/** Reads case files of the register with everything a determination needs. */
import type { Knex } from 'knex';
import type { CaseFile } from '../rules/facts.ts';

/** The case files of these references, in the order given; unknown references are left out. */
export async function loadCaseFiles(db: Knex, fileRefs: readonly string[]): Promise<CaseFile[]> {
  const result = await db.raw<{ rows: { case_file: CaseFile }[] }>(
    `select json_build_object(
       'fileRef', f.file_ref, 'categories', f.categories, 'familyRef', f.family_ref, 'openedOn', f.opened_on, 'closedOn', f.closed_on,
       'adoptionOrderOn', f.adoption_order_on, 'approvalEndedOn', f.approval_ended_on, 'notifiedOn', f.notified_on, 'lastEntryOn', f.last_entry_on,
       'withdrawnOn', f.withdrawn_on, 'childPlaced', f.child_placed, 'originalsHeld', f.originals_held, 'medium', f.medium, 'location', f.location,
       'subjects', coalesce(
         (select json_agg(${subjectJson} order by s.place) from unnest(f.subject_refs) with ordinality s(ref, place) join people p on p.person_ref = s.ref),
         '[]'),
       'familyBirths', coalesce(
         (select json_agg(p.date_of_birth order by c.child_ref) from families c join people p on p.person_ref = c.child_ref
          where c.family_ref = f.family_ref), '[]'),
       'familyIncomplete', exists (select from quarantine where source = 'families.csv' and ref = f.family_ref)) as case_file
     from unnest(cast(:fileRefs as text[])) with ordinality asked(ref, place) join case_files f on f.file_ref = asked.ref collate "C"
     order by asked.place`,
    { fileRefs },
  );
  return result.rows.map((row) => row.case_file);
}

/** Rows of files by their references. */
export function byFileRef<Row extends { file_ref: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.file_ref, row]));
}

const subjectJson = `json_build_object('personRef', p.person_ref, 'name', p.name, 'dateOfBirth', p.date_of_birth, 'dateOfDeath', p.date_of_death,
  'knownToAdultServices', p.known_to_adult_services, 'posesRiskToChildren', p.poses_risk_to_children)`;
