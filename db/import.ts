/** Imports an extract: stages it, sets aside what cannot be linked or is archived, lands the rest, and counts every row. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { compareWithArchived, setAsideArchived } from './archivedRows.ts';
import { countOf } from './counts.ts';
import { countMismatches, ExtractRefused, type Extract } from './extract.ts';
import { EXTRACT_FILES, shown, type ExtractFileName } from './extractColumns.ts';
import { landStaged } from './landing.ts';
import { setAsideUnlinkable, STAGED, stageExtract, type Progress } from './staging.ts';

/** read = added + changed + unchanged + archived + rejected, of each file of the extract. */
export interface RowCounts {
  read: number;
  added: number;
  changed: number;
  unchanged: number;
  archived: number;
  rejected: number;
}

export interface ImportResult {
  importId: number;
  rows: Partial<Record<ExtractFileName, RowCounts>>;
  /** Files and columns that were ignored or absent, in words. */
  notices: string[];
  quarantined: number;
  /** Quarantined rows that the extract before did not have. */
  newlyQuarantined: number;
  /** Archived files that this extract has with other facts or documents than were archived, where nobody was told of it before. */
  differFromArchived: string[];
  /** Archived files that the source still had and has no more. */
  removedAtSource: string[];
  /** What the extract brake compares: the register before, and what this extract took away or changed. */
  change: { filesBefore: number; filesLost: number; birthsBefore: number; birthsChanged: number };
}

/** Imports in the transaction given. Throws ExtractRefused, with nothing changed, when the extract must be refused whole. */
export async function importExtract(
  trx: Knex.Transaction,
  extract: Extract,
  { asOf, runId, progress }: { asOf: IsoDate; runId: number; progress: Progress },
): Promise<ImportResult> {
  await trx.raw("select pg_advisory_xact_lock(hashtext('import'))");
  const read = await stageExtract(trx, extract, progress);
  const mismatches = extract.expectedRows ? countMismatches(extract.expectedRows, read) : [];
  if (mismatches.length > 0) {
    throw new ExtractRefused(
      'extract.json',
      `does not match the extract: ${mismatches.join('; ')}`,
      'Nothing was imported; export the extract again, whole',
    );
  }
  await setAsideArchived(trx);
  await setAsideUnlinkable(trx);

  const importId = await insertImport(trx, asOf, runId, extract);
  const before = await countBefore(trx, extract);
  const rows: ImportResult['rows'] = {};
  for (const name of EXTRACT_FILES) {
    if (!extract.files[name].present) continue;
    const landed = await landStaged(trx, name, extract.files[name].columns, { importId, asOf });
    rows[name] = await accountForRows(trx, name, read[name], landed);
  }
  const filesLost = await markMissingFiles(trx, asOf);
  const { newlyDiffering, removedAtSource } = await compareWithArchived(trx, asOf, extract);
  const { quarantined, newlyQuarantined } = await replaceQuarantine(trx, importId);
  await trx('imports')
    .where({ id: importId })
    .update({ counts: JSON.stringify(rows) });
  return {
    importId,
    rows,
    notices: noticesOf(extract),
    quarantined,
    newlyQuarantined,
    differFromArchived: newlyDiffering,
    removedAtSource,
    change: { ...before, filesLost },
  };
}

async function insertImport(trx: Knex.Transaction, asOf: IsoDate, runId: number, extract: Extract): Promise<number> {
  const rows = await trx('imports')
    .insert({ run_id: runId, as_of: asOf, exported_at: extract.exportedAt, counts: '{}', notices: JSON.stringify(noticesOf(extract)) })
    .returning('id');
  return (rows[0] as { id: number }).id;
}

