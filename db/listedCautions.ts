/** Cautions that are said when a file is listed: on its item and nowhere else, for they are of what would be archived. */
import type { Knex } from 'knex';
import { CAUTIONS, type Caution, type CautionWhenListed } from '../rules/checks.ts';
import type { Schedule } from '../rules/schedule.ts';
import { isOfKindSql } from './categorySql.ts';

/** When each is said of a file `f`. */
const said = (schedule: Schedule): Record<CautionWhenListed, string> => ({
  // It is measured when its file is listed, so that it says the same until the file is listed anew.
  document_unread: 'exists (select from documents d where d.file_ref = f.file_ref and d.measured_size is null)',
  no_documents: "(f.medium is distinct from 'paper' and not exists (select from documents d where d.file_ref = f.file_ref))",
  // A person who poses a risk makes a file permanent, and on these files nobody has said that they do not.
  risk_unknown: `(${isOfKindSql(schedule, 'f', 'adopters', 'foster_carers')}
    and exists (select from people p where p.person_ref = any(f.subject_refs) and p.poses_risk_to_children is null))`,
});

/** What is said of each of these files besides its standing cautions, in the order of the law; files without any are left out. */
export async function cautionsWhenListed(db: Knex, schedule: Schedule, fileRefs: readonly string[]): Promise<Map<string, Caution[]>> {
  const words = Object.entries(said(schedule)).map(([word, condition]) => `case when ${condition} then '${word}' end`);
  const { rows } = await db.raw<{ rows: { file_ref: string; cautions: Caution[] }[] }>(
    `select * from (
       select f.file_ref, array_remove(array[${words.join(', ')}], null) as cautions
       from case_files f where f.file_ref = any(cast(:fileRefs as text[]))) said
     where cautions <> '{}'`,
    { fileRefs },
  );
  return new Map(rows.map(({ file_ref, cautions }) => [file_ref, cautions]));
}

/** Standing cautions and those said when listed as one list, in the order of the law. */
export function inLawsOrder(standing: readonly Caution[], whenListed: readonly Caution[] = []): Caution[] {
  return CAUTIONS.filter((caution) => standing.includes(caution) || whenListed.includes(caution));
}
