/** Brakes: what stops listing and archiving until an authoriser lets it go on. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import type { BrakeName } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import { confirmIdentity, type Seen } from './identity.ts';

/** A row of brakes; on while released_at is empty. */
export interface Brake {
  id: number;
  name: BrakeName;
  tripped_on: IsoDate;
  details: Record<string, unknown>;
  released_by: string | null;
  released_on: IsoDate | null;
  reason: string | null;
}

/** Puts a brake on. Returns false when it was on already: nobody needs to be told twice. */
export async function tripBrake(
  trx: Knex,
  name: BrakeName,
  details: Record<string, unknown>,
  { asOf, runId }: { asOf: IsoDate; runId: number | null },
): Promise<boolean> {
  const result = await trx.raw<{ rowCount: number }>(
    `insert into brakes (name, tripped_on, run_id, details) values (:name, :asOf, :runId, :details)
     on conflict (name) where released_at is null do nothing`,
    { name, asOf, runId, details: JSON.stringify(details) },
  );
  if (result.rowCount === 0) return false;
  await recordEvent(trx, 'service', 'brake.tripped', { brake: name, ...details });
  return true;
}

/** The brakes that are on. */
export async function brakesOn(db: Knex): Promise<Brake[]> {
  return db<Brake>('brakes').whereNull('released_at').orderBy('id');
}

/** Every brake that was ever on, newest first. */
export async function readBrakes(db: Knex): Promise<Brake[]> {
  return db<Brake>('brakes').orderBy('id', 'desc');
}

/**
 * Lets the night go on; the reason is kept. Whoever releases `restored` says that this is the database that goes on, whatever was
 * `seen` of another; the caller marks the roots once that has committed.
 */
export async function releaseBrake(
  trx: Knex.Transaction,
  name: BrakeName,
  reason: string,
  { person, asOf, seen }: { person: Person; asOf: IsoDate; seen: readonly Seen[] },
): Promise<void> {
  requirePermission(person, 'release_brake');
  if (reason.trim() === '') throw new Refusal('reason_missing', 'Say why it is safe to go on with --reason "…".');
  const released = await trx('brakes')
    .where({ name })
    .whereNull('released_at')
    .update({ released_by: person.name, released_at: trx.fn.now(), released_on: asOf, reason: reason.trim() });
  if (released === 0)
    throw new Refusal('brake_is_off', `The brake ${name} is not on. "retention brake list" shows those that are.`, { brake: name });
  if (name === 'restored') await confirmIdentity(trx, seen);
  await recordEvent(trx, person.name, 'brake.released', { brake: name });
}

/**
 * Whether so many files became due beyond what was predicted that something must be wrong. 1 April and 1 January do not trip
 * it, for they are predicted; a first night has nothing to compare with.
 */
export function volumeIsUnexpected(newlyDue: number, predicted: number): boolean {
  return newlyDue - predicted > Math.max(50, predicted * 0.1);
}

/** Whether that brake is on. */
export async function isOn(db: Knex, name: BrakeName): Promise<boolean> {
  return (await db('brakes').where({ name }).whereNull('released_at').first<object | undefined>('id')) !== undefined;
}
