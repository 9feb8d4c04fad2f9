/** Attempts to come in that failed: each is an event of the audit, with the name where somebody has it, and never what was typed. */
import type { Knex } from 'knex';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';

export interface Attempt {
  by: 'password' | 'code' | 'token' | 'openid_connect';
  /** Where it came from, as a trusted proxy says; null for the command line. */
  address: string | null;
}

/** Does what signs somebody in, and returns what comes of it; a Refusal is recorded outside the transaction it undoes, then thrown on. */
export async function recordingFailures<T>(db: Knex, attempt: Attempt, signIn: () => Promise<T>): Promise<T> {
  try {
    return await signIn();
  } catch (error) {
    if (error instanceof Refusal) await recordFailure(db, attempt, error.code, error.about['user']);
    throw error;
  }
}

/** Records an attempt that failed; `user` is who it was about, where there is such a person. */
export async function recordFailure(db: Knex, { by, address }: Attempt, why: string, user?: unknown): Promise<void> {
  const about = { ...(typeof user === 'string' ? { user } : {}), ...(address === null ? {} : { address }) };
  await recordEvent(db, 'service', 'user.sign_in_failed', { by, why, ...about });
}
