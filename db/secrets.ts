/** Codes and tokens of people: kept by their hash, good until they end or expire. The secrets themselves are nowhere. */
import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { sha256 } from '../rules/digest.ts';
import { endSessionsOf } from './sessions.ts';

/** Codes or tokens that are neither used up, taken back nor outlived, and are this one where `secret` is given. */
export function secretsInForce(db: Knex, kind: 'code' | 'token', secret?: string): Knex.QueryBuilder {
  return db('user_secrets')
    .where({ 'user_secrets.kind': kind, ...(secret === undefined ? {} : { hash: sha256(secret) }) })
    .whereNull('ended_at')
    .where('expires_at', '>', db.fn.now());
}

/** A new code or token of a person. Returns the secret, which is nowhere else. */
export async function issueSecret(
  trx: Knex.Transaction,
  name: string,
  kind: 'code' | 'token',
  days: number,
  about: { made_by?: string; takes_two?: boolean } = {},
): Promise<string> {
  // 256 random bits cannot be guessed, so a plain digest keeps them as safe as a slow one would.
  // None begins with a dash, which the command line would take for an option.
  const secret = randomBytes(32).toString('base64url').replace(/^-/, '_');
  await trx('user_secrets').insert({
    user_name: name,
    kind,
    hash: sha256(secret),
    expires_at: trx.raw(`now() + interval '${days} days'`),
    ...about,
  });
  return secret;
}

/** Ends a person's codes, or their tokens, or both. */
export async function endSecrets(trx: Knex.Transaction, name: string, kind?: 'code' | 'token'): Promise<void> {
  await trx('user_secrets')
    .where({ user_name: name, ...(kind === undefined ? {} : { kind }) })
    .whereNull('ended_at')
    .update({ ended_at: trx.fn.now() });
}

/** Ends a person's tokens and sessions, on whatever machine. Returns how many sessions there were. */
export async function endAccess(trx: Knex.Transaction, name: string): Promise<number> {
  await endSecrets(trx, name, 'token');
  return endSessionsOf(trx, name);
}

/** Whose code or token it is or was. */
export async function ownerOfSecret(db: Knex, kind: 'code' | 'token', secret: string): Promise<string | undefined> {
  const row = await db('user_secrets')
    .where({ kind, hash: sha256(secret) })
    .first<{ user_name: string } | undefined>('user_name');
  return row?.user_name;
}
