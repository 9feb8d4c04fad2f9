/** Names and births of the sample council: never in logs, audit, residual records or certificates, and gone from the register with their files. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCouncil, writeNextExtract } from '../jobs/demo/council.ts';
import { addDays, longDate, shortDate } from '../rules/dates.ts';
import { rehearsal, type Council, type Ended } from './setup/commands.ts';

const first = '2026-11-22';
const second = addDays(first, 1);
const afterCoolingOff = addDays(second, 8);
const later = addDays(afterCoolingOff, 3);

interface IndexedPerson {
  file_ref: string;
  person_ref: string;
  name: string | null;
  date_of_birth: string | null;
}

let council: Council;
let extract: Record<string, string>[];
/** Everything that every command said to standard error, and what the nights printed. */
let said = '';

beforeAll(async () => {
  council = await rehearsal({ LOG_LEVEL: 'trace', LIST_SIZE: '50' });
  const folder = path.join(council.folder, 'extract-1');
  const { edits } = await writeCouncil(folder, council.documentRoot, { asOf: first, files: 260 });
  const next = path.join(council.folder, 'extract-2');
  await writeNextExtract(folder, next, { asOf: second, edits });
  extract = (await Promise.all([folder, next].map(peopleOf))).flat();

  await command(['nightly', '--import', folder, '--json'], first);
  for (const { id } of await council.lists('for_decision')) await council.approveAndSign(id, first);
  await command(['nightly', '--import', next, '--json'], second);
  for (const { id } of await council.lists('for_decision')) await council.approveAndSign(id, second);
  await command(['nightly', '--import', next, '--json'], afterCoolingOff);
  await endEveryWait();
  await command(['nightly', '--import', next, '--json'], later);
  await command(['find', '--name', 'an', '--json'], null, 'c.ward');
  await command(['find', '--born', '19x', '--json'], null, 'c.ward');
  await command(['explain', 'no-such-file'], null);
}, 300_000);

afterAll(() => council.close());

it('archives files of many kinds, and completes lists with their certificates', async () => {
  expect((await council.db('residual_records').distinct('rule')).length).toBeGreaterThan(10);
  expect((await council.db('archive_index').whereNotNull('date_of_birth')).length).toBeGreaterThan(50);
  expect(await council.db('disposal_certificates')).not.toEqual([]);
  expect(await council.db('residual_records').whereNotNull('adult_file_ref')).not.toEqual([]);
  expect(await council.db('seen_again')).not.toEqual([]);
  await council.expectAccounted();
});

it('looks for what can be found: the restricted index has them, and so has the register', async () => {
  const indexed = await council.db<IndexedPerson>('archive_index').whereNotNull('name');
  const personal = indexed.flatMap(({ name, date_of_birth }) => personalOf({ name: name ?? '', date_of_birth: date_of_birth ?? '' }));
  const kept = personal.filter((one) => !/[/]| [A-Z][a-z]+ \d{4}$/.test(one));
  expect(new Set(leaks(await textOfTable('archive_index'), kept))).toEqual(new Set(kept));
  expect(leaks(await textOfTable('people'), extract.flatMap(personalOf)).length).toBeGreaterThan(200);
});

describe('no name and no birth of anybody in the extract is', () => {
  it('in a log or in what a night prints', () => {
    expect(said.length).toBeGreaterThan(1_000);
    expect(leaks(said, extract.flatMap(personalOf))).toEqual([]);
  });

  for (const table of [
    'audit_events',
    'residual_records',
    'disposal_certificates',
    'runs',
    'brakes',
    'imports',
    'quarantine',
    'seen_again',
    'bags',
    'source_removals',
    'transfer_receipts',
  ]) {
    it(`in ${table}`, async () => {
      expect(leaks(await textOfTable(table), extract.flatMap(personalOf))).toEqual([]);
    });
  }
});

