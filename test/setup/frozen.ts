/**
 * Commands that meet: each started by itself, frozen where it needs a lock of PostgreSQL that the test holds, and let go when
 * all of them wait. So a test chooses at which moment they meet, and who comes first.
 */
import { expect } from 'vitest';
import { until, type Council, type Ended } from './commands.ts';

/** A command under way; `ended` is null until it has. */
export interface Contender {
  readonly exit: Promise<Ended<number | null>>;
  readonly ended: Ended<number | null> | null;
}

/** What the test holds; whoever needs it waits until `letGo`. */
export interface Frozen {
  /** Resolves when each of these commands waits for a lock, or has ended without needing one. */
  reached(contenders: readonly Contender[]): Promise<void>;
  letGo(): Promise<void>;
}

export interface Acting {
  as?: string;
  asOf: string;
  /** A process of its own; within this process, but by connections of its own, otherwise. */
  process: boolean;
}

/** Starts a command and returns at once. */
export function contend(council: Council, argv: readonly string[], { as, asOf, process }: Acting): Contender {
  const exit: Promise<Ended<number | null>> = process
    ? council.spawn([...argv, '--as-of', asOf, ...(as ? ['--as', as] : [])]).exit
    : council.retention([...argv], { asOf, ...(as ? { as } : {}) });
  const contender = { exit, ended: null as Ended<number | null> | null };
  void exit.then((ended) => (contender.ended = ended));
  return contender;
}

/** Takes a lock by this statement and keeps it until `letGo`. */
export async function freeze(council: Council, statement: string): Promise<Frozen> {
  const blocker = await council.db.transaction();
  await blocker.raw(statement);
  return {
    reached: (contenders) =>
      until(
        async () =>
          contenders.every(({ ended }) => ended !== null) || (await waitingForLocks(council)) >= contenders.filter(stillRuns).length,
        `${contenders.length} commands wait for what "${statement}" took`,
      ).then(() => undefined),
    letGo: async () => {
      await blocker.rollback();
    },
  };
}

/**
 * Starts commands one after the other, each once those before it wait or have ended, and then lets all go. Returns how each
 * ended, in the order in which they came.
 */
export async function meet(council: Council, statement: string, starts: readonly (() => Contender)[]): Promise<Ended<number | null>[]> {
  const frozen = await freeze(council, statement);
  const contenders: Contender[] = [];
  for (const start of starts) {
    contenders.push(start());
    await frozen.reached(contenders);
  }
  await frozen.letGo();
  return Promise.all(contenders.map(({ exit }) => exit));
}

/** Whatever a command met, it ended by itself and says so to a person: no error of the database as it came, and no stack. */
export function expectPlainWords(ended: Ended<number | null>): void {
  expect([0, 1, 3], ended.stderr).toContain(ended.exitCode);
  expect(ended.stderr).not.toMatch(
    /The database refused|deadlock|duplicate key|serializ|violates|ECONN|\n\s+at |node_modules|undefined|null/,
  );
  if (ended.exitCode === 1) expect(ended.stderr).toMatch(/^(\{.*\}\n)*retention: [A-Z].*\.\n$/);
}

function stillRuns({ ended }: Contender): boolean {
  return ended === null;
}

/** How many connections to this database wait for a lock. */
export async function waitingForLocks(council: Council): Promise<number> {
  const result = await council.db.raw<{ rows: { waiting: number }[] }>(
    `select count(distinct l.pid)::int as waiting from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where not l.granted and a.datname = current_database()`,
  );
  return result.rows[0]?.waiting ?? 0;
}
