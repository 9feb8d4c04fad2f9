/** A council of any size in a database of its own: an invented extract, two real nights, decisions, holds and a year of audit. */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import knexModule, { type Knex } from 'knex';
import { knexConfig } from '../../../db/connect.ts';
import { startEmbedded } from '../../../db/embedded.ts';
import { writeCouncil } from '../../../jobs/demo/council.ts';

/** The two nights: what was signed after the first is archived by the second, after which people work. */
const FIRST = '2026-11-22';
export const SECOND = '2026-11-30';

const RETENTION = fileURLToPath(new URL('../../../jobs/retention.mjs', import.meta.url));
/** Undecided files after the first night, all of which are archived by the second, and after the second. */
const FIRST_ITEMS = 200;
const OPEN_ITEMS = 10_000;

/** Files of a full list. */
export const LIST_SIZE = 200;
const HOLDS = 5_000;
const EVENTS = 200_000;
const RUNS = 300;

export interface Town {
  files: number;
  /** As the owner of the database. */
  db: Knex;
  env: Record<string, string>;
  /** Seconds that each part of the preparation took. */
  took: Record<string, number>;
  close(): Promise<void>;
}

/** Opens the town of that folder, and prepares what of it is not there. Its PostgreSQL is the embedded one, with its durable settings. */
export async function openTown(home: string, files: number): Promise<Town> {
  await mkdir(home, { recursive: true, mode: 0o711 });
  const server = await startEmbedded(home);
  const db = knexModule.knex(knexConfig(server.owner));
  const close = async () => {
    await db.destroy();
    await server.release();
  };
  const env = {
    RETENTION_HOME: home,
    RETENTION_REHEARSAL: '1',
    LOG_LEVEL: 'warn',
    LIST_SIZE: String(LIST_SIZE),
    OPEN_ITEMS: String(FIRST_ITEMS),
  };
  const kept = await readFile(stateOf(home), 'utf8').catch(() => null);
  const state = kept === null ? { files, took: {} } : (JSON.parse(kept) as Pick<Town, 'files' | 'took'>);
  const town: Town = { ...state, db, env, close };
  await prepare(town);
  return town;
}

async function prepare(town: Town): Promise<void> {
  const home = town.env['RETENTION_HOME'] ?? '';
  const extract = path.join(home, 'extract');
  const at = (day: string, ...argv: string[]) => retention(town, [...argv, '--as-of', day]);
  await timed(town, 'extract written', () =>
    writeCouncil(extract, path.join(home, 'documents'), { asOf: FIRST, files: town.files, documents: false }),
  );
  await timed(town, 'first import', () => at(FIRST, 'import', extract));
  await timed(town, 'first compute, every file written', () => at(FIRST, 'compute'));
  await timed(town, 'first night', () => at(FIRST, 'nightly'));
  await timed(town, 'decided and signed', () => decideAndSign(town, at));
  town.env['OPEN_ITEMS'] = String(OPEN_ITEMS);
  await timed(town, 'holds', () => placeHolds(town, path.join(home, 'holds.csv')));
  await timed(town, 'second import, nothing changed', () => at(SECOND, 'import', extract));
  await timed(town, 'second night', () => at(SECOND, 'nightly'));
  await timed(town, 'compute, nothing changed', () => at(SECOND, 'compute'));
  await timed(town, 'a year of audit and nights', () => pastYear(town.db));
  await timed(town, 'night again, nothing changed', () => at(SECOND, 'nightly'));
  await timed(town, 'vacuum', () => town.db.raw('vacuum analyze'));
}

/** Every list of the first night that may be decided together is approved, by the sample people. */
async function decideAndSign({ db }: Town, at: (day: string, ...argv: string[]) => Promise<string>): Promise<void> {
  for (const id of await db('disposal_lists').orderBy('id').pluck<number[]>('id')) {
    const items = await db('disposal_list_items').where({ list_id: id, status: 'pending' }).pluck<string[]>('file_ref');
    await at(FIRST, 'decide', String(id), '--approve', '--acknowledge-cautions', '--as', 'm.jones', '--files', ...items);
    const { digest } = await db('disposal_lists').where({ id }).first<{ digest: string }>('digest');
    await at(FIRST, 'sign-off', String(id), '--digest', digest, '--as', 'a.khan');
  }
}

async function placeHolds(town: Town, file: string): Promise<void> {
  const people = await town.db('people').orderByRaw('md5(person_ref)').limit(HOLDS).pluck<string[]>('person_ref');
  const rows = people.map((ref) => `litigation,person:${ref},The legal service,2027-06-30`);
  await writeFile(file, ['kind,scope,authority,review_on', 'inquiry,category:foster_carer,The inquiry,2027-06-30', ...rows, ''].join('\n'));
  await retention(town, ['hold', 'import', file, '--as', 'a.khan', '--as-of', FIRST]);
}

/** Events through the chain itself, and nights as the ledger keeps them: what a year leaves behind. */
async function pastYear(db: Knex): Promise<void> {
  await db.raw(
    `insert into audit_events (actor, event, details)
     select (array['m.jones', 'a.khan', 's.lee', 'service'])[1 + n % 4], (array['list.decided', 'user.signed_in', 'person.looked_for', 'hold.placed'])[1 + n / 7 % 4],
       json_build_object('list', n % 500, 'files', json_build_array('CF-' || n), 'named_together', n % 3 = 0)
     from generate_series(1, cast(:events as int)) n`,
    { events: EVENTS },
  );
  await db.raw(
    `insert into runs (kind, as_of, started_at, finished_at, outcome, counts)
     select 'nightly', as_of - n, started_at - make_interval(days => n), finished_at - make_interval(days => n), 'succeeded', counts
     from (select * from runs where kind = 'nightly' order by id limit 1) r, generate_series(1, cast(:runs as int)) n`,
    { runs: RUNS },
  );
}

/** Runs a command as a process of its own; returns what it printed. */
async function retention({ env }: Town, argv: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [RETENTION, ...argv], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0 && code !== 3) throw new Error(`retention ${argv.slice(0, 4).join(' ')} ended with ${code}: ${said}`);
  return said;
}

/** Does a part of the preparation, unless it was done before. */
async function timed(town: Town, what: string, work: () => Promise<unknown>): Promise<void> {
  if (what in town.took) return;
  const began = performance.now();
  await work();
  const seconds = Math.round(performance.now() - began) / 1000;
  town.took[what] = seconds;
  await writeFile(stateOf(town.env['RETENTION_HOME'] ?? ''), JSON.stringify({ files: town.files, took: town.took }));
  console.info(`${what}: ${seconds.toFixed(1)} s`);
}

/** What of a town is there. */
function stateOf(home: string): string {
  return path.join(home, 'town.json');
}
