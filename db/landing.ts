/** From staging into the register: what is added, changed and gone, set-based, with the history of every fact. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { ExtractFileName } from './extractColumns.ts';
import { rejectedRowsSpare } from './rejectedDocuments.ts';
import { ROW_KEY, STAGED } from './staging.ts';

export interface Landing {
  importId: number;
  asOf: IsoDate;
  /** The brake "extract" is on, so that what the extract lacks is not believed to be gone. */
  inDoubt: boolean;
}

/** Files of the extract whose rows link two references. */
export type LinkFile = 'families.csv' | 'documents.csv';

interface Target {
  table: string;
  kind: string;
}

const TARGETS: Record<ExtractFileName, Target> = {
  'people.csv': { table: 'people', kind: 'person' },
  'files.csv': { table: 'case_files', kind: 'file' },
  'families.csv': { table: 'families', kind: 'family' },
  'documents.csv': { table: 'documents', kind: 'document' },
};

/** Lands one staged file, of which `columns` were in the extract; a column that was not leaves its facts as they were. */
export async function landStaged(
  trx: Knex.Transaction,
  name: ExtractFileName,
  columns: readonly string[],
  landing: Landing,
): Promise<{ added: number; changed: number }> {
  const facts = columns.filter((column) => !ROW_KEY[name].includes(column));
  await recordChangedFacts(trx, name, facts, landing);
  const changed = await updateChanged(trx, name, facts);
  if (name === 'documents.csv') await markSourceHasAgain(trx);
  if (name === 'families.csv' || name === 'documents.csv') await removeGone(trx, name, landing);
  const added = await insertNew(trx, name, columns, landing);
  return { added, changed };
}

async function recordChangedFacts(
  trx: Knex.Transaction,
  name: ExtractFileName,
  facts: readonly string[],
  { importId, asOf }: Landing,
): Promise<void> {
  if (facts.length === 0) return;
  const { table, kind } = TARGETS[name];
  // A document's change says which document, and what a person reads is its path.
  const label = (fact: string) => (kind === 'document' ? `s.path || ' ' || '${fact}'` : `'${fact}'`);
  const values = facts.map((fact) => `(${label(fact)}, ${asText('t', fact)}, ${asText('s', fact)})`);
  await trx.raw(`
    insert into fact_changes (import_id, as_of, kind, ref, field, old_value, new_value)
    select ${importId}, '${asOf}', '${kind}', s.${ROW_KEY[name][0]}, v.field, v.was, v.becomes
    from ${STAGED[name]} s join ${table} t on ${sameKey(name)}
    cross join lateral (values ${values.join(', ')}) v(field, was, becomes)
    where ${differs(facts)} and v.was is distinct from v.becomes`);
}

async function updateChanged(trx: Knex.Transaction, name: ExtractFileName, facts: readonly string[]): Promise<number> {
  if (facts.length === 0) return 0;
  const remeasured = name === 'documents.csv' ? ['measured_size = null', 'measured_sha256 = null'] : [];
  const settings = [...facts.map((fact) => `${fact} = ${staged(fact)}`), ...remeasured];
  const result = await trx.raw<{ rowCount: number }>(
    `update ${TARGETS[name].table} t set ${settings.join(', ')} from ${STAGED[name]} s where ${sameKey(name)} and ${differs(facts)}`,
  );
  return result.rowCount;
}

/** A document that a restore wrote is the source's again once the source lists it for that file. */
async function markSourceHasAgain(trx: Knex.Transaction): Promise<void> {
  await trx.raw(
    `update documents t set restored_on = null from ${STAGED['documents.csv']} s where t.restored_on is not null and ${sameKey('documents.csv')}`,
  );
}

/** What a restore brought back stands until the source has it again. */
const BROUGHT_BACK = {
  'documents.csv': 't.restored_on is not null',
  'families.csv': `exists (select from case_files f where f.restored_on is not null and (f.family_ref = t.family_ref or f.subject_refs @> array[t.child_ref]))`,
} as const;

