/** Puts the rows of an archived file back into the register, as its bag has them, with the one determination every file has. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { CaseFile, Subject } from '../rules/facts.ts';
import type { Schedule } from '../rules/schedule.ts';
import type { RegisteredBeside } from './archiveItem.ts';
import type { VerifiedBag } from './bag.ts';
import { calculationSql, decodedRank, reviewsSql } from './calculate.ts';

/** The record `facts` of a bag. */
export type ArchivedFacts = CaseFile & Partial<RegisteredBeside>;

export interface PeoplePutBack {
  put_back: string[];
  /** Registered meanwhile with other facts than the bag has: the register's stay. */
  registered_otherwise: string[];
}

/** The facts a bag holds. Throws when it is another file's. */
export function factsOf(bag: VerifiedBag, fileRef: string): ArchivedFacts {
  const facts = bag.records['facts'] as ArchivedFacts | undefined;
  if (facts?.fileRef === fileRef) return facts;
  throw new Error(`The bag of ${fileRef} holds the facts of another file. Nothing was restored; tell who looks after the archive store.`);
}

/**
 * Inserts people, file, family links and documents, which belong to the file until the source has it again. The file must not be in
 * the register.
 */
export async function putBackRows(
  trx: Knex.Transaction,
  facts: ArchivedFacts,
  documents: VerifiedBag['documents'],
  asOf: IsoDate,
): Promise<PeoplePutBack> {
  const people = await putBackPeople(trx, facts.subjects);
  // The latest import stands for the one that first brought it.
  const [latest] = await trx('imports').max<{ import_id: number }[]>('id as import_id');
  await trx('case_files').insert({ ...fileRow(facts), ...latest, restored_on: asOf });
  await putBackFamily(trx, facts);
  const given = new Map((facts.documents ?? []).map(({ path, sha256 }) => [path, sha256]));
  const rows = documents.map(({ path, size, sha256 }) => ({
    file_ref: facts.fileRef,
    path,
    sha256: given.get(path) ?? null,
    measured_size: size,
    measured_sha256: sha256,
    restored_on: asOf,
  }));
  await trx.batchInsert('documents', rows, 500);
  return people;
}

/** Determines one file that has no determination yet. */
export async function determineFile(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate, fileRef: string): Promise<void> {
  const chosen = 'f.file_ref = :fileRef';
  const [sole, several] = calculationSql(schedule, chosen);
  await trx.raw(
    `insert into determinations (file_ref, rank, outcome, rule, anchor_on, retain_until, action, review_on, reason, schedule_version, determined_on, guarded_from)
     select file_ref, rank, outcome, rule, anchor_on, retain_until, action, review_on, reason, cast(:version as text), cast(:asOf as date),
       case outcome when 'permanent' then 'infinity' when 'expires' then retain_until + 1 end
     from (with reviews as (${reviewsSql(schedule, chosen)}), x as (${sole} union all ${several})
           select x.file_ref, x.rank, x.action, r.review_on, ${decodedRank(schedule)} from x left join reviews r using (file_ref)) determined`,
    { asOf, fileRef, version: schedule.version },
  );
}

async function putBackPeople(trx: Knex.Transaction, subjects: readonly Subject[]): Promise<PeoplePutBack> {
  const people: PeoplePutBack = { put_back: [], registered_otherwise: [] };
  for (const subject of subjects) {
    const row = personRow(subject);
    const inserted = await trx('people').insert(row).onConflict('person_ref').ignore().returning('person_ref');
    if (inserted.length > 0) people.put_back.push(subject.personRef);
    else if (!(await trx('people').where(row).first<object | undefined>('person_ref'))) people.registered_otherwise.push(subject.personRef);
  }
  return people;
}

async function putBackFamily(trx: Knex.Transaction, { familyRef, familyChildren = [] }: ArchivedFacts): Promise<void> {
  if (familyRef === null || familyChildren.length === 0) return;
  const there = await trx('people').whereIn('person_ref', familyChildren).pluck<string[]>('person_ref');
  const rows = there.map((childRef) => ({ family_ref: familyRef, child_ref: childRef }));
  if (rows.length > 0) await trx('families').insert(rows).onConflict(['family_ref', 'child_ref']).ignore();
}

function personRow(subject: Subject): Record<string, unknown> {
  return {
    person_ref: subject.personRef,
    name: subject.name,
    date_of_birth: subject.dateOfBirth,
    date_of_death: subject.dateOfDeath,
    known_to_adult_services: subject.knownToAdultServices,
    poses_risk_to_children: subject.posesRiskToChildren,
  };
}

function fileRow(facts: ArchivedFacts): Record<string, unknown> {
  return {
    file_ref: facts.fileRef,
    categories: facts.categories,
    subject_refs: facts.subjects.map((subject) => subject.personRef),
    family_ref: facts.familyRef,
    opened_on: facts.openedOn,
    closed_on: facts.closedOn,
    adoption_order_on: facts.adoptionOrderOn,
    approval_ended_on: facts.approvalEndedOn,
    notified_on: facts.notifiedOn,
    last_entry_on: facts.lastEntryOn,
    withdrawn_on: facts.withdrawnOn,
    child_placed: facts.childPlaced,
    originals_held: facts.originalsHeld,
    medium: facts.medium,
    location: facts.location,
  };
}