/** Every row read has one fate; whatever is left over after the others stood there already, unchanged. */
async function accountForRows(
  trx: Knex.Transaction,
  name: ExtractFileName,
  read: number,
  { added, changed }: { added: number; changed: number },
): Promise<RowCounts> {
  const archived = await countOf(trx, `select count(distinct line) from staged_archived where source = '${name}'`);
  const rejected = await countOf(trx, `select count(distinct line) from staged_rejects where source = '${name}'`);
  const staged = await countOf(trx, `select count(*) from ${STAGED[name]}`);
  if (read !== staged + archived + rejected) {
    throw new Error(
      `${name}: ${read} rows were read but ${staged + archived + rejected} are accounted for. Nothing was imported; this is a fault of the product.`,
    );
  }
  return { read, added, changed, unchanged: staged - added - changed, archived, rejected };
}

async function countBefore(
  trx: Knex.Transaction,
  extract: Extract,
): Promise<{ filesBefore: number; birthsBefore: number; birthsChanged: number }> {
  const birthsChanged = extract.files['people.csv'].columns.includes('date_of_birth')
    ? await countOf(
        trx,
        'select count(*) from staged_people s join people t using (person_ref) where t.date_of_birth is not null and t.date_of_birth is distinct from s.date_of_birth',
      )
    : 0;
  return {
    filesBefore: await countOf(trx, 'select count(*) from case_files where missing_since is null'),
    birthsBefore: await countOf(trx, 'select count(*) from people where date_of_birth is not null'),
    birthsChanged,
  };
}

/** An extract is the whole register, so a file it does not have is blocked, never deleted. Returns how many went missing now. */
async function markMissingFiles(trx: Knex.Transaction, asOf: IsoDate): Promise<number> {
  const there = `(exists (select from staged_files s where s.file_ref = f.file_ref)
    or exists (select from staged_rejects q where q.source = 'files.csv' and q.ref = f.file_ref))`;
  await trx.raw(`update case_files f set missing_since = null where missing_since is not null and ${there}`);
  const result = await trx.raw<{ rowCount: number }>(
    `update case_files f set missing_since = :asOf where missing_since is null and not ${there}`,
    { asOf },
  );
  return result.rowCount;
}

async function replaceQuarantine(trx: Knex.Transaction, importId: number): Promise<{ quarantined: number; newlyQuarantined: number }> {
  await trx.raw(
    `create temp table told_before on commit drop as select distinct source, ref, column_name, reason from quarantine where told`,
  );
  await trx('quarantine').delete();
  const result = await trx.raw<{ rowCount: number }>(
    `insert into quarantine (import_id, source, line, ref, column_name, reason, told)
     select :importId, source, line, ref, column_name, reason, exists (select from told_before t
       where t.source = s.source and t.ref is not distinct from s.ref and t.column_name is not distinct from s.column_name and t.reason = s.reason)
     from staged_rejects s`,
    { importId },
  );
  const newlyQuarantined = await countOf(trx, 'select count(*) from quarantine where not told');
  return { quarantined: result.rowCount, newlyQuarantined };
}

/** Notes that people were told of all that is in quarantine and of how archived files differ: by a run that came to its end. */
export async function noteTold(db: Knex): Promise<void> {
  await db.raw('update quarantine set told = true where not told');
  await db.raw('update seen_again set told = true where not told');
}

function noticesOf(extract: Extract): string[] {
  const notices = extract.ignoredFiles.map((file) => `${shown(file)} is not part of an extract and was ignored.`);
  for (const name of EXTRACT_FILES) {
    const file = extract.files[name];
    if (!file.present) notices.push(`${name} is absent: what was known of it stays as it was.`);
    else {
      for (const column of file.ignoredColumns) notices.push(`${name}: the column "${column}" is unknown and was ignored.`);
      const [first, ...others] = file.absentColumns;
      if (first && others.length === 0) notices.push(`${name}: the column ${first} is absent: its facts stay as they were.`);
      if (others.length > 0)
        notices.push(`${name}: the columns ${file.absentColumns.join(', ')} are absent: their facts stay as they were.`);
    }
  }
  return notices;
}
