/** Runs the public commands as people and cron do, each test over a database, folders and an extract of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stringify } from 'csv-stringify/sync';
import type { Knex } from 'knex';
import { expect } from 'vitest';
import { EXTRACT_FILES, EXTRACT_SPEC, type ExtractFileName } from '../../db/extractColumns.ts';
import { systemCode } from '../../db/fileIo.ts';
import { systemClock, todayInLondon, type Clock } from '../../jobs/clock.ts';
import { run, type ExitCode } from '../../jobs/main.ts';
import type { NightResult } from '../../jobs/night.ts';
import { freshDatabase } from './database.ts';
import { forgetConnections } from './keptConnections.ts';

/** The installed command, for tests that start it otherwise than `spawn` does. */
export const RETENTION = fileURLToPath(new URL('../../jobs/retention.mjs', import.meta.url));

export interface Ended<Code = ExitCode> {
  exitCode: Code;
  stdout: string;
  stderr: string;
  /** The one JSON value on standard output; throws when there is anything else. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the test says what it reads
  json<T>(): T;
}

/** What `lists --json` and `show --json` promise, as far as tests read it. */
export interface ShownList {
  id: number;
  state: string;
  rule: string;
  action: string;
  digest: string;
  signed_by: string | null;
  cooling_off_days: number | null;
}
export interface ShownItem {
  file_ref: string;
  decision: string | null;
  status: string;
  status_reason: string | null;
  retain_until: string | null;
  cautions: string[];
}
export type ShownItems = ShownList & { items: ShownItem[] };

type Row = Record<string, string>;

/** A register by hand: rows by reference, which a test changes from one extract to the next. */
export class Register {
  readonly people = new Map<string, Row>();
  readonly files = new Map<string, Row>();
  readonly families: Row[] = [];
  readonly documents: Row[] = [];

  /** A closed file about one child, born 02/01/2000: due since 03/01/2025 under child-in-need, without blocks or cautions. */
  child(fileRef: string, facts: Row = {}, person: Row = {}): this {
    const subject = `${fileRef}-P`;
    const known = { known_to_adult_services: 'no', poses_risk_to_children: 'no' };
    this.people.set(subject, { person_ref: subject, name: `Invented ${fileRef}`, date_of_birth: '2000-01-02', ...known, ...person });
    const closed = { categories: 'child_in_need', subject_refs: subject, opened_on: '2004-01-01', closed_on: '2010-01-01' };
    this.files.set(fileRef, { file_ref: fileRef, ...closed, medium: 'electronic', ...facts });
    return this;
  }

  /** Changes cells of a file or a person, by reference. */
  change(ref: string, cells: Row): this {
    const rows = this.files.has(ref) ? this.files : this.people;
    rows.set(ref, { ...rows.get(ref), ...cells });
    return this;
  }

  rowsOf(name: ExtractFileName): Row[] {
    if (name === 'people.csv') return [...this.people.values()];
    if (name === 'files.csv') return [...this.files.values()];
    return name === 'families.csv' ? this.families : this.documents;
  }
}

/** Everything one installation has; `retention` runs a command on it within this process. */
export class Council {
  readonly db: Knex;
  /** The same database as the owner of its tables; commands get the role that owns nothing. */
  readonly ownerUrl: string;
  readonly env: Record<string, string>;
  readonly folder: string;
  readonly documentRoot: string;
  readonly archive: string;
  readonly extract: string;
  readonly register = new Register();
  /** Today, for commands without --as-of. */
  today = '2026-11-22';
  /** Noon of today, unless a test needs the time itself. */
  clock: Clock = () => new Date(`${this.today}T12:00:00Z`);
  readonly #close: () => Promise<void>;
  readonly #spawned: ChildProcess[] = [];

  constructor(database: Awaited<ReturnType<typeof freshDatabase>>, folder: string, settings: Record<string, string>) {
    this.db = database.db;
    this.ownerUrl = database.ownerUrl;
    this.#close = () => database.close();
    this.folder = folder;
    this.documentRoot = path.join(folder, 'documents');
    this.archive = path.join(folder, 'archive');
    this.extract = path.join(folder, 'extract');
    const roots = { RETENTION_HOME: path.join(folder, 'home'), DOCUMENT_ROOT: this.documentRoot, ARCHIVE_URL: this.archive };
    // A live database runs as of today by its own clock, whatever day the stories of the tests are of.
    if (settings['RETENTION_REHEARSAL'] === '') this.today = todayInLondon(systemClock);
    this.env = { DATABASE_URL: database.url, ...roots, RETENTION_REHEARSAL: '1', LOG_LEVEL: 'warn', ...settings };
  }

