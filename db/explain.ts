/** Gathers what explains one file's date: its facts, both calculations' circumstances, and the history of facts and date. */
import type { Knex } from 'knex';
import { longDate, type IsoDate } from '../rules/dates.ts';
import { determine } from '../rules/determine.ts';
import { explain, type Explanation } from '../rules/explain.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Block } from '../rules/checks.ts';
import type { Schedule } from '../rules/schedule.ts';
import { candidacyOf } from './candidacy.ts';
import { loadCaseFiles } from './caseFiles.ts';
import { placedHistory } from './history.ts';
import type { Likeness } from './holdCover.ts';
import { holdsOn, holdsThatLost, type HoldOnFile } from './holds.ts';

/** The story of a registered file as of a day. Throws a Refusal for a reference that is not in the register. */
export async function explainFile(db: Knex, schedule: Schedule, asOf: IsoDate, fileRef: string): Promise<Explanation> {
  const [caseFile] = await loadCaseFiles(db, [fileRef]);
  if (!caseFile) throw await notRegistered(db, fileRef);
  const [candidacy] = await candidacyOf(db, schedule, asOf, [fileRef]);
  const determination = determine(caseFile, schedule, asOf);
  return explain(caseFile, determination, schedule, asOf, {
    blocks: candidacy?.blocks ?? [],
    cautions: candidacy?.cautions ?? [],
    details: await blockDetails(db, fileRef, asOf),
    history: await placedHistory(db, fileRef),
  });
}

async function blockDetails(db: Knex, fileRef: string, asOf: IsoDate): Promise<Partial<Record<Block, string>>> {
  const details: Partial<Record<Block, string>> = {};
  const holds = await holdsOn(db, fileRef);
  if (holds.length > 0) details.hold = holds.map((hold) => `${holdWords(hold)}.`).join(' ');
  const moved = await holdsThatLost(db, fileRef);
  if (moved.length > 0)
    details.hold_moved = [
      ...moved.map((hold) => `${holdWords(hold)}: ${LOST_WORDS[hold.likeness ?? 'reference']}`),
      'Somebody must confirm this.',
    ].join(' ');
  const listed = await db('disposal_list_items')
    .where({ file_ref: fileRef, binding: true })
    .first<{ list_id: number } | undefined>('list_id');
  if (listed) details.listed = `It is on disposal list ${listed.list_id} already.`;
  const deferral = await db('deferrals')
    .where({ file_ref: fileRef })
    .where('keep_until', '>=', asOf)
    .orderBy('keep_until', 'desc')
    .first<{ keep_until: IsoDate; reason_code: string } | undefined>();
  if (deferral)
    details.deferred = `It was decided to keep it through ${longDate(deferral.keep_until)}: ${deferral.reason_code.replaceAll('_', ' ')}.`;
  const shortened = await db('determinations')
    .where({ file_ref: fileRef })
    .whereNotNull('shortened_on')
    .first<{ shortened_on: IsoDate } | undefined>('shortened_on');
  if (shortened) details.shortened = `The date moved earlier on ${longDate(shortened.shortened_on)}. Somebody must confirm this.`;
  const quarantined = await db.raw<{ rows: { source: string; line: number; column_name: string | null; reason: string }[] }>(
    `select q.source, q.line, q.column_name, q.reason from case_files f join quarantine q
       on (q.ref = f.file_ref and q.source in ('files.csv', 'documents.csv')) or (q.ref = any(f.subject_refs) and q.source = 'people.csv')
         or (q.source = 'documents.csv' and q.line in (select m.line from quarantined_documents m where m.file_ref = f.file_ref)) or q.of_any_file
     where f.file_ref = :fileRef order by q.source, q.line limit ${SHOWN_ROWS}`,
    { fileRef },
  );
  if (quarantined.rows.length > 0) {
    details.quarantined = quarantined.rows
      .map((row) => `${row.source} line ${row.line}${row.column_name ? `, ${row.column_name}` : ''}: ${row.reason}.`)
      .join(' ');
  }
  const archived = await archivedUnder(db, fileRef);
  if (archived)
    details.reference_reused = `A file of this reference, about other people, was archived on ${longDate(archived.archived_on)}, on disposal list ${archived.list_id}. A records manager must say which this is: retention reference ${fileRef} (--came-back | --another-file) --reason "…".`;
  return details;
}

/** Rejected rows that an explanation names; the rest are in rejects.csv. */
const SHOWN_ROWS = 20;

/** When, and on which list, the file was archived that the reference stands for. */
async function archivedUnder(db: Knex, fileRef: string): Promise<{ archived_on: IsoDate; list_id: number } | undefined> {
  return db('residual_records')
    .where({ file_ref: fileRef, restored_on: null, kept_apart_on: null })
    .first<{ archived_on: IsoDate; list_id: number } | undefined>('archived_on', 'list_id');
}

function holdWords({ id, kind, scope, scope_ref, authority }: HoldOnFile): string {
  return `Hold ${id}: ${kind.replaceAll('_', ' ')} (${scope}${scope_ref ? ` ${scope_ref}` : ''}), ordered by ${authority}`;
}

/** Never the reference of another file: of an adoption it must not be named. */
const LOST_WORDS: Record<Likeness | 'reference', string> = {
  reference: 'it covered this file, and covers it no more only because a reference changed or a link went.',
  subject: 'a file that it covered is gone from the extract, and this later one is about the same person.',
  person: 'a file that it covered is gone from the extract, and this later one is about somebody of the same name and birth.',
  family: 'a file that it covered is gone from the extract, and this later one is of the same family.',
  facts: 'a file that it covered is gone from the extract, and this later one has the same categories and dates.',
};

/** Why there is no such file in the register: it was archived, or the reference is mistyped. */
export async function notRegistered(db: Knex, fileRef: string): Promise<Refusal> {
  const archived = await archivedUnder(db, fileRef);
  if (archived) {
    return new Refusal(
      'archived',
      `${fileRef} was moved to the archive on ${longDate(archived.archived_on)}, on disposal list ${archived.list_id}. What explains its date is in its bag.`,
      { file: fileRef },
    );
  }
  return new Refusal(
    'no_such_file',
    `There is no file ${fileRef} in the register. Check the reference; it is written exactly as in files.csv.`,
    { file: fileRef },
  );
}
