/** The second factor of local accounts: codes of an authenticator app (TOTP, RFC 6238), or recovery codes in their place. */
import type { Knex } from 'knex';
import { Secret, TOTP } from 'otpauth';
import type { Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';
import { forgetGuesses, mayGuess } from './guesses.ts';
import { newRecoveryCodes, useRecoveryCode } from './recoveryCodes.ts';

/** Seconds for which a code is shown; the one before and the one after it are taken too, for clocks differ. */
const STEP_SECONDS = 30;

/** A key for a new authenticator app. Returns it in base32; nothing is stored before a code of it was seen. */
export function newFactorSecret(): string {
  return new Secret({ size: 20 }).base32;
}

/** What the QR code says: the address by which an authenticator app takes the key. */
export function factorAddress(name: string, secret: string): string {
  return totpOf(secret, name).toString();
}

/** Since when a person has a second factor; null where they have none. */
export async function factorSince(db: Knex, name: string): Promise<Date | null> {
  const row = await db('accounts').where({ user_name: name }).first<{ factor_since: Date | null } | undefined>('factor_since');
  return row?.factor_since ?? null;
}

/**
 * Gives a person that authenticator app, in place of one they had, once a code of it proves that they have it. Returns recovery
 * codes, which are nowhere else. Throws a Refusal for a code that is not of this key.
 */
export async function takeFactor(trx: Knex.Transaction, { name }: Person, secret: string, code: string): Promise<string[]> {
  const step = await stepOf(trx, secret, code);
  if (step === null)
    throw new Refusal(
      'code_wrong',
      'This is not the code that the app shows now. Type the six digits as they stand there; the clock of the phone must be right.',
    );
  await trx('accounts').where({ user_name: name }).update({ factor_secret: secret, factor_since: trx.fn.now(), factor_step: step });
  await recordEvent(trx, name, 'user.factor_chosen', { user: name });
  return newRecoveryCodes(trx, name);
}

/** Which factor it was that the person showed; null for a wrong one, one that was used before, and while whoever guesses has to wait. */
export async function showFactor(db: Knex, name: string, typed: string): Promise<'code' | 'recovery_code' | null> {
  const guess = { name, kind: 'factor' } as const;
  if (!(await mayGuess(db, guess))) return null;
  const shown = (await useTotp(db, name, typed)) ? 'code' : (await useRecoveryCode(db, name, typed)) ? 'recovery_code' : null;
  if (shown !== null) await forgetGuesses(db, guess);
  return shown;
}

/** The condition is asked in the very statement that remembers the step, so that of two at once one is refused. */
async function useTotp(db: Knex, name: string, code: string): Promise<boolean> {
  const account = await db('accounts').where({ user_name: name }).first<{ factor_secret: string | null } | undefined>('factor_secret');
  const step = account?.factor_secret ? await stepOf(db, account.factor_secret, code) : null;
  if (step === null) return false;
  const used = await db('accounts').where({ user_name: name }).where('factor_step', '<', step).update({ factor_step: step });
  return used > 0;
}

/** The step whose code this is, by the database's clock; null where it is none of now. */
async function stepOf(db: Knex, secret: string, code: string): Promise<number | null> {
  const { rows } = await db.raw<{ rows: { now: string }[] }>('select extract(epoch from clock_timestamp()) as now');
  const now = Number(rows[0]?.now ?? 0);
  const delta = totpOf(secret).validate({ token: code.replaceAll(/\s/g, ''), timestamp: now * 1000, window: 1 });
  return delta === null ? null : Math.floor(now / STEP_SECONDS) + delta;
}

/** By the defaults that every app knows: SHA-1, six digits, thirty seconds. */
function totpOf(secret: string, label = ''): TOTP {
  return new TOTP({ issuer: 'Retention', label, secret: Secret.fromBase32(secret), algorithm: 'SHA1', digits: 6, period: STEP_SECONDS });
}