  /** Runs `lists --json`, or the same as an array where an argument has spaces. */
  async retention(
    command: string | string[],
    { asOf, as, ...env }: { asOf?: string; as?: string; [setting: string]: string | undefined } = {},
  ): Promise<Ended> {
    const argv = [
      ...(typeof command === 'string' ? command.split(' ') : command),
      ...(asOf ? ['--as-of', asOf] : []),
      ...(as ? ['--as', as] : []),
    ];
    const [stdout, stderr] = [new Collected(), new Collected()];
    const exitCode = await run(await this.#acknowledging(argv), {
      env: { ...this.env, ...env },
      cwd: this.folder,
      stdout,
      stderr,
      clock: this.clock,
    });
    return ended(exitCode, stdout.text, stderr.text);
  }

  /** Invented files name no documents unless a test says so, and who approves has read that. Any other caution is a test's own to acknowledge. */
  async #acknowledging(argv: string[]): Promise<string[]> {
    if (argv[0] !== 'decide' || !argv.includes('--approve') || argv.includes('--acknowledge-cautions')) return argv;
    const open = await this.db('disposal_list_items')
      .whereRaw('cast(list_id as text) = ?', argv[1] ?? '')
      .modify((items) => void (argv.includes('--files') ? items.whereIn('file_ref', argv) : items.where({ status: 'pending' })))
      .pluck<{ caution: string; acknowledged_by: string | null }[][]>('cautions');
    const words = open.flat().flatMap(({ caution, acknowledged_by }) => (acknowledged_by === null ? [caution] : []));
    return words.length > 0 && words.every((word) => word === 'no_documents') ? [...argv, '--acknowledge-cautions'] : argv;
  }

  /** The same as a process of its own, by the system's clock. */
  spawn(argv: string[], env: Record<string, string> = {}): Spawned {
    const child = spawn(process.execPath, [RETENTION, ...argv], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'], ...this.env, ...env },
    });
    this.#spawned.push(child);
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
    const exit = new Promise<Ended<number | null>>((resolve) =>
      child.on('close', (code) => resolve(ended(code, said.stdout, said.stderr))),
    );
    return { child, said, exit };
  }

  /** Writes the register as an extract, `without` some columns or files. */
  async writeExtract(without: string[] = []): Promise<void> {
    await rm(this.extract, { recursive: true, force: true });
    await mkdir(this.extract);
    for (const name of EXTRACT_FILES) {
      if (without.includes(name)) continue;
      const columns = EXTRACT_SPEC[name].columns.map((column) => column.name).filter((column) => !without.includes(column));
      const rows = this.register.rowsOf(name).map((row) => columns.map((column) => row[column] ?? ''));
      await writeFile(path.join(this.extract, name), stringify([columns, ...rows]));
    }
  }

  /** Writes extract.json into the extract, with these numbers of rows. */
  async says(rows: Record<string, number>): Promise<void> {
    await writeFile(path.join(this.extract, 'extract.json'), JSON.stringify({ exported_at: `${this.today}T01:00:00Z`, rows }));
  }

  /** Puts a document under the document root and lists it in the register. */
  async document(fileRef: string, name: string, content: string | Buffer = `${fileRef} ${name}`): Promise<string> {
    const file = path.join(this.documentRoot, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    this.register.documents.push({ file_ref: fileRef, path: name, sha256: '' });
    return file;
  }

  /** A whole night with the register as it stands; it must end well, and its accounts add up. */
  async night(asOf: string, settings: Record<string, string> = {}): Promise<NightResult> {
    await this.writeExtract();
    const night = await this.retention(['nightly', '--import', this.extract, '--json'], { asOf, ...settings });
    expect(night.exitCode === 0 || night.exitCode === 3, night.stderr).toBe(true);
    const result = night.json<NightResult>();
    expect(result.outcome).toBe('succeeded');
    await this.expectAccounted();
    return result;
  }

  /** Every file in the register has one determination, every archived one has left it, and the audit is whole. */
  async expectAccounted(): Promise<void> {
    const files = await this.db('case_files').pluck<string[]>('file_ref').orderBy('file_ref');
    expect(await this.db('determinations').pluck('file_ref').orderBy('file_ref')).toEqual(files);
    const archived = this.db('residual_records as r').whereNull('r.restored_on').whereNull('r.kept_apart_on');
    // One that came to the register after the list is another file of the same reference.
    const leftBehind = archived
      .clone()
      .join('case_files as f', 'f.file_ref', 'r.file_ref')
      .join('disposal_lists as l', 'l.id', 'r.list_id')
      .join('imports as m', 'm.id', 'f.import_id')
      .whereRaw('m.run_id <= coalesce(l.run_id, m.run_id)');
    expect(await leftBehind.pluck('r.file_ref')).toEqual([]);
    expect(await archived.pluck('r.file_ref').orderBy('r.file_ref')).toEqual(
      await this.db('bags').where({ state: 'archived' }).pluck('file_ref').orderBy('file_ref'),
    );
    expect((await this.retention('audit verify --json')).json()).toMatchObject({ faults: [] });
  }

  async lists(state?: string): Promise<ShownList[]> {
    return (await this.done(`lists --json${state ? ` --state ${state}` : ''}`)).json();
  }

  async show(list: number): Promise<ShownItems> {
    return (await this.done(`show ${list} --json`)).json();
  }

  /** The item of a file on the newest list that has it. */
  async itemOf(fileRef: string): Promise<ShownItem & { list: number }> {
    for (const { id } of await this.lists()) {
      const item = (await this.show(id)).items.find((candidate) => candidate.file_ref === fileRef);
      if (item) return { ...item, list: id };
    }
    throw new Error(`${fileRef} is on no list`);
  }

  /** Why a file is or is not a candidate. */
  async explain(
    fileRef: string,
    asOf = this.today,
  ): Promise<{ outcome: string; rule: string; retain_until: string; blocks: string[]; block_words: string[]; cautions: string[] }> {
    return (await this.done(`explain ${fileRef} --json --as-of ${asOf}`)).json();
  }

  /** m.jones approves every file of a list, and a.khan signs it, on a day. */
  async approveAndSign(list: number, asOf: string): Promise<void> {
    const files = (await this.show(list)).items.filter((item) => item.status === 'pending').map((item) => item.file_ref);
    await this.done(['decide', String(list), '--approve', '--acknowledge-cautions', '--files', ...files], { asOf, as: 'm.jones' });
    await this.sign(list, asOf);
  }

  async sign(list: number, asOf: string, as = 'a.khan'): Promise<void> {
    await this.done(['sign-off', String(list), '--digest', (await this.show(list)).digest], { asOf, as });
  }

  /** A command that must end with 0. */
  async done(
    command: string | string[],
    options: { asOf?: string; as?: string; [setting: string]: string | undefined } = {},
  ): Promise<Ended> {
    const result = await this.retention(command, options);
    expect(result.exitCode, `${String(command)}: ${result.stderr}`).toBe(0);
    return result;
  }

  /** A command that must be refused with 1, in these words, leaving an audit event of this code by this person. */
  async refused(command: string | string[], options: { asOf?: string; as: string }, code: string, words: RegExp): Promise<void> {
    const result = await this.retention(command, options);
    expect([result.exitCode, result.stderr, result.stdout]).toEqual([1, expect.stringMatching(words), '']);
    const last = await this.db('audit_events').orderBy('seq', 'desc').first<{ actor: string; event: string; details: string }>();
    expect([last.actor, last.event, (JSON.parse(last.details) as { why: string }).why]).toEqual([options.as, 'refused', code]);
  }

  /** The bags that lie in the archive, by name. */
  async bags(): Promise<string[]> {
    return (await namesIn(this.archive)).filter((name) => name.endsWith('.zip')).sort();
  }

  async close(): Promise<void> {
    for (const child of this.#spawned) if (child.exitCode === null) child.kill('SIGKILL');
    await forgetConnections();
    await this.#close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface Spawned {
  child: ChildProcess;
  said: { stdout: string; stderr: string };
  exit: Promise<Ended<number | null>>;
}

/** A rehearsal, or with RETENTION_REHEARSAL set to '' a live database, with the settings given. */
export async function rehearsal(settings: Record<string, string> = {}): Promise<Council> {
  return new Council(await freshDatabase(), await mkdtemp(path.join(tmpdir(), 'retention rehearsal ')), settings);
}

/** Names of what is in a folder; none where there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    return [];
  });
}

/** Waits until something is true; looks often, for what is waited for may pass. */
export async function until<T>(what: () => Promise<T | false | null | undefined> | T | false | null | undefined, why: string): Promise<T> {
  const deadline = Date.now() + 90_000;
  while (Date.now() < deadline) {
    const found = await what();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`Waited in vain until ${why}.`);
}

function ended<Code>(exitCode: Code, stdout: string, stderr: string): Ended<Code> {
  return { exitCode, stdout, stderr, json: (() => JSON.parse(stdout) as unknown) as Ended['json'] };
}

class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}