/**
 * Links that the extract no longer has go, except while it is in doubt: what a file or a family rests on, and the source of a
 * document, do not go because a row is away. They stand then until an extract lacks them with the brake off.
 */
async function removeGone(trx: Knex.Transaction, name: LinkFile, { importId, asOf, inDoubt }: Landing): Promise<void> {
  const { table, kind } = TARGETS[name];
  const [owner, member] = ROW_KEY[name];
  await trx.raw(
    `update ${table} t set absent_since = null where absent_since is not null and exists (select from ${STAGED[name]} s where ${sameKey(name)})`,
  );
  if (inDoubt) {
    await trx.raw(`update ${table} t set absent_since = '${asOf}' where absent_since is null and ${isGone(name)}`);
    return;
  }
  await trx.raw(`
    with gone as (delete from ${table} t where ${isGone(name)} returning t.${owner} as owner, t.${member} as member)
    insert into fact_changes (import_id, as_of, kind, ref, field, old_value)
    select ${importId}, '${asOf}', '${kind}', owner, '${member}', member from gone`);
}

/**
 * SQL for whether the extract no longer has the link `t`. One of a reference with a row in quarantine is not gone, for the rejected
 * row may be the very one, nor any where a rejected row may be any file's; nor is a document of a file that has no good row of
 * its own.
 */
export function isGone(name: LinkFile): string {
  const notStaged = `not exists (select from ${STAGED[name]} s where ${sameKey(name)}) and not ${BROUGHT_BACK[name]}`;
  if (name === 'families.csv') {
    return `${notStaged} and not exists (select from staged_rejects q where q.source = 'families.csv' and (q.ref = t.family_ref or q.ref is null))`;
  }
  return `${notStaged} and exists (select from staged_files s where s.file_ref = t.file_ref) and ${rejectedRowsSpare('t')}`;
}

async function insertNew(
  trx: Knex.Transaction,
  name: ExtractFileName,
  columns: readonly string[],
  { importId, asOf }: Landing,
): Promise<number> {
  const { table, kind } = TARGETS[name];
  const target = name === 'files.csv' ? [...columns, 'import_id'] : columns;
  const values = name === 'files.csv' ? [...columns.map(staged), String(importId)] : columns.map(staged);
  const insert = `insert into ${table} (${target.join(', ')}) select ${values.join(', ')} from ${STAGED[name]} s
    where not exists (select from ${table} t where ${sameKey(name)})`;
  if (name === 'people.csv' || name === 'files.csv') return (await trx.raw<{ rowCount: number }>(insert)).rowCount;

  // A link that joins a file or family known from before is a change of its facts.
  const [owner, member] = ROW_KEY[name];
  const ownerColumn = name === 'families.csv' ? 'family_ref' : 'file_ref';
  const result = await trx.raw<{ rows: { added: number }[] }>(`
    with added as (${insert} returning ${owner} as owner, ${member} as member),
    told as (insert into fact_changes (import_id, as_of, kind, ref, field, new_value)
      select ${importId}, '${asOf}', '${kind}', owner, '${member}', member from added
      where exists (select from case_files f where f.${ownerColumn} = added.owner and f.import_id < ${importId}))
    select count(*)::int as added from added`);
  return result.rows[0]?.added ?? 0;
}

function sameKey(name: ExtractFileName): string {
  return ROW_KEY[name].map((column) => `t.${column} = s.${column}`).join(' and ');
}

function differs(facts: readonly string[]): string {
  return `(${facts.map((fact) => `t.${fact}`).join(', ')}) is distinct from (${facts.map(staged).join(', ')})`;
}

/** A file without a subject has none, which is not the same as not known. */
function staged(column: string): string {
  return column === 'subject_refs' ? "coalesce(s.subject_refs, '{}')" : `s.${column}`;
}

function asText(alias: 's' | 't', fact: string): string {
  const value = alias === 's' ? staged(fact) : `t.${fact}`;
  if (fact === 'subject_refs' || fact === 'categories') return `array_to_string(${value}, ';')`;
  return `${value}::text`;
}
