/** One-time codes, by which somebody gets in for the first time or again; and whom they belong to is told who made them. */
import type { Knex } from 'knex';
import type { Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { samePerson } from '../rules/userNames.ts';
import { RESET_BY_TWO, type Role } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { dropFactor, useRecoveryCode } from './recoveryCodes.ts';
import { endSecrets, issueSecret, ownerOfSecret, secretsInForce } from './secrets.ts';

/** Days that a code is good for. */
export const CODE_DAYS = 7;

/** What a person has of their own, in place of a second admin. */
export interface OwnProof {
  recoveryCode?: string | undefined;
  token?: string | undefined;
}

/** A person with a one-time code, which is nowhere else. */
export interface Invited {
  name: string;
  roles: readonly Role[];
  code: string;
  /** It works once a second admin confirmed it, or with a recovery code or token of the person. */
  takes_two: boolean;
}

/**
 * A new one-time code in place of an earlier one. Returns it; it is nowhere else. Tokens end when it is used, not before: who gives
 * themselves a code and loses it still has a way in.
 */
export async function newCode(
  trx: Knex.Transaction,
  { name, days, by, takesTwo }: { name: string; days: number; by: string; takesTwo: boolean },
): Promise<string> {
  await endSecrets(trx, name, 'code');
  await recordEvent(trx, by, 'user.code_made', { user: name, takes_two: takesTwo });
  return issueSecret(trx, name, 'code', days, { made_by: by, takes_two: takesTwo });
}

/**
 * True where whoever makes a code for this account could become somebody who signs or manages people: it is in use, and has or once
 * had such a role. A role that was taken away to make the code would be given back after.
 */
export async function resetTakesTwo(trx: Knex.Transaction, name: string, by: string): Promise<boolean> {
  if (name === by) return false;
  const { rows } = await trx.raw<{ rows: { in_use: boolean; mattered: boolean }[] }>(
    `select exists (select from accounts where user_name = :name and (password_hash is not null or oidc_subject is not null))
         or exists (select from user_secrets where user_name = :name and kind = 'token') as in_use,
       exists (select from audit_events where event in ('user.added', 'user.roles_changed') and cast(details as jsonb) ->> 'user' = :name
         and exists (select from jsonb_array_elements_text(cast(details as jsonb) -> 'roles') role where role = any(:roles))) as mattered`,
    { name, roles: [...RESET_BY_TWO] },
  );
  return rows[0]?.in_use === true && rows[0].mattered;
}

/** A second admin says that the account of that person is to be reset by the code that waits. The caller holds the lock of people. */
export async function confirmCode(trx: Knex.Transaction, name: string, actor: Person): Promise<void> {
  const waiting = await secretsInForce(trx, 'code')
    .where({ user_name: name, takes_two: true, seconded_by: null })
    .forUpdate()
    .first<{ id: number; made_by: string } | undefined>('id', 'made_by');
  if (!waiting) throw new Refusal('no_such_code', `No code for ${name} waits to be confirmed.`, { user: name });
  if ([waiting.made_by, name].some((one) => samePerson(one, actor.name)))
    throw new Refusal('own_code', `You made this code, or it is for your own account. Another admin must confirm it.`, { user: name });
  await trx('user_secrets').where({ id: waiting.id }).update({ seconded_by: actor.name });
  await recordEvent(trx, actor.name, 'user.code_confirmed', { user: name, made_by: waiting.made_by });
}

/**
 * Whose code it is; it is used up by that, and every token they had ends. Throws a Refusal for one that is of no use, or that takes
 * two and was neither confirmed nor comes with something of the person's own.
 */
export async function useCode(trx: Knex.Transaction, code: string, own: OwnProof): Promise<string> {
  const secret = await secretsInForce(trx, 'code', code)
    .forUpdate()
    .first<{ id: number; user_name: string; made_by: string | null; takes_two: boolean; seconded_by: string | null } | undefined>();
  if (!secret) throw await unknownCode(trx, code);
  const { id, user_name: name, made_by } = secret;
  if (secret.takes_two && secret.seconded_by === null && !(await isOwner(trx, name, own)))
    throw new Refusal(
      'code_takes_two',
      'This code resets the account of somebody who signs or manages people, so it takes a second admin to confirm it ("retention users confirm"), or your own recovery code or token.',
      { user: name },
    );
  await trx('user_secrets').where({ id }).update({ used_at: trx.fn.now() });
  await endSecrets(trx, name, 'code');
  await endSecrets(trx, name, 'token');
  // Whoever had to be let in again may have lost the phone; who lets themselves in has it.
  if (made_by !== name) await dropFactor(trx, name);
  await recordEvent(trx, name, 'user.code_used', { user: name, made_by });
  return name;
}

async function isOwner(trx: Knex.Transaction, name: string, { recoveryCode = '', token = '' }: OwnProof): Promise<boolean> {
  const theirs = await secretsInForce(trx, 'token', token).where({ user_name: name }).first<object | undefined>('id');
  return theirs !== undefined || useRecoveryCode(trx, name, recoveryCode);
}

/** A code that somebody made for a person. */
export interface MadeCode {
  id: number;
  made_by: string;
  made_at: Date;
  seconded_by: string | null;
  used_at: Date | null;
}

/** The last codes that others made for a person, newest first. */
export async function codesMadeFor(db: Knex, name: string): Promise<MadeCode[]> {
  return codesOf(db, name).orderBy('id', 'desc').limit(10).select<MadeCode[]>('id', 'made_by', 'made_at', 'seconded_by', 'used_at');
}

/** Those that the person was not told of yet, or that were used since; from now on they are told. */
export async function codesToTell(db: Knex, name: string): Promise<MadeCode[]> {
  const untold = codesOf(db, name).whereRaw('(told_at is null or used_at > told_at)').update({ told_at: db.fn.now() });
  return untold.returning<MadeCode[]>(['id', 'made_by', 'made_at', 'seconded_by', 'used_at']);
}

function codesOf(db: Knex, name: string): Knex.QueryBuilder {
  return db('user_secrets').where({ user_name: name, kind: 'code' }).whereNotIn('made_by', [name, 'service']);
}

async function unknownCode(trx: Knex.Transaction, code: string): Promise<Refusal> {
  const once = await ownerOfSecret(trx, 'code', code);
  return new Refusal(
    'code_unknown',
    `This code is unknown, was used already or is older than ${CODE_DAYS} days. Ask an admin for a new one ("retention users add").`,
    once === undefined ? {} : { user: once },
  );
}
