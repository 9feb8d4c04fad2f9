/**
 * A night that can be disturbed: a council with a signed list and a night's work of every step ahead, what an undisturbed run
 * makes of it, and what must hold at any moment in between, however often it is killed.
 */
import { createHash } from 'node:crypto';
import { access, readdir, readFile, utimes } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { openArchiveStore } from '../../db/archiveStore.ts';
import { BagDamaged, verifyBag } from '../../db/bag.ts';
import { describeError } from '../../jobs/log.ts';
import { namesIn, rehearsal, type Council } from './commands.ts';
import { tally } from './tally.ts';

export const LISTED_ON = '2026-11-22';
export const ARCHIVED_ON = '2026-11-30';
export const DOCUMENTS = 3;
/** A facts change and a hold come after the sign-off, so the last two of the list are withdrawn on the night. */
export const WITHDRAWN = 2;

/** A council on the eve of the night, and what it is to be compared with. */
export interface Eve {
  council: Council;
  /** SHA-256 of every document as it was when the list was signed, by path. */
  originals: Map<string, string>;
  /** The files that the night may archive, and no other. */
  archivable: string[];
}

/** What a fault did, in references; every list is empty when all is well. */
export interface Harm {
  lost: string[];
  early: string[];
  twice: string[];
  leaked: string[];
}

const UNHARMED: Harm = { lost: [], early: [], twice: [], leaked: [] };

/**
 * A list of `files` files with documents, two of them sharing one and their child, signed and past its cooling-off on ARCHIVED_ON; for that
 * night an extract that adds, changes and spoils rows, so that each step has something to write. `make` gives the council.
 */
export async function eveOfTheNight(files: number, make: () => Promise<Council> = rehearsal): Promise<Eve> {
  const council = await make();
  const { register } = council;
  const originals = new Map<string, string>();
  const document = async (fileRef: string, name: string, content: Buffer) => {
    await council.document(fileRef, name, content);
    originals.set(name, sha256(content));
  };
  for (let i = 0; i < files; i++) {
    register.child(ref(i));
    for (let n = 0; n < DOCUMENTS; n++) await document(ref(i), `${ref(i)}/page ${n}.bin`, Buffer.alloc(40_000, i * DOCUMENTS + n));
  }
  // Siblings' files of one child, which both list one document.
  register.change(ref(1), { subject_refs: `${ref(0)}-P` }).people.delete(`${ref(1)}-P`);
  register.documents.push({ file_ref: ref(1), path: `${ref(0)}/page 0.bin`, sha256: '' });
  register.change(ref(0), { family_ref: 'FAM-0' }).families.push({ family_ref: 'FAM-0', child_ref: `${ref(0)}-P` });
  register.child('CF-young', { opened_on: '2020-01-01', closed_on: '2021-01-01' }, { date_of_birth: '2012-05-01' });
  await council.night(LISTED_ON);
  await council.approveAndSign(1, LISTED_ON);
  const hold = ['hold', 'add', '--kind', 'inquiry', '--scope', `file:${ref(files - 1)}`, '--authority', 'Judge', '--review-on'];
  await council.done([...hold, '2027-11-22'], { asOf: LISTED_ON, as: 'm.jones' });

  register.change(ref(files - 2), { opened_on: '2004-02-01' });
  register.change('CF-young-P', { date_of_birth: '2012-06-01' });
  register.child('CF-new').child('CF-spoilt', { opened_on: 'the first of May' });
  for (let n = 0; n < DOCUMENTS; n++) await document('CF-new', `CF-new/page ${n}.bin`, Buffer.alloc(5_000, n));
  await council.writeExtract();
  return { council, originals, archivable: Array.from({ length: files - WITHDRAWN }, (_, i) => ref(i)) };
}

/** The arguments of the whole night, with its extract or without. */
export function nightly(council: Council, extract: 'with extract' | 'without' = 'with extract'): string[] {
  return ['nightly', ...(extract === 'without' ? [] : ['--import', council.extract]), '--as-of', ARCHIVED_ON];
}

/** What became of an eve by one night that nobody disturbs, run here; it is closed afterwards. */
export async function undisturbed(files: number, make?: () => Promise<Council>): Promise<unknown> {
  const eve = await eveOfTheNight(files, make);
  try {
    await finishTheNight(eve);
    await harmOf(eve);
    return await endState(eve.council);
  } finally {
    await eve.council.close();
  }
}

/**
 * Runs the whole night to its good end, and once more: an extract that comes again after files were archived is noted, and
 * whether it did before the last kill is chance.
 */
export async function finishTheNight({ council }: Eve): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const night = await council.retention(nightly(council));
    expect([0, 3], night.stderr).toContain(night.exitCode);
  }
}

