/** Imports mutated extracts into one register, one business day after another, and checks what became of each. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'vitest';
import type { ImportResult } from '../../db/import.ts';
import { EXTRACT_SPEC, ExtractRefused } from '../../db/extract.ts';
import { plainName } from '../../db/extractNames.ts';
import { withContext, type Context } from '../../jobs/context.ts';
import { runStep, type NightResult } from '../../jobs/night.ts';
import { addDays } from '../../rules/dates.ts';
import type { Council } from './commands.ts';
import { runnableCells } from './hostileWords.ts';
import { NAMES, writeMutated, type Mutation, type Name, type Written } from './mutatedExtract.ts';
import { filesUnder, OutsideRoots } from './outsideRoots.ts';
import { saysTheSame, scanCsv, type ScannedRecord } from './scannedCsv.ts';

/** `step` is the code behind the command `import`, on a connection that stays open, which is twice as fast. */
export type How = 'step' | 'import' | 'nightly';

interface Outcome {
  /** The sentence of a refusal; null where the extract was imported. */
  refused: string | null;
  result: NightResult | null;
}

const TABLES: Record<Name, string> = {
  'people.csv': 'people',
  'families.csv': 'families',
  'files.csv': 'case_files',
  'documents.csv': 'documents',
};
const KEYS: Record<Name, string[]> = {
  'people.csv': ['person_ref'],
  'families.csv': ['family_ref', 'child_ref'],
  'files.csv': ['file_ref'],
  'documents.csv': ['file_ref', 'path'],
};

/** A refusal names the file, says what is wrong, and what to do. */
const REFUSAL = /^(people\.csv|families\.csv|files\.csv|documents\.csv|extract\.json): .{5,}\. .{10,}\.$/su;
const CONTROL = /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/u;

/** One register that hostile extracts are imported into. */
export class HostileImports {
  accepted = 0;
  refused = 0;
  nights = 0;
  rows = 0;
  rejected = 0;
  readonly outside: OutsideRoots;
  readonly #council: Council;
  readonly #context: Context;
  #day = '2026-11-22';
  #register = '';

  private constructor(council: Council, context: Context, outside: OutsideRoots) {
    this.#council = council;
    this.#context = context;
    this.outside = outside;
  }

  /** Runs `work` while the database stays open. */
  static async into(council: Council, work: (imports: HostileImports) => Promise<void>): Promise<void> {
    const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
    const around = { env: council.env, cwd: council.folder, stdout: nowhere(), stderr: nowhere(), clock: council.clock };
    const outside = await OutsideRoots.beside(council);
    await withContext(around, {}, 'write', (context) => work(new HostileImports(council, context, outside)));
  }

