/** Staging: an extract's rows by COPY into temporary tables, with what cannot be linked set aside. Gone at commit. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Knex } from 'knex';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Extract, ExtractFile } from './extract.ts';
import {
  EXTRACT_FILES,
  EXTRACT_SPEC,
  type ColumnKind,
  type ExtractFileName,
  type ExtractRow,
  type ExtractValue,
  type RejectedRow,
} from './extractColumns.ts';

/** Reports rows read so far, for a progress line. */
export type Progress = (file: ExtractFileName, read: number) => void;

export const STAGED: Record<ExtractFileName, string> = {
  'people.csv': 'staged_people',
  'families.csv': 'staged_families',
  'files.csv': 'staged_files',
  'documents.csv': 'staged_documents',
};

/** Rows that appear once per reference; in the others a reference has many rows, each with its second column. */
export const ROW_KEY: Record<ExtractFileName, readonly string[]> = {
  'people.csv': ['person_ref'],
  'families.csv': ['family_ref', 'child_ref'],
  'files.csv': ['file_ref'],
  'documents.csv': ['file_ref', 'path'],
};

/** Copies every row into staging and every reject into `staged_rejects`; returns the data rows read, by file. */
export async function stageExtract(trx: Knex.Transaction, extract: Extract, progress: Progress): Promise<Record<ExtractFileName, number>> {
  await createStagingTables(trx);
  const read: Record<ExtractFileName, number> = { 'people.csv': 0, 'families.csv': 0, 'files.csv': 0, 'documents.csv': 0 };
  for (const name of EXTRACT_FILES) {
    const file = extract.files[name];
    if (!file.present) continue;
    const rejects: (RejectedRow & { source: string })[] = [];
    const source = Readable.from(copyLines(file, rejects, (rows) => progress(name, (read[name] += rows))));
    const columns = ['line', ...file.columns].join(', ');
    await pipeline(source, (await connectionOf(trx)).query(copyFrom(`copy ${STAGED[name]} (${columns}) from stdin`)));
    await stageRejects(trx, rejects);
  }
  await trx.raw('create index on staged_people (person_ref); create index on staged_files (file_ref)');
  await trx.raw('analyze staged_people, staged_families, staged_files, staged_documents, staged_rejects');
  return read;
}

/** Sets aside what appears twice and what names somebody or something that is not there. */
export async function setAsideUnlinkable(trx: Knex.Transaction): Promise<void> {
  for (const name of EXTRACT_FILES) await setAsideRepeated(trx, name);
  await setAside(
    trx,
    'files.csv',
    'subject_refs',
    'names a person who is not in people.csv: a file is never determined without one of its subjects',
    `
    exists (select from unnest(s.subject_refs) x(ref) where not ${personIsThere('x.ref')})`,
  );
  await setAside(trx, 'families.csv', 'child_ref', 'names a person who is not in people.csv', `not ${personIsThere('s.child_ref')}`);
  await setAside(
    trx,
    'documents.csv',
    'file_ref',
    'names a file that is not in files.csv',
    `
    not exists (select from staged_files f where f.file_ref = s.file_ref)
    and not exists (select from case_files k join staged_rejects q on q.source = 'files.csv' and q.ref = k.file_ref where k.file_ref = s.file_ref)`,
  );
}

async function createStagingTables(trx: Knex.Transaction): Promise<void> {
  for (const name of EXTRACT_FILES) {
    const columns = EXTRACT_SPEC[name].columns.map((column) => `${column.name} ${SQL_TYPES[column.kind]}`);
    await trx.raw(`create temp table ${STAGED[name]} (line int, ${columns.join(', ')}) on commit drop`);
  }
  await trx.raw(
    'create temp table staged_rejects (source text, line int, ref text collate "C", column_name text, reason text, path text collate "C") on commit drop',
  );
}

