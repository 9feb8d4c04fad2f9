/** What archiving one file writes and moves: the records in its bag, and the transaction's part that empties the working tables. */
import { isDeepStrictEqual } from 'node:util';
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { explain } from '../rules/explain.ts';
import { clauseWords, ruleById, type Schedule } from '../rules/schedule.ts';
import { recordEvent } from './audit.ts';
import type { WrittenBag } from './bag.ts';
import type { CheckedFile } from './crossCheck.ts';
import { factChangesOf, historyOf } from './history.ts';
import { itemContent, listedDocuments, type ItemRow } from './items.ts';
import type { ListRow } from './lists.ts';

export interface Archiving {
  list: ListRow;
  item: ItemRow;
  schedule: Schedule;
  asOf: IsoDate;
}

/** The JSON records of the bag: the facts with their history, what people recorded, the determination explained, and what was signed. */
export async function bagRecords(
  db: Knex,
  checked: CheckedFile,
  { list, item, schedule, asOf }: Archiving,
): Promise<Record<string, unknown>> {
  const { caseFile, determination, candidacy } = checked;
  const { blocks, cautions } = candidacy;
  const history = await historyOf(db, caseFile.fileRef);
  const documents = await listedDocuments(db, [caseFile.fileRef]);
  const beside = await registeredBeside(db, caseFile.fileRef);
  const { id, rule, action, schedule_version, listed_on, signed_by, signed_on, signed_digest, cooling_off_days } = list;
  return {
    facts: { ...caseFile, ...beside, history, changes: await factChangesOf(db, caseFile.fileRef) },
    casework: await caseworkOn(db, item),
    determination: explain(caseFile, determination, schedule, asOf, { blocks, cautions, details: {}, history }),
    'sign-off': {
      list: { id, rule, action, schedule_version, listed_on, signed_by, signed_on, signed_digest, cooling_off_days },
      item: itemContent(item, caseFile, documents.get(caseFile.fileRef) ?? []),
      item_digest: item.item_digest,
    },
  };
}

/**
 * True when a bag with the one's records says of the file, its history and its casework what the other's do. The rest is what
 * was signed, which the item's digest proves, or follows from these.
 */
export function sameRecords(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  return ['facts', 'casework'].every((record) => isDeepStrictEqual(asRead(one[record]), asRead(other[record])));
}

/** As it reads back from a bag. */
function asRead(record: unknown): unknown {
  return JSON.parse(JSON.stringify(record)) as unknown;
}

/**
 * What people recorded about a file, free text included. It leaves the database with the file, so the bag must have it as it
 * stands under the last locks: whoever archives compares it there with what was packed.
 */
async function caseworkOn(db: Knex, { file_ref: fileRef, list_id }: ItemRow): Promise<Record<string, unknown[]>> {
  const casework: Record<string, unknown[]> = {};
  for (const table of ['confirmations', 'reviews_done', 'originals', 'deferrals', 'referrals']) {
    casework[table] = await db(table).where({ file_ref: fileRef }).orderBy('id');
  }
  // Of this list the sign-off has everything; the words of earlier ones are emptied when the file goes.
  casework['other_lists'] = await db('disposal_list_items')
    .where({ file_ref: fileRef })
    .whereNot({ list_id })
    .orderBy('list_id')
    .select('list_id', 'decision', 'keep_until', 'reason_code', 'note', 'decided_by', 'decided_on', 'status', 'status_reason', 'status_on');
  return casework;
}

/**
 * Moves a file out of the working tables: what stays is the archive index, the residual record, the sources to remove, and
 * on its lists the years. In the transaction that has locked and re-checked it. `status` is the item's last.
 */
export async function moveToArchive(
  trx: Knex.Transaction,
  bag: WrittenBag,
  archiving: Archiving,
  { status, actor }: { status: 'archived' | 'transferred'; actor: string },
): Promise<void> {
  const { item, asOf } = archiving;
  await writeResidualRecord(trx, bag, archiving);
  await writeArchiveIndex(trx, item.file_ref, bag.location);
  if (bag.documents.length > 0) {
    await trx.batchInsert(
      'source_removals',
      bag.documents.map(({ path, size, sha256 }) => ({ file_ref: item.file_ref, list_id: item.list_id, path, size, sha256 })),
      500,
    );
  }
  await trx('disposal_list_items')
    .where({ list_id: item.list_id, file_ref: item.file_ref })
    .update({ status, status_on: asOf, status_reason: null, binding: false });
  await emptyItems(trx, item.file_ref);
  // The chain lets one transaction at a time past here, so that of two that archive siblings the second sees the first gone.
  await recordEvent(trx, actor, `item.${status}`, { list: item.list_id, file: item.file_ref, bag: bag.sha256 });
  await removeFromRegister(trx, item.file_ref);
}

