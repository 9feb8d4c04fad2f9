/** Puts thousands of case files straight into the register of a test database, in place of those that were there. */
import type { Knex } from 'knex';
import type { CaseFile, Subject } from '../../rules/facts.ts';
import type { InventedFile } from './inventedFiles.ts';

/** Replaces the whole register; returns the files as they now stand, with their references. */
export async function replaceRegister(db: Knex, invented: readonly InventedFile[]): Promise<CaseFile[]> {
  const files = invented.map(withReferences);
  const children = files.flatMap(({ familyRef, familyBirths }) =>
    familyBirths.map((birth, i) => ({ familyRef, birth, ref: `${familyRef}-${i + 1}` })),
  );
  await db.transaction(async (trx) => {
    await trx.raw('truncate people, case_files, quarantine cascade');
    const rows = await trx('imports').insert({ as_of: '2026-11-22', counts: '{}' }).returning('id');
    const importId = (rows[0] as { id: number }).id;
    await insertPeople(trx, [...files.flatMap((file) => file.subjects), ...children.map(({ ref, birth }) => nobody(ref, birth))]);
    await insertFrom(
      trx,
      'families',
      'family_ref, child_ref',
      children.map(({ familyRef, ref }) => ({ family_ref: familyRef, child_ref: ref })),
    );
    await insertFiles(trx, files, importId);
    const incomplete = files
      .filter((file) => file.familyIncomplete)
      .map((file) => ({ import_id: importId, source: 'families.csv', line: 2, ref: file.familyRef, reason: 'invented' }));
    await insertFrom(trx, 'quarantine', 'import_id, source, line, ref, reason', incomplete);
  });
  await db.raw('analyze people, families, case_files, quarantine');
  return files;
}

function withReferences({ inFamily, ...file }: InventedFile, index: number): CaseFile {
  const fileRef = `F${String(index).padStart(7, '0')}`;
  const subjects = file.subjects.map((subject, i) => ({ personRef: `${fileRef}-${i + 1}`, name: null, ...subject }));
  return { ...file, fileRef, familyRef: inFamily ? `${fileRef}-FAM` : null, subjects };
}

function nobody(personRef: string, dateOfBirth: string | null): Subject {
  return { personRef, name: null, dateOfBirth, dateOfDeath: null, knownToAdultServices: null, posesRiskToChildren: null };
}

async function insertPeople(trx: Knex.Transaction, people: readonly Subject[]): Promise<void> {
  const rows = people.map((one) => ({
    person_ref: one.personRef,
    date_of_birth: one.dateOfBirth,
    date_of_death: one.dateOfDeath,
    known_to_adult_services: one.knownToAdultServices,
    poses_risk_to_children: one.posesRiskToChildren,
  }));
  await insertFrom(trx, 'people', 'person_ref, date_of_birth, date_of_death, known_to_adult_services, poses_risk_to_children', rows);
}

async function insertFiles(trx: Knex.Transaction, files: readonly CaseFile[], importId: number): Promise<void> {
  const rows = files.map((file) => ({
    file_ref: file.fileRef,
    categories: file.categories,
    subject_refs: file.subjects.map((subject) => subject.personRef),
    family_ref: file.familyRef,
    opened_on: file.openedOn,
    closed_on: file.closedOn,
    adoption_order_on: file.adoptionOrderOn,
    approval_ended_on: file.approvalEndedOn,
    notified_on: file.notifiedOn,
    last_entry_on: file.lastEntryOn,
    withdrawn_on: file.withdrawnOn,
    child_placed: file.childPlaced,
    originals_held: file.originalsHeld,
    medium: file.medium,
    import_id: importId,
  }));
  await insertFrom(trx, 'case_files', Object.keys(rows[0] ?? { file_ref: '' }).join(', '), rows);
}

async function insertFrom(trx: Knex.Transaction, table: string, columns: string, rows: readonly object[]): Promise<void> {
  await trx.raw(`insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, cast(:rows as json))`, {
    rows: JSON.stringify(rows),
  });
}
