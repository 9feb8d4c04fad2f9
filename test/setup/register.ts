/** Fills the register of a test database the way the night does: extract folders, imports and computes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'csv-stringify/sync';
import type { Knex } from 'knex';
import { computeDeterminations, type ComputeCounts } from '../../db/compute.ts';
import { openExtract } from '../../db/extract.ts';
import { importExtract, type ImportResult } from '../../db/import.ts';
import { startRun } from '../../db/runs.ts';
import type { IsoDate } from '../../rules/dates.ts';
import type { CaseFile, Subject } from '../../rules/facts.ts';
import type { Schedule } from '../../rules/schedule.ts';

/** Rows of an extract as its CSV files have them; a row's keys are its columns, and all rows of a file have the same. */
export interface ExtractRows {
  people: Record<string, string>[];
  files: Record<string, string>[];
  families?: Record<string, string>[];
}

/** Determinations name the version of the schedule that made them, so it must be known to the database. */
export async function enterSchedule(db: Knex, schedule: Schedule): Promise<void> {
  const { version, in_force_from } = schedule;
  await db('schedule_versions')
    .insert({ version, in_force_from, adopted_by: 'test', content: JSON.stringify(schedule) })
    .onConflict('version')
    .ignore();
}

/** Writes the rows into a folder, imports it in a transaction, and removes the folder. */
export async function importRows(db: Knex, rows: ExtractRows, schedule: Schedule, asOf: IsoDate): Promise<ImportResult> {
  const folder = await mkdtemp(path.join(tmpdir(), 'retention-extract-'));
  try {
    await writeFile(path.join(folder, 'people.csv'), stringify(rows.people, { header: true }));
    await writeFile(path.join(folder, 'files.csv'), stringify(rows.files, { header: true }));
    if (rows.families) await writeFile(path.join(folder, 'families.csv'), stringify(rows.families, { header: true }));
    const extract = await openExtract(folder, Object.keys(schedule.categories));
    const runId = await startRun(db, 'import', asOf);
    return await db.transaction((trx) => importExtract(trx, extract, { asOf, runId, progress: () => {} }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Determines every file as of a day, in a transaction. */
export async function compute(db: Knex, schedule: Schedule, asOf: IsoDate): Promise<ComputeCounts> {
  const runId = await startRun(db, 'compute', asOf);
  return db.transaction((trx) => computeDeterminations(trx, schedule, { asOf, previous: null, runId }));
}

/** A row of people.csv. */
export function personRow(person: Subject): Record<string, string> {
  return {
    person_ref: person.personRef,
    name: person.name ?? '',
    date_of_birth: person.dateOfBirth ?? '',
    date_of_death: person.dateOfDeath ?? '',
    known_to_adult_services: yesNo(person.knownToAdultServices),
    poses_risk_to_children: yesNo(person.posesRiskToChildren),
  };
}

/** A row of files.csv. */
export function fileRow(file: CaseFile): Record<string, string> {
  return {
    file_ref: file.fileRef,
    categories: file.categories.join(';'),
    subject_refs: file.subjects.map((subject) => subject.personRef).join(';'),
    family_ref: file.familyRef ?? '',
    opened_on: file.openedOn ?? '',
    closed_on: file.closedOn ?? '',
    adoption_order_on: file.adoptionOrderOn ?? '',
    approval_ended_on: file.approvalEndedOn ?? '',
    notified_on: file.notifiedOn ?? '',
    last_entry_on: file.lastEntryOn ?? '',
    withdrawn_on: file.withdrawnOn ?? '',
    child_placed: yesNo(file.childPlaced),
    originals_held: yesNo(file.originalsHeld),
    medium: file.medium ?? '',
    location: file.location ?? '',
  };
}

function yesNo(value: boolean | null): string {
  return value === null ? '' : value ? 'yes' : 'no';
}
