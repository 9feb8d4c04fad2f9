/** Recovery codes, each good once in place of the second factor: kept by their hash. */
import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { sha256 } from '../rules/digest.ts';
import { recordEvent } from './audit.ts';

const RECOVERY_CODES = 8;

/** Of base32: none of them is easily taken for another. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** New recovery codes in place of those there were. Returns them; they are nowhere else. */
export async function newRecoveryCodes(trx: Knex.Transaction, name: string): Promise<string[]> {
  await trx('user_secrets').where({ user_name: name, kind: 'recovery', ended_at: null }).update({ ended_at: trx.fn.now() });
  const codes = Array.from({ length: RECOVERY_CODES }, recoveryCode);
  const rows = codes.map((code) => ({ user_name: name, kind: 'recovery', hash: recoveryHash(code), expires_at: 'infinity' }));
  await trx('user_secrets').insert(rows);
  await recordEvent(trx, name, 'user.recovery_codes_made', { user: name });
  return codes;
}

/** How many recovery codes a person has left. */
export async function recoveryCodesLeft(db: Knex, name: string): Promise<number> {
  return (await db('user_secrets').where({ user_name: name, kind: 'recovery', ended_at: null }).select('id')).length;
}

/** Uses up a recovery code of the person. True where it was one. */
export async function useRecoveryCode(db: Knex, name: string, typed: string): Promise<boolean> {
  const used = await db('user_secrets')
    .where({ user_name: name, kind: 'recovery', hash: recoveryHash(typed), ended_at: null })
    .update({ ended_at: db.fn.now(), used_at: db.fn.now() });
  return used > 0;
}

/** Takes a person's second factor and recovery codes away: who has lost the phone gets a new one. */
export async function dropFactor(trx: Knex.Transaction, name: string): Promise<void> {
  await trx('accounts').where({ user_name: name }).update({ factor_secret: null, factor_since: null, factor_step: null });
  await trx('user_secrets').where({ user_name: name, kind: 'recovery', ended_at: null }).update({ ended_at: trx.fn.now() });
}

/** 120 random bits cannot be guessed, so that a plain digest keeps them as safe as a slow one would. */
function recoveryCode(): string {
  const letters = Array.from(randomBytes(24), (byte) => LETTERS.charAt(byte % LETTERS.length)).join('');
  return letters.match(/.{4}/g)?.join('-') ?? letters;
}

function recoveryHash(typed: string): string {
  return sha256(typed.toUpperCase().replaceAll(/[^A-Z2-7]/g, ''));
}