describe('of an archived file', () => {
  it('nothing is left in any table but the restricted index', async () => {
    const gone = await peopleWhoAreGone();
    expect(gone.length).toBeGreaterThan(50);
    const tables = await council.db('pg_tables').where({ schemaname: 'public' }).pluck<string[]>('tablename');
    for (const table of tables.filter((name) => name !== 'archive_index')) {
      expect(leaks(await textOfTable(table), gone.flatMap(personalOf)), table).toEqual([]);
    }
  });

  it('no reference is left in a table of the register', async () => {
    const archived = new Set(await council.db('residual_records').pluck<string[]>('file_ref'));
    for (const table of [
      'case_files',
      'documents',
      'determinations',
      'determination_changes',
      'confirmations',
      'deferrals',
      'referrals',
      'reviews_done',
      'originals',
    ]) {
      const left = await council.db(table).pluck<string[]>('file_ref');
      expect(
        left.filter((fileRef) => archived.has(fileRef)),
        table,
      ).toEqual([]);
    }
    const changed = await council.db('fact_changes').whereIn('kind', ['file', 'document']).pluck<string[]>('ref');
    expect(changed.filter((ref) => archived.has(ref))).toEqual([]);
    expect(
      await council
        .db('disposal_list_items')
        .whereIn('file_ref', [...archived])
        .whereNotNull('anchor_on'),
    ).toEqual([]);
  });

  it('people stay registered only where another file, or a family that has one, needs them', async () => {
    const needless = await council.db.raw<{ rows: unknown[] }>(
      `select p.person_ref from people p where exists (select from archive_index i where i.person_ref = p.person_ref)
         and not exists (select from case_files f where p.person_ref = any(f.subject_refs))
         and not exists (select from families c join case_files f on f.family_ref = c.family_ref where c.child_ref = p.person_ref)`,
    );
    expect(needless.rows).toEqual([]);
  });
});

async function command(argv: string[], asOf: string | null, as?: string): Promise<Ended> {
  const ended = await council.retention(argv, { ...(asOf ? { asOf } : {}), ...(as ? { as } : {}) });
  said += ended.stderr;
  if (argv[0] === 'nightly') {
    expect([0, 3], ended.stderr).toContain(ended.exitCode);
    said += ended.stdout;
  }
  return ended;
}

/** Every transfer is received and every paper moved. */
async function endEveryWait(): Promise<void> {
  for (const wait of ['receipt', 'paper']) {
    const waiting = (await council.done('waiting --json')).json<{ file_ref: string; waits_for: string }[]>();
    for (const { file_ref } of waiting.filter((file) => file.waits_for === wait)) {
      const argv =
        wait === 'receipt'
          ? ['transfer', 'received', file_ref, '--as-file', `AS-${file_ref}`]
          : ['paper', 'done', file_ref, '--moved-to', 'attic'];
      expect((await command(argv, later, 'm.jones')).exitCode).toBe(0);
    }
  }
  expect((await council.done('waiting --json')).json()).toEqual([]);
}

/** Archived people who are registered no more, and whose name and birth are nobody else's. */
async function peopleWhoAreGone(): Promise<{ name: string; date_of_birth: string }[]> {
  const registered = new Set(await council.db('people').pluck<string[]>('person_ref'));
  const indexed = await council.db<IndexedPerson>('archive_index').whereNotNull('person_ref');
  return indexed
    .filter((person) => !registered.has(person.person_ref))
    .map(({ person_ref, name, date_of_birth }) => {
      const others = extract.filter((person) => person['person_ref'] !== person_ref);
      return {
        name: others.some((person) => person['name'] === name) ? '' : (name ?? ''),
        date_of_birth: others.some((person) => person['date_of_birth'] === date_of_birth) ? '' : (date_of_birth ?? ''),
      };
    });
}

/** A name, and a birth that names its day as people and machines write it; years stay, so a year alone is no birth. */
function personalOf({ name = '', date_of_birth = '' }: Record<string, string>): string[] {
  const birth = /^\d{4}-\d{2}-\d{2}$/.test(date_of_birth) ? [date_of_birth, shortDate(date_of_birth), longDate(date_of_birth)] : [];
  return [name, ...birth].filter((text) => text !== '');
}

function leaks(text: string, personal: string[]): string[] {
  return [...new Set(personal)].filter((one) => text.includes(one));
}

async function textOfTable(table: string): Promise<string> {
  const { rows } = await council.db.raw<{ rows: { text: string }[] }>('select t::text as text from ?? t', [table]);
  return rows.map((row) => row.text).join('\n');
}

async function peopleOf(folder: string): Promise<Record<string, string>[]> {
  return parse(await readFile(path.join(folder, 'people.csv')), { columns: true, relax_column_count: true });
}