const SQL_TYPES: Record<ColumnKind, string> = {
  ref: 'text collate "C"',
  refs: 'text[] collate "C"',
  categories: 'text[] collate "C"',
  path: 'text collate "C"',
  name: 'text',
  text: 'text',
  partial_date: 'text',
  medium: 'text',
  sha256: 'text',
  date: 'date',
  yes_no: 'boolean',
};

/** A person with a good row in this extract, or one known from before whose row is merely malformed today. */
function personIsThere(ref: string): string {
  return `(exists (select from staged_people p where p.person_ref = ${ref})
    or (exists (select from people k where k.person_ref = ${ref}) and exists (select from staged_rejects q where q.source = 'people.csv' and q.ref = ${ref})))`;
}

async function setAsideRepeated(trx: Knex.Transaction, name: ExtractFileName): Promise<void> {
  const key = ROW_KEY[name].join(', ');
  const alsoRejected =
    ROW_KEY[name].length === 1
      ? `union all select distinct on (line) line, ref from staged_rejects where source = '${name}' and ref is not null`
      : '';
  await trx.raw(`
    with rows as (select line, ${key} from ${STAGED[name]} ${alsoRejected}),
    repeated as (select ${key}, min(line) as first from rows group by ${key} having count(*) > 1),
    gone as (delete from ${STAGED[name]} s using repeated r where (${ROW_KEY[name].map((column) => `s.${column} = r.${column}`).join(' and ')}) returning s.line, ${keptOfRow(name)})
    insert into staged_rejects select '${name}', line, ref, '${ROW_KEY[name].at(-1)}', 'appears twice in the file: keep one row, for nobody can tell which is right', path from gone`);
}

async function setAside(trx: Knex.Transaction, name: ExtractFileName, column: string, reason: string, condition: string): Promise<void> {
  await trx.raw(`
    with gone as (delete from ${STAGED[name]} s where ${condition} returning s.line, ${keptOfRow(name)})
    insert into staged_rejects select '${name}', line, ref, '${column}', '${reason}', path from gone`);
}

function keptOfRow(name: ExtractFileName): string {
  return `s.${ROW_KEY[name][0]} as ref, ${name === 'documents.csv' ? 's.path' : 'cast(null as text)'} as path`;
}

async function stageRejects(trx: Knex.Transaction, rejects: (RejectedRow & { source: string })[]): Promise<void> {
  for (let i = 0; i < rejects.length; i += 1000) {
    await trx('staged_rejects').insert(
      rejects
        .slice(i, i + 1000)
        .map(({ source, line, ref, column, reason, path = null }) => ({ source, line, ref, column_name: column, reason, path })),
    );
  }
}

async function* copyLines(
  file: ExtractFile,
  rejects: (RejectedRow & { source: string })[],
  count: (rows: number) => void,
): AsyncGenerator<string> {
  for await (const batch of file.batches()) {
    for (const reject of batch.rejects) rejects.push({ source: file.name, ...reject });
    count(batch.read);
    if (batch.rows.length > 0) yield batch.rows.map(copyLine).join('');
  }
}

function copyLine(row: ExtractRow): string {
  return `${row.line}\t${row.cells.map(copyCell).join('\t')}\n`;
}

function copyCell(value: ExtractValue): string {
  if (value === null) return '\\N';
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return escapeCopy(typeof value === 'string' ? value : `{${value.map((part) => `"${part.replace(/["\\]/g, '\\$&')}"`).join(',')}}`);
}

function escapeCopy(text: string): string {
  return /[\\\t\n\r]/.test(text) ? text.replace(/[\\\t\n\r]/g, (c) => COPY_ESCAPES[c] ?? c) : text;
}

const COPY_ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** The connection a transaction runs on: knex hands out the same one for as long as the transaction lasts. */
export async function connectionOf(trx: Knex.Transaction): Promise<PoolClient> {
  return (trx.client as { acquireConnection(): Promise<PoolClient> }).acquireConnection();
}