/** What the register has beside the facts a determination reads; with them a restored file is as it was. */
export interface RegisteredBeside {
  /** As the extract gives them. */
  documents: { path: string; sha256: string | null }[];
  /** References of the children `families.csv` records for the file's family. */
  familyChildren: string[];
}

async function registeredBeside(db: Knex, fileRef: string): Promise<RegisteredBeside> {
  const documents = await db('documents')
    .where({ file_ref: fileRef })
    .orderBy('path')
    .select<RegisteredBeside['documents']>('path', 'sha256');
  const familyChildren = await db('families')
    .join('case_files', 'case_files.family_ref', 'families.family_ref')
    .where({ file_ref: fileRef })
    .orderBy('child_ref')
    .pluck<string[]>('child_ref');
  return { documents, familyChildren };
}

async function writeResidualRecord(trx: Knex.Transaction, bag: WrittenBag, { list, item, schedule, asOf }: Archiving): Promise<void> {
  await trx.raw(
    `insert into residual_records (file_ref, list_id, rule, clause, schedule_version, anchor_year, retain_year, action, decided_by, signed_by, signed_on,
       archived_on, adult_file_ref, bag_sha256, documents_expected, documents_packed, facts_digest)
     select f.file_ref, :list, :rule, :clause, :version, :anchorYear, :retainYear, :action, :decidedBy, :signedBy, :signedOn, :asOf,
       (select r.adult_file_ref from transfer_receipts r where r.list_id = :list and r.file_ref = f.file_ref), :bag,
       (select count(*) from documents d where d.file_ref = f.file_ref), :packed, facts_digest_of(f.file_ref)
     from case_files f where f.file_ref = :file`,
    {
      list: list.id,
      file: item.file_ref,
      rule: item.rule,
      clause: clauseWords(ruleById(schedule, item.rule)),
      version: item.schedule_version,
      anchorYear: item.anchor_year,
      retainYear: item.retain_year,
      action: item.action,
      decidedBy: item.decided_by,
      signedBy: list.signed_by,
      signedOn: list.signed_on,
      asOf,
      bag: bag.sha256,
      packed: bag.documents.length,
    },
  );
}

async function writeArchiveIndex(trx: Knex.Transaction, fileRef: string, location: string): Promise<void> {
  await trx.raw(
    `insert into archive_index (file_ref, person_ref, name, date_of_birth, categories, bag_location)
     select f.file_ref, p.person_ref, p.name, p.date_of_birth, f.categories, :location
     from case_files f left join people p on p.person_ref = any(f.subject_refs) where f.file_ref = :fileRef`,
    { fileRef, location },
  );
}

/**
 * Days and words are personal data: an anchor may be a date of birth, a note may name somebody. What was signed stays
 * provable by the bag.
 */
export async function emptyItems(trx: Knex.Transaction, fileRef: string): Promise<void> {
  await trx('disposal_list_items')
    .where({ file_ref: fileRef })
    .update({ anchor_on: null, retain_until: null, note: null, facts_digest: null, case_digest: null });
  await trx('disposal_list_items')
    .where({ file_ref: fileRef, status: 'withdrawn' })
    .update({ status_reason: 'the reason was emptied when the file was archived' });
  await trx('restore_requests').where({ file_ref: fileRef }).update({ reason: null });
}

/** Deletes the file with all that hangs on it, and its people unless another file or a family that still has one needs them. */
export async function removeFromRegister(trx: Knex.Transaction, fileRef: string): Promise<void> {
  const rows = await trx('case_files')
    .where({ file_ref: fileRef })
    .delete()
    .returning<{ subject_refs: string[]; family_ref: string | null }[]>(['subject_refs', 'family_ref']);
  // A child whose own file went earlier was kept for this family's sake. One array, so that the people are found by their key.
  const gone = await trx.raw<{ rows: { person_ref: string }[] }>(
    `delete from people p where p.person_ref = any(cast(:subjects as text[]) || array(
         select c.child_ref from families c where c.family_ref = :family and exists (select from archive_index i where i.person_ref = c.child_ref)))
       and not exists (select from case_files f where f.subject_refs @> array[p.person_ref])
       and not exists (select from families c join case_files f on f.family_ref = c.family_ref where c.child_ref = p.person_ref)
     returning p.person_ref`,
    { subjects: rows[0]?.subject_refs ?? [], family: rows[0]?.family_ref ?? null },
  );
  await trx('fact_changes').where({ ref: fileRef }).whereIn('kind', ['file', 'document']).delete();
  await trx('fact_changes')
    .where({ kind: 'person' })
    .whereIn(
      'ref',
      gone.rows.map((row) => row.person_ref),
    )
    .delete();
}
