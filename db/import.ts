/** Imports an extract: stages it, sets aside what cannot be linked or is archived, lands the rest, and counts every row. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { compareWithArchived, setAsideArchived } from './archivedRows.ts';
import { isOn, tripBrake } from './brakes.ts';
import { countOf } from './counts.ts';
import { countMismatches, ExtractRefused, type Extract } from './extract.ts';
import { lackedSince, refuseOlder, shapeBefore, shapeOf, type ExtractShape } from './extractBefore.ts';
import { countChange, fileIsThere } from './extractChange.ts';
import { EXTRACT_FILES, type ExtractFileName } from './extractColumns.ts';
import { extractIsSuspect, type ExtractChange } from './extractLosses.ts';
import { followCovered, rememberCovered } from './holdCover.ts';
import { landStaged } from './landing.ts';
import { reusedReferences } from './reusedReferences.ts';
import { judgeRejectedDocuments, noteWhoseTheyMayBe } from './rejectedDocuments.ts';
import { setAsideUnlinkable, STAGED, stageExtract, type Progress } from './staging.ts';
import { QUARANTINE_KEY, untold } from './told.ts';

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
  /** References of archived files that other people's files have, and nobody has said which they are. */
  reusedReferences: string[];
  /** Those of them that this extract brought. */
  newlyReused: string[];
  /** Rejected rows of documents.csv that may be any file's: they block every file. */
  ofAnyFile: number;
  /** What the brake `extract` compares: what the extract before had, and what of it this one lacks or changed. */
  change: ExtractChange;
}

/** Imports in the transaction given. Throws ExtractRefused, with nothing changed, when the extract must be refused whole. */
export async function importExtract(
  trx: Knex.Transaction,
  extract: Extract,
  { asOf, runId, progress }: { asOf: IsoDate; runId: number; progress: Progress },
): Promise<ImportResult> {
  await trx.raw("select pg_advisory_xact_lock(hashtext('import'))");
  await refuseOlder(trx, extract, asOf);
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
  await judgeRejectedDocuments(trx);

  const before = await shapeBefore(trx);
  const shape = shapeOf(extract);
  const notices = noticesOf(extract, shape, before);
  const change = await countChange(trx, extract, lackedSince(before, shape));
  const importId = await insertImport(trx, { asOf, runId, extract, shape, notices });
  await markSourceHasAgain(trx);
  if (extractIsSuspect(change)) await tripBrake(trx, 'extract', change, { asOf, runId });
  const inDoubt = await isOn(trx, 'extract');
  await rememberCovered(trx, null);
  const rows: ImportResult['rows'] = {};
  for (const name of EXTRACT_FILES) {
    if (!extract.files[name].present) continue;
    const landed = await landStaged(trx, name, extract.files[name].columns, { importId, asOf, inDoubt });
    rows[name] = await accountForRows(trx, name, read[name], landed);
  }
  await markMissingFiles(trx, asOf);
  await followCovered(trx, asOf);
  const { newlyDiffering, removedAtSource } = await compareWithArchived(trx, asOf, extract);
  const { quarantined, newlyQuarantined } = await replaceQuarantine(trx, importId);
  const ofAnyFile = await noteWhoseTheyMayBe(trx);
  await trx('imports')
    .where({ id: importId })
    .update({ counts: JSON.stringify(rows) });
  return {
    importId,
    rows,
    notices,
    quarantined,
    newlyQuarantined,
    differFromArchived: newlyDiffering,
    removedAtSource,
    reusedReferences: await reusedReferences(trx),
    newlyReused: await trx('reused_files')
      .join('case_files', 'case_files.file_ref', 'reused_files.file_ref')
      .pluck<string[]>('case_files.file_ref')
      .orderBy('case_files.file_ref'),
    ofAnyFile,
    change,
  };
}

async function insertImport(
  trx: Knex.Transaction,
  { asOf, runId, extract, shape, notices }: { asOf: IsoDate; runId: number; extract: Extract; shape: ExtractShape; notices: string[] },
): Promise<number> {
  const { exportedAt, digest } = extract;
  const rows = await trx('imports')
    .insert({
      run_id: runId,
      as_of: asOf,
      exported_at: exportedAt,
      digest,
      shape: JSON.stringify(shape),
      counts: '{}',
      notices: JSON.stringify(notices),
    })
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

/** What a restore brought back is the source's again once an extract has it: before landing, or its family would stand a night longer. */
async function markSourceHasAgain(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`update case_files f set restored_on = null where restored_on is not null and ${fileIsThere('f')}`);
}

/**
 * An extract is the whole register, so a file it does not have is blocked, never deleted; one that was brought back is not missed
 * before the source has had it again.
 */
async function markMissingFiles(trx: Knex.Transaction, asOf: IsoDate): Promise<void> {
  await trx.raw(`update case_files f set missing_since = null where missing_since is not null and ${fileIsThere('f')}`);
  await trx.raw(
    `update case_files f set missing_since = :asOf where missing_since is null and restored_on is null and not ${fileIsThere('f')}`,
    { asOf },
  );
}

async function replaceQuarantine(trx: Knex.Transaction, importId: number): Promise<{ quarantined: number; newlyQuarantined: number }> {
  await trx('quarantine').delete();
  const result = await trx.raw<{ rowCount: number }>(
    `insert into quarantine (import_id, source, line, ref, column_name, reason, path)
     select :importId, source, line, ref, column_name, reason, path from staged_rejects`,
    { importId },
  );
  const newlyQuarantined = await countOf(trx, `select count(*) from quarantine where ${untold('quarantine', QUARANTINE_KEY)}`);
  return { quarantined: result.rowCount, newlyQuarantined };
}

/** Names of what was ignored are told once; what is absent is told each time, for facts stay as they were because of it. */
function noticesOf(extract: Extract, { ignored }: ExtractShape, before: ExtractShape | undefined): string[] {
  const notices = ignored.filter((words) => !before?.ignored.includes(words));
  for (const name of EXTRACT_FILES) {
    const file = extract.files[name];
    if (!file.present) notices.push(`${name} is absent: what was known of it stays as it was.`);
    const [first, ...others] = file.absentColumns;
    if (first && others.length === 0) notices.push(`${name}: the column ${first} is absent: its facts stay as they were.`);
    if (others.length > 0) notices.push(`${name}: the columns ${file.absentColumns.join(', ')} are absent: their facts stay as they were.`);
  }
  return notices;
}
