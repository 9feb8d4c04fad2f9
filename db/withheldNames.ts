/** Where no page may show names: beside a file of an adoption, for who was born under one name lives under another. */
import type { Knex } from 'knex';
import { namesOfKind } from '../rules/categories.ts';
import { readVersions } from './schedules.ts';

/** What tells an adoption's file: its categories, or the rule of one that was archived before the index kept categories. */
export interface AdoptionMarks {
  categories: string[];
  rules: string[];
}

/** By every version ever taken over: a file that was archived as an adoption stays one, whatever a later version calls it. */
export async function adoptionMarks(db: Knex): Promise<AdoptionMarks> {
  const schedules = (await readVersions(db)).flatMap(({ schedule }) => schedule ?? []);
  return {
    categories: [...new Set(schedules.flatMap((schedule) => namesOfKind(schedule, 'adoption')))],
    rules: [
      ...new Set(
        schedules.flatMap((schedule) =>
          schedule.rules.filter(({ category }) => schedule.categories[category]?.is === 'adoption').map(({ id }) => id),
        ),
      ),
    ],
  };
}

/** True when the file is of an adoption, or one of its people has a file that is, in the register or in the archive. */
export async function touchesAdoption(db: Knex, fileRef: string): Promise<boolean> {
  const { categories, rules } = await adoptionMarks(db);
  const result = await db.raw<{ rows: { touches: boolean }[] }>(
    // Counted, not "exists": for few files of a million the planner would rather look at all of them than at the index.
    `select f.categories && cast(:categories as text[])
       or (select count(*) from case_files a where a.subject_refs && f.subject_refs and a.categories && cast(:categories as text[])) > 0
       or exists (select from archive_index i join residual_records r on r.file_ref = i.file_ref and r.restored_on is null
         where i.person_ref = any(f.subject_refs)
           and coalesce(i.categories && cast(:categories as text[]), r.rule = any(cast(:rules as text[])))) as touches
     from case_files f where f.file_ref = :fileRef`,
    { fileRef, categories, rules },
  );
  return result.rows[0]?.touches ?? false;
}
