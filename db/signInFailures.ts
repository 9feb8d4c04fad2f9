/** Attempts to come in that failed: each is an event of the audit, with the name where somebody has it, and never what was typed. */
import type { Knex } from 'knex';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';

export interface Attempt {
  by: 'password' | 'factor' | 'code' | 'token' | 'openid_connect';
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

/** Attempts to come in as somebody that failed. */
export interface FailedAttempts {
  failed: number;
  last: Date;
  /** Of the last; null for the command line. */
  address: string | null;
}

/** Those since a person last signed in, before just now; null where there are none. */
export async function failuresSince(db: Knex, name: string): Promise<FailedAttempts | null> {
  const { rows } = await db.raw<{ rows: FailedAttempts[] }>(
    `select cast(count(*) as int) as failed, max(recorded_at) as last,
       (array_agg(cast(details as json) ->> 'address' order by seq desc))[1] as address
     from audit_events where event = 'user.sign_in_failed' and cast(details as json) ->> 'user' = :name and seq > coalesce(
       (select seq from audit_events where event = 'user.signed_in' and actor = :name order by seq desc offset 1 limit 1), 0)`,
    { name },
  );
  return rows[0] && rows[0].failed > 0 ? rows[0] : null;
}
