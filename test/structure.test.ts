/** The shape of the code: imports run one way, only jobs/ reads a clock, and the database knows the same words as the code. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISPOSAL_ACTIONS, OUTCOMES } from '../rules/determine.ts';
import { MEDIA } from '../rules/facts.ts';
import {
  BRAKES,
  DECISIONS,
  HOLD_KINDS,
  HOLD_SCOPES,
  ITEM_MOVES,
  ITEM_STATUSES,
  LIST_MOVES,
  LIST_STATES,
  ORIGINALS_OUTCOMES,
  REASON_CODES,
  ROLES,
  type ItemStatus,
  type ListState,
} from '../rules/workflow.ts';
import { freshDatabase, pastGuards, type FreshDatabase } from './setup/database.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const FOLDERS = ['rules', 'db', 'reports', 'jobs'];

describe('the code', () => {
  it('invents at random by the one seed that a failing test prints', () => {
    const other = sourcesOf('test').filter((source) => source.endsWith('.test.ts') && importsOf(source).includes('fast-check'));
    expect(other).toEqual([]);
  });

  it('has no connection that nobody listens to: one that is reset would end the process', () => {
    const sources = [...FOLDERS, 'test'].flatMap(sourcesOf).filter((source) => source !== path.join('test', 'structure.test.ts'));
    const own = sources.filter((source) => readFileSync(path.join(root, source), 'utf8').includes('new pg.Client('));
    expect(own).toEqual([path.join('db', 'embedded.ts'), path.join('test', 'setup', 'plainClient.ts')]);
    for (const source of own) expect(readFileSync(path.join(root, source), 'utf8')).toContain("client.on('error'");
  });

  it('imports one way: rules, then db, then reports, then jobs', () => {
    const wrong = FOLDERS.flatMap((folder, rank) =>
      sourcesOf(folder).flatMap((source) =>
        importsOf(source)
          .filter((name) => name.startsWith('.'))
          .map((name) => path.relative(root, path.resolve(root, path.dirname(source), name)).replace(/^\.build\//, ''))
          .filter((target) => !FOLDERS.slice(0, rank + 1).includes(target.split(path.sep)[0] ?? ''))
          .map((target) => `${source} imports ${target}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('lets people act in transactions that ask at their end whether they still may', () => {
    // Nobody acts yet where people sign in, nor while a database has nobody.
    const before = [path.join('reports', 'site', 'pages', 'signIn.ts'), path.join('jobs', 'cli', 'peopleCommands.ts')];
    const own = ['reports', path.join('jobs', 'cli')].flatMap(sourcesOf).filter((source) => !before.includes(source));
    expect(own.filter((source) => readFileSync(path.join(root, source), 'utf8').includes('.transaction('))).toEqual([]);
  });

  it('of rules/ needs no database, no network and no files but the schedule', () => {
    const allowed = (source: string) => [
      'luxon',
      'yaml',
      'zod',
      'node:crypto',
      ...(source === path.join('rules', 'schedule.ts') ? ['node:fs', 'node:url'] : []),
    ];
    const wrong = sourcesOf('rules').flatMap((source) =>
      importsOf(source).flatMap((name) => (name.startsWith('.') || allowed(source).includes(name) ? [] : [`${source} imports ${name}`])),
    );
    expect(wrong).toEqual([]);
  });

  it('reads a clock in jobs/ alone', () => {
    const clock = /new Date\(\)|Date\.now\(\)|DateTime\.(now|local|utc)\(\)/;
    // The age of a folder that a killed start left behind is no business date.
    const exempt = path.join('db', 'embeddedCluster.ts');
    const wrong = ['rules', 'db', 'reports']
      .flatMap(sourcesOf)
      .filter((source) => source !== exempt && clock.test(readFileSync(path.join(root, source), 'utf8')));
    expect(wrong).toEqual([]);
  });

  it('has nothing at the top but its five folders and the files that tools want there', () => {
    const ignored = readFileSync(path.join(root, '.gitignore'), 'utf8')
      .split('\n')
      .map((line) => line.replace(/\/$/, ''));
    const allowed = [...FOLDERS, 'test', 'package.json', 'package-lock.json', 'tsconfig.json', 'knexfile.ts', 'README.md', ...ignored];
    expect(readdirSync(root).filter((name) => !name.startsWith('.') && !allowed.includes(name))).toEqual([]);
  });
});

describe('the database', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
    await database.db('schedule_versions').insert({ version: 'v', in_force_from: '2023-06-09', adopted_by: 'test', content: 'rules: []' });
  });
  afterAll(() => database.close());

  it('takes the same words as the code', async () => {
    const words: Record<string, readonly string[]> = {
      'brakes.name': BRAKES,
      'case_files.medium': MEDIA,
      'deferrals.reason_code': REASON_CODES,
      'determinations.action': DISPOSAL_ACTIONS,
      'determinations.outcome': OUTCOMES,
      'disposal_list_items.action': DISPOSAL_ACTIONS,
      'disposal_list_items.decision': DECISIONS,
      'disposal_list_items.reason_code': REASON_CODES,
      'disposal_list_items.status': ITEM_STATUSES,
      'disposal_lists.action': DISPOSAL_ACTIONS,
      'disposal_lists.state': LIST_STATES,
      'holds.kind': HOLD_KINDS,
      'holds.scope': HOLD_SCOPES,
      'item_decisions.decision': DECISIONS,
      'originals.outcome': ORIGINALS_OUTCOMES,
      'users.roles': ROLES,
    };
    const checked = await checkedWords(database.db);
    const inDatabase = Object.fromEntries(Object.keys(words).map((column) => [column, checked.get(column)?.sort()]));
    expect(inDatabase).toEqual(Object.fromEntries(Object.entries(words).map(([column, list]) => [column, [...list].sort()])));
  });

  it('moves a list from state to state as the workflow says, and no other way', async () => {
    const wrong: string[] = [];
    for (const from of LIST_STATES) {
      for (const to of LIST_STATES) {
        const allowed = from === to || LIST_MOVES[from].includes(to);
        const refusal = await refusalOf(database.db, (trx) => moveList(trx, from, to));
        const said = refusal === null ? 'moved' : refusal.includes(`cannot go from ${from} to ${to}`) ? 'refused' : refusal;
        if (said !== (allowed ? 'moved' : 'refused')) wrong.push(`${from} to ${to}: ${said}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('moves an item from status to status as the workflow says, and no other way', async () => {
    const wrong: string[] = [];
    for (const from of ITEM_STATUSES) {
      for (const to of ITEM_STATUSES) {
        if (from === to) continue;
        const refusal = await refusalOf(database.db, (trx) => moveItem(trx, from, to));
        // A move that the workflow has may still be refused by another rule: archiving asks everything once more.
        const refused = refusal?.includes(`cannot go from ${from} to ${to}`) ?? false;
        if (refused === ITEM_MOVES[from].includes(to)) wrong.push(`${from} to ${to}: ${refusal ?? 'moved'}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

function sourcesOf(folder: string): string[] {
  const names = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.m?ts$|\.mjs$/.test(name)).map((name) => path.join(folder, name));
}

function importsOf(source: string): string[] {
  const text = readFileSync(path.join(root, source), 'utf8');
  return [...text.matchAll(/(?<!')(?:\bfrom|\bimport\(?)\s*'([^']+)'/g)].map(([, name]) => name ?? '');
}

/** The words of every CHECK that lets a column have one of a list, by table and column. */
async function checkedWords(db: Knex): Promise<Map<string, string[]>> {
  const { rows } = await db.raw<{ rows: { place: string; definition: string }[] }>(`
    select c.conrelid::regclass || '.' || a.attname as place, pg_get_constraintdef(c.oid) as definition
    from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'c' and cardinality(c.conkey) = 1`);
  const lists = rows.filter(({ definition }) => /^CHECK \(\(\w+ (= ANY \(|<@ )ARRAY\[/.test(definition));
  return new Map(lists.map(({ place, definition }) => [place, [...definition.matchAll(/'([^']*)'/g)].map(([, word]) => word ?? '')]));
}

/** Tries it in a transaction that is always rolled back; what the database said against it, or null. */
async function refusalOf(db: Knex, attempt: (trx: Knex.Transaction) => Promise<void>): Promise<string | null> {
  const trx = await db.transaction();
  try {
    await attempt(trx);
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await trx.rollback();
  }
}

const DIGEST = 'a'.repeat(64);
const SIGNED = { digest: DIGEST, signed_by: 'signer', signed_on: '2026-11-01', signed_digest: DIGEST, cooling_off_days: 7 };

async function makeList(trx: Knex.Transaction, state: ListState, signature: object): Promise<number> {
  const ended = ['complete', 'cancelled'].includes(state) ? { ended_on: '2026-11-22' } : {};
  const list = { state, rule: 'financial', action: 'archive', schedule_version: 'v', listed_on: '2026-11-01', ...signature, ...ended };
  const rows = await pastGuards(trx, 'disposal_lists', () => trx('disposal_lists').insert(list).returning('id'));
  return (rows[0] as { id: number }).id;
}

/** A list that is signed already, so that nothing but the move itself can be refused. */
async function moveList(trx: Knex.Transaction, from: ListState, to: ListState): Promise<void> {
  const id = await makeList(trx, from, SIGNED);
  await trx('disposal_lists')
    .where({ id })
    .update({ state: to, ended_on: ['complete', 'cancelled'].includes(to) ? '2026-11-22' : null });
}

/** Decisions change before the sign-off, everything after them needs it. */
async function moveItem(trx: Knex.Transaction, from: ItemStatus, to: ItemStatus): Promise<void> {
  const decided = DECISIONS.some((decision) => decision === to);
  const listId = await makeList(
    trx,
    decided || to === 'pending' ? 'for_decision' : 'in_progress',
    decided || to === 'pending' ? {} : SIGNED,
  );
  const item = {
    list_id: listId,
    position: 1,
    file_ref: 'F1',
    rule: 'financial',
    schedule_version: 'v',
    action: 'archive',
    anchor_year: 2019,
    retain_year: 2025,
  };
  const finished = ['archived', 'transferred', 'withdrawn'].includes(from);
  await pastGuards(trx, 'disposal_list_items', () =>
    trx('disposal_list_items').insert({
      ...item,
      item_digest: DIGEST,
      status_on: '2026-11-22',
      status: from,
      status_reason: 'test',
      binding: !finished,
      ...decisionOf(from),
    }),
  );
  await trx('disposal_list_items')
    .where({ list_id: listId })
    .update({ status: to, binding: !['archived', 'transferred', 'withdrawn'].includes(to), ...(decided ? decisionOf(to) : {}) });
}

function decisionOf(status: ItemStatus): object {
  if (status === 'pending') return {};
  const decision = DECISIONS.find((word) => word === status) ?? 'approved';
  return { decision, decided_by: 'decider', decided_on: '2026-11-01', keep_until: decision === 'kept' ? '2027-01-01' : null };
}