  /** Imports one; fails unless it is refused with nothing changed, or every row of it landed or is in quarantine. */
  async tryOne(how: How, mutations: readonly Mutation[]): Promise<void> {
    this.#day = addDays(this.#day, 1);
    const places = { folder: this.#council.extract, outside: this.outside.folder, pipe: this.outside.pipe };
    const written = await writeMutated(mutations, places);
    const { refused, result } = await this.#run(how);
    const register = await this.#digest();
    if (refused !== null) {
      this.refused++;
      expect(refused).toMatch(REFUSAL);
      expect(refused).not.toMatch(CONTROL);
      expect(register, 'the register after a refusal').toBe(this.#register);
      expect(written.mild, `only cells and rows are bad, yet: ${refused}`).toBe(false);
    } else {
      this.accepted++;
      const { rows, notices } = result?.steps['import'] as ImportResult;
      // One look at all of them, for there may be ten thousand.
      expect(notices.filter((notice) => CONTROL.test(notice))).toEqual([]);
      await this.#expectAccounted(written, rows);
      expect(await this.#notAllowed()).toEqual([]);
    }
    this.#register = register;
    expect(await this.outside.touched()).toEqual([]);
  }

  /** Lists, approves and archives whatever the last extract left in the register; the reports of all nights run no formula. */
  async archiveAll(): Promise<number> {
    const council = this.#council;
    await this.tryOne('nightly', []);
    // Columns and files that were there and went have put the brake on.
    if (await council.db('brakes').where({ name: 'extract' }).whereNull('released_at').first<object | undefined>()) {
      await council.done(['brake', 'release', 'extract', '--reason', 'the extract is whole again'], { asOf: this.#day, as: 'h.grant' });
      await this.tryOne('nightly', []);
    }
    const signedOn = this.#day;
    for (const list of await council.lists('for_decision')) await council.approveAndSign(list.id, signedOn);
    this.#day = addDays(signedOn, 8);
    await council.done(['archive'], { asOf: this.#day });
    // The next extract has the archived files still.
    await this.tryOne('nightly', []);
    const reports = (await filesUnder(path.join(council.folder, 'home', 'reports'))).filter((file) => file.endsWith('.csv'));
    for (const file of reports) expect(runnableCells(await readFile(file, 'utf8')), file).toEqual([]);
    expect(await this.outside.repeated()).toEqual([]);
    expect(await this.outside.touched()).toEqual([]);
    await council.expectAccounted();
    return (await council.bags()).length;
  }

  async #run(how: How): Promise<Outcome> {
    const folder = this.#council.extract;
    if (how === 'step') {
      try {
        return { refused: null, result: await runStep({ ...this.#context, asOf: this.#day }, 'import', folder) };
      } catch (error) {
        if (error instanceof ExtractRefused) return { refused: error.message, result: null };
        throw error;
      }
    }
    this.nights += how === 'nightly' ? 1 : 0;
    const argv = how === 'nightly' ? ['nightly', '--import', folder, '--json'] : ['import', folder, '--json'];
    const ended = await this.#council.retention(argv, { asOf: this.#day });
    if (how === 'import' && ended.exitCode === 1)
      return { refused: /^retention: (.*)\n$/ms.exec(ended.stderr)?.[1] ?? ended.stderr, result: null };
    const result = ended.json<NightResult>();
    const refused = result.error?.replace('The extract was not imported: ', '') ?? null;
    expect(ended.exitCode).toBe(refused !== null ? 1 : result.attention.length > 0 ? 3 : 0);
    return { refused, result };
  }

  async #expectAccounted({ files, note }: Written, counts: ImportResult['rows']): Promise<void> {
    expect(Object.keys(counts)).toEqual(NAMES.filter((name) => files.has(name)));
    const announced = note === null ? {} : ((JSON.parse(note) as { rows?: Partial<Record<Name, number>> }).rows ?? {});
    for (const name of NAMES) expect(announced[name] ?? counts[name]?.read, `rows announced of ${name}`).toBe(counts[name]?.read);
    const quarantine = await this.#council
      .db('quarantine')
      .select<{ source: Name; line: number; reason: string }[]>('source', 'line', 'reason');
    for (const { reason } of quarantine) if (reason.length <= 5) expect(reason, 'the reason of a rejected row').toBe('words');
    for (const name of NAMES) {
      const bytes = files.get(name);
      if (!bytes) continue;
      const { records, unclosed } = scanCsv(bytes);
      expect(unclosed, `${name} has a quote that is never closed`).toBe(false);
      const [header, ...rows] = records;
      const count = counts[name] ?? { read: -1, added: 0, changed: 0, unchanged: 0, archived: 0, rejected: 0 };
      const { read, added, changed, unchanged, archived, rejected } = count;
      expect(read, `rows of ${name}`).toBe(rows.length);
      expect(read).toBe(added + changed + unchanged + archived + rejected);
      expect(Math.min(added, changed, unchanged, archived, rejected)).toBeGreaterThanOrEqual(0);
      const inQuarantine = new Set(quarantine.flatMap(({ source, line }) => (source === name ? [line] : [])));
      expect(inQuarantine.size, `rows of ${name} in quarantine`).toBe(rejected);
      await this.#expectLanded(
        name,
        header?.cells ?? [],
        rows.filter(({ line }) => !inQuarantine.delete(line)),
        archived,
      );
      expect([...inQuarantine], `lines of ${name} in quarantine where no row begins`).toEqual([]);
      this.rows += read;
      this.rejected += rejected;
    }
  }

  /** Each row stands in the register, cell by cell; as many as are archived need not. */
  async #expectLanded(name: Name, header: readonly string[], rows: readonly ScannedRecord[], archived: number): Promise<void> {
    const key = KEYS[name];
    const known = new Map(EXTRACT_SPEC[name].columns.map((column) => [plainName(column.name), column.name]));
    const columns = header.map((column) => known.get(plainName(column)) ?? column.trim());
    const stored = await this.#council.db(TABLES[name]).select<Record<string, unknown>[]>();
    const byKey = new Map(stored.map((row) => [JSON.stringify(key.map((column) => row[column])), row]));
    let missing = 0;
    for (const { cells, broken, line } of rows) {
      expect(broken, `line ${line} of ${name} is broken, and landed`).toBe(false);
      const row = byKey.get(JSON.stringify(key.map((column) => (cells[columns.indexOf(column)] ?? '').trim())));
      if (!row) missing++;
      else
        columns.forEach((column, place) => {
          const compared = Object.hasOwn(row, column) && !['import_id', 'missing_since'].includes(column);
          if (compared && !saysTheSame(row[column], cells[place] ?? '')) expect(row[column], `${name}, line ${line}`).toBe(cells[place]);
        });
    }
    expect(missing, `rows of ${name} that are nowhere`).toBeLessThanOrEqual(archived);
  }

  /** What stands in the register, as one word. */
  async #digest(): Promise<string> {
    const result = await this.#council.db.raw<{ rows: { digest: string }[] }>(
      `select md5(${Object.values(TABLES)
        .map((table) => `(select coalesce(string_agg(t::text, '|' order by t::text), '') from ${table} t)`)
        .join(` || '/' || `)}) as digest`,
    );
    return result.rows[0]?.digest ?? '';
  }

  /** What no extract may bring into the register, by the contract's words. */
  async #notAllowed(): Promise<string[]> {
    const result = await this.#council.db.raw<{ rows: { bad: string }[] }>(NOT_ALLOWED);
    return result.rows.map(({ bad }) => bad);
  }
}

const REFS = `select person_ref as ref from people union all select family_ref from families union all select file_ref from case_files
  union all select unnest(subject_refs) from case_files union all select family_ref from case_files where family_ref is not null`;
const DAYS = ['opened_on', 'closed_on', 'last_entry_on'].map((day) => `select ${day} as day from case_files`).join(' union all ');
const NOT_ALLOWED = `
  select 'reference ' || ref as bad from (${REFS}) r where ref = '' or length(ref) > 200 or ref ~ '[\\u0001-\\u001f\\u007f-\\u009f\\ufffd]'
  union all select 'day ' || day from (${DAYS} union all select date_of_death from people) d where day not between '0001-01-01' and '9999-12-31'
  union all select 'birth ' || date_of_birth from people where date_of_birth !~ '^[0-9]{4}(-[0-9]{2}){0,2}$'
  union all select 'text of ' || person_ref from people where name = '' or length(name) > 10000 or name ~ '\\ufffd'
  union all select 'categories of ' || file_ref from case_files
    where not categories <@ array['child_in_care', 'privately_fostered_child', 'adoption', 'adopters', 'foster_carer', 'child_protection',
      'safeguarding_unit', 'child_in_need', 'adult_posing_risk', 'missing_person', 'financial']
  union all select 'medium of ' || file_ref from case_files where medium not in ('electronic', 'paper', 'both')
  union all select 'path ' || path from documents
    where path = '' or path ~ '(^|/)[.]{0,2}(/|$)' or path ~ '[\\u0001-\\u001f\\u007f-\\u009f]' or path like '/%' or path ~ '^[A-Za-z]:' or path like '%\\\\%' or length(path) > 1000`;
