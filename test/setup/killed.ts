/** Kills a command as a power cut would: at a state that is awaited, at a moment, or frozen where a lock makes it wait. */
import type { Knex } from 'knex';
import { expect } from 'vitest';
import { until, type Council, type Spawned } from './commands.ts';

/** A process that waits for a lock we hold. */
export interface Frozen {
  started: Spawned;
  /** Lets it go on. */
  thaw: () => Promise<void>;
}

/**
 * Starts a command and freezes it where it needs the last of `locks`: statements that each take a lock. Each is taken while
 * the process waits for the one before, so that earlier steps that need it too are let through.
 */
export async function frozenAt(council: Council, argv: string[], locks: readonly string[]): Promise<Frozen> {
  let held: Knex.Transaction | undefined;
  let started: Spawned | undefined;
  for (const lock of locks) {
    const next = await council.db.transaction();
    await next.raw(lock);
    await held?.rollback();
    held = next;
    started ??= council.spawn(argv);
    await waits(council, held, started, lock);
  }
  if (!held || !started) throw new Error('Name a lock to freeze at.');
  const last = held;
  return {
    started,
    thaw: async () => {
      await last.rollback();
    },
  };
}

/** Freezes a command as `frozenAt`, kills it there, and waits until the database has noticed. */
export async function killFrozenAt(council: Council, argv: string[], locks: readonly string[]): Promise<void> {
  const { started, thaw } = await frozenAt(council, argv, locks);
  expect(await killed(started)).toBe(true);
  await thaw();
  await noticed(council);
}

/** Runs it as a process, kills it once a state is reached, and waits until the database has noticed. */
export async function killWhen(council: Council, argv: string[], when: string, reached: () => Promise<boolean>): Promise<void> {
  const started = council.spawn(argv);
  await until(async () => {
    expectAlive(started, when);
    return reached();
  }, when);
  expect(await killed(started)).toBe(true);
  await noticed(council);
}

/** Kills with SIGKILL and waits for the end; false when it had come to its own end before. */
export async function killed({ child, exit }: Spawned): Promise<boolean> {
  child.kill('SIGKILL');
  await exit;
  return child.signalCode === 'SIGKILL';
}

/** Waits until no dead process holds the lock of the night, or rows or tables of the register. */
export async function noticed(council: Council): Promise<void> {
  await until(async () => {
    const result = await council.db.raw<{ rows: object[] }>(
      `select from pg_locks l where l.database = (select oid from pg_database where datname = current_database()) and l.pid <> pg_backend_pid()`,
    );
    return result.rows.length === 0;
  }, 'the database has noticed');
}

/** Asked over another connection than the holder's: within a transaction the server shows its processes as they first were. */
async function waits(council: Council, holder: Knex.Transaction, started: Spawned, lock: string): Promise<void> {
  const { rows } = await holder.raw<{ rows: { pid: number }[] }>('select pg_backend_pid() as pid');
  await until(async () => {
    expectAlive(started, `it needed: ${lock}`);
    const result = await council.db.raw<{ rows: object[] }>(
      'select from pg_locks where not granted and cast(:pid as int) = any(pg_blocking_pids(pid))',
      { pid: rows[0]?.pid ?? 0 },
    );
    return result.rows.length > 0;
  }, `it waits for: ${lock}`);
}

function expectAlive({ child, said }: Spawned, when: string): void {
  if (child.exitCode !== null) throw new Error(`It ended before ${when}: ${said.stdout}${said.stderr}`);
}