/** Counts of one fault over all its tries, for the table; each try is checked at once, so that a failure names it. */
export class Tries {
  readonly #what: string;
  readonly #counts = { tried: 0, lost: 0, early: 0, twice: 0, leaked: 0 };

  constructor(what: string) {
    this.#what = what;
  }

  get tried(): number {
    return this.#counts.tried;
  }

  /** Adds one try and fails unless the council is unharmed. `archive` is where the test reaches the archive, if elsewhere. */
  async check(eve: Eve, archive = eve.council.archive): Promise<void> {
    const harm = await harmOf(eve, archive);
    this.#counts.tried++;
    for (const kind of ['lost', 'early', 'twice', 'leaked'] as const) this.#counts[kind] += harm[kind].length;
    expect(harm, `after try ${this.tried} of: ${this.#what}`).toEqual(UNHARMED);
  }

  /** Adds the line to the table. */
  tell(): void {
    tally({ what: this.#what, ...this.#counts });
  }
}

/** What must hold at any moment. Reads every bag back. */
export async function harmOf({ council, originals, archivable }: Eve, archive = council.archive): Promise<Harm> {
  const { db } = council;
  const harm: Harm = { lost: [], early: [], twice: [], leaked: [] };
  const store = openArchiveStore(archive);
  const records = await db('residual_records').select<ArchivedRow[]>('file_ref', 'bag_sha256', 'signed_on', 'archived_on');
  const packed = new Set<string>();
  for (const { file_ref, bag_sha256, signed_on, archived_on } of records) {
    if (!archivable.includes(file_ref) || !(archived_on > signed_on)) harm.early.push(file_ref);
    const bag = await verifyBag(store, `${file_ref}.zip`).catch((error: unknown) => describeError(error));
    if (typeof bag === 'string') harm.lost.push(`the bag of ${file_ref}: ${bag}`);
    else if (bag.sha256 !== bag_sha256) harm.lost.push(`the bag of ${file_ref}: another lies there than is on record`);
    else for (const document of bag.documents) packed.add(`${document.path} ${document.sha256}`);
  }
  const gone = (await sourcesGone(council, [...originals.keys()])).filter((name) => !packed.has(`${name} ${originals.get(name) ?? ''}`));
  harm.lost.push(...gone.map((name) => `the document ${name}`));

  const registered = new Set(await db('case_files').pluck<string[]>('file_ref'));
  const onRecord = records.map((record) => record.file_ref);
  harm.lost.push(...archivable.filter((fileRef) => !registered.has(fileRef) && !onRecord.includes(fileRef)));
  harm.twice.push(...onRecord.filter((fileRef, i) => registered.has(fileRef) || onRecord.indexOf(fileRef) !== i));
  harm.twice.push(...(await moreThanOnce(council)));
  harm.leaked.push(...(await outOfPlace(council, archive)));
  return harm;
}

interface ArchivedRow {
  file_ref: string;
  bag_sha256: string;
  signed_on: string;
  archived_on: string;
}

async function moreThanOnce({ db }: Council): Promise<string[]> {
  const result = await db.raw<{ rows: { what: string }[] }>(
    `select 'archived: ' || details as what from audit_events where event = 'item.archived' group by details having count(*) > 1
     union all select 'certificate: ' || details from audit_events where event = 'certificate.issued' group by details having count(*) > 1
     union all select 'bag of ' || file_ref from bags where state not in ('cleared', 'restored') group by file_ref having count(*) > 1
     union all select 'listed: ' || file_ref from disposal_list_items where binding group by file_ref having count(*) > 1`,
  );
  return result.rows.map((row) => row.what);
}

/** Half a bag under a name of its own, a bag nobody knows of, or anything beside the folders of the installation. */
async function outOfPlace(council: Council, archive: string): Promise<string[]> {
  const store = openArchiveStore(archive);
  const strange: string[] = [];
  const known = await council.db('bags').whereIn('state', ['begun', 'archived']).pluck<string[]>('location');
  for await (const location of store.list('')) {
    const whole = await verifyBag(store, location).then(
      () => true,
      (error: unknown) => {
        if (error instanceof BagDamaged) return false;
        throw error;
      },
    );
    if (!whole) strange.push(`half a bag: ${location}`);
    if (!known.includes(location)) strange.push(`a bag nobody knows of: ${location}`);
  }
  const folders = ['archive', 'documents', 'extract', 'home'];
  strange.push(...(await readdir(council.folder)).filter((name) => !folders.includes(name)));
  return strange;
}

/**
 * Everything that is to be the same however often the night was killed: all tables without instants and serial numbers, the
 * events, the bags that lie there and the report. Lists are named by their order, for a killed run leaves a gap in their numbers.
 */
export async function endState(council: Council, archive = council.archive): Promise<unknown> {
  const { db } = council;
  const lists = await db('disposal_lists').orderBy('id').select<{ id: number; signed_by: string | null }[]>('id', 'signed_by');
  const places = new Map(lists.map((list, i) => [list.id, i + 1]));
  const signed = new Set(lists.filter((list) => list.signed_by !== null).map((list) => list.id));
  const tables: Record<string, string[]> = {};
  for (const table of await tablesOf(council)) {
    const rows = await db(table).select<Record<string, unknown>[]>('*');
    tables[table] = rows
      // Bags that were cleared, and word of a run that was killed, are there only where one was.
      .filter((row) => row['state'] !== 'cleared' && !(table === 'told' && row['kind'] === 'interrupted'))
      .map((row) => lasting(row, table, places, signed))
      .sort();
  }
  const reports = path.join(council.env['RETENTION_HOME'] ?? '', 'reports', ARCHIVED_ON);
  const report = (name: string) => readFile(path.join(reports, name), 'utf8');
  return {
    tables,
    events: await eventsOf(council, places),
    archive: (await readdir(archive)).sort(),
    partials: await partials(archive),
    sourcesLeft: (await readdir(council.documentRoot, { recursive: true })).sort(),
    reports: [
      (await readdir(path.join(reports, 'lists'))).length,
      ...(await Promise.all(['retention-report.csv', 'removals.csv', 'rejects.csv'].map(report))),
    ],
  };
}

/** The ledger and the imports tell of each run; who was let in, and the migrations, are not of the night. */
const OF_RUNS = ['runs', 'imports', 'audit_events', 'installation', 'users', 'user_roles', 'user_secrets', 'schedule_versions'];

async function tablesOf({ db }: Council): Promise<string[]> {
  const names = await db('pg_tables').where({ schemaname: 'public' }).orderBy('tablename').pluck<string[]>('tablename');
  return names.filter((name) => !OF_RUNS.includes(name) && !name.startsWith('knex'));
}

function lasting(row: Record<string, unknown>, table: string, places: Map<number, number>, signed: Set<number>): string {
  const listId = table === 'disposal_lists' ? row['id'] : row['list_id'];
  const kept = Object.entries(row).filter(([name, value]) => {
    // The chain of the audit tells of each run.
    if (value instanceof Date || ['id', 'run_id', 'import_id', 'list_id', 'chain'].includes(name)) return false;
    // The digests of a list have its number in them; what was signed before the night keeps its number.
    return !(name.endsWith('digest') && table.startsWith('disposal_list') && !signed.has(Number(listId)));
  });
  // A kill between removing a source and recording it leaves it to be found gone.
  const settled = kept.map(([name, value]) => [name, table === 'source_removals' && value === 'already_gone' ? 'removed' : value]);
  return JSON.stringify({ ...Object.fromEntries(settled), list: places.get(Number(listId)) ?? null });
}

/** Each event of items, lists, holds, sources and certificates; runs and imports are told as often as they were begun. */
async function eventsOf({ db }: Council, places: Map<number, number>): Promise<string[]> {
  const events = await db('audit_events')
    .whereRaw("event !~ '^(run|extract)[.]'")
    .select<{ actor: string; event: string; details: string }[]>('actor', 'event', 'details');
  return events
    .map(({ actor, event, details }) => {
      const { list, digest: _digest, outcome: _outcome, ...said } = JSON.parse(details) as Record<string, unknown>;
      return JSON.stringify([actor, event, said, typeof list === 'number' ? places.get(list) : null]);
    })
    .sort();
}

/** A store clears what a dead process left half-written once it is an hour old: younger, it may be a living one's. */
export async function anHourPasses(archive: string): Promise<void> {
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  for (const name of await partials(archive)) await utimes(path.join(archive, '.partial', name), longAgo, longAgo);
}

/** Names of what is being written in the archive, or was left half-written. */
export async function partials(archive: string): Promise<string[]> {
  return namesIn(path.join(archive, '.partial'));
}

/** Files on record as archived. */
export async function archived(council: Council): Promise<number> {
  return (await council.db('residual_records').pluck('file_ref')).length;
}

/** Which of these paths are no longer under the document root; all that the register lists when none are named. */
export async function sourcesGone(council: Council, names = council.register.documents.map((row) => row['path'] ?? '')): Promise<string[]> {
  const there = await Promise.all(
    names.map((name) =>
      access(path.join(council.documentRoot, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return names.filter((_, i) => !there[i]);
}

/** Reference of the file at a place of the list, from 0. */
export function ref(i: number): string {
  return `CF-${String(i).padStart(2, '0')}`;
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
