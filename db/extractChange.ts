/** Counts what an extract lost or changed against the one before it: every kind of row, and the facts that free or keep a file. */
import type { Knex } from 'knex';
import type { Extract } from './extract.ts';
import type { ExtractFileName } from './extractColumns.ts';
import type { ExtractChange, Losable } from './extractLosses.ts';
import { isGone } from './landing.ts';
import { rejectedRowsSpare } from './rejectedDocuments.ts';

/**
 * Counted on staged rows, before any has landed. What was archived is in the register no more, and so counts for nothing; nor
 * does a row that was rejected, for it is there.
 */
export async function countChange(trx: Knex.Transaction, extract: Extract, lacks: string[]): Promise<ExtractChange> {
  const asked = Object.entries(QUESTIONS).flatMap(([what, { before, lost }]) => [
    `(select count(*) from ${before})::int as "${what}Before"`,
    `${lost(extract)} as "${what}${what === 'births' ? 'Changed' : 'Lost'}"`,
  ]);
  const result = await trx.raw<{ rows: Omit<ExtractChange, 'lacks'>[] }>(`select ${asked.join(', ')}`);
  return { ...(result.rows[0] as Omit<ExtractChange, 'lacks'>), lacks };
}

/** SQL for whether the extract has the file of `alias`, if only by a row that was rejected. */
export function fileIsThere(alias: string): string {
  return `(exists (select from staged_files s where s.file_ref = ${alias}.file_ref)
    or exists (select from staged_rejects q where q.source = 'files.csv' and q.ref = ${alias}.file_ref))`;
}

/** Rows of a select over the register, and a select of those among them that this extract lacks. */
interface Question {
  before: string;
  lost: (extract: Extract) => string;
}

const PERSON = 'people t join staged_people s using (person_ref)';
const FILE = 'case_files t join staged_files s using (file_ref)';
/** Not what a restore brought back, before the source has had it again. */
const REGISTERED = 'case_files f where f.missing_since is null and f.restored_on is null';
const LISTED_DOCUMENTS = `documents t join case_files f using (file_ref) where t.absent_since is null and f.missing_since is null and t.restored_on is null`;
/** Not those of a child whose files are all archived: the source was asked to delete them. */
const OF_ARCHIVED_CHILD = `exists (select from archive_index i where i.person_ref = gone.child_ref)
  and not exists (select from case_files f where f.subject_refs @> array[gone.child_ref])`;

const QUESTIONS: Record<Losable | 'births', Question> = {
  files: { before: REGISTERED, lost: () => counted(`${REGISTERED} and not ${fileIsThere('f')}`) },
  documents: {
    before: LISTED_DOCUMENTS,
    lost: ifPresent(
      'documents.csv',
      null,
      `(select from documents t where t.absent_since is null and ${isGone('documents.csv')}
        union all select from ${LISTED_DOCUMENTS} and not ${fileIsThere('f')} and ${rejectedRowsSpare('t')}) gone`,
    ),
  },
  familyLinks: {
    before: 'families t where t.absent_since is null',
    lost: ifPresent(
      'families.csv',
      null,
      `(select t.child_ref from families t where t.absent_since is null and ${isGone('families.csv')} offset 0) gone where not (${OF_ARCHIVED_CHILD})`,
    ),
  },
  deaths: {
    before: 'people t where t.date_of_death is not null',
    lost: ifPresent('people.csv', 'date_of_death', `${PERSON} where t.date_of_death is not null and s.date_of_death is null`),
  },
  closures: {
    before: 'case_files t where t.missing_since is null and t.closed_on is not null',
    lost: ifPresent('files.csv', 'closed_on', `${FILE} where t.closed_on is not null and s.closed_on is null`),
  },
  riskFlags: {
    before: 'people t where t.poses_risk_to_children',
    lost: ifPresent(
      'people.csv',
      'poses_risk_to_children',
      `${PERSON} where t.poses_risk_to_children and s.poses_risk_to_children is not true`,
    ),
  },
  births: {
    before: 'people t where t.date_of_birth is not null',
    lost: ifPresent(
      'people.csv',
      'date_of_birth',
      `${PERSON} where t.date_of_birth is not null and t.date_of_birth is distinct from s.date_of_birth`,
    ),
  },
};

/** A file or column that is absent leaves its facts as they were, and is told of by name. */
function ifPresent(file: ExtractFileName, column: string | null, lost: string): (extract: Extract) => string {
  return ({ files }) => (files[file].present && (column === null || files[file].columns.includes(column)) ? counted(lost) : '0');
}

function counted(from: string): string {
  return `(select count(*) from ${from})::int`;
}
