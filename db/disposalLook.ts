/** The look with which everything begins that lists or archives: is this the very database, and does it refuse what it must? */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import { Refusal } from '../rules/refusal.ts';
import { brakesOn, tripBrake } from './brakes.ts';
import { guardsOff, requireAuditing } from './guards/inForce.ts';
import { whatDiffers, type Seen } from './identity.ts';
import { requireOurRoots, seenInRoots, type Roots } from './roots.ts';
import { unreadableInForce } from './schedules.ts';

/** What a database is compared with: its folders, and the last report that it wrote. */
export interface Traces {
  roots: Roots;
  reported: readonly Seen[];
}

/** Puts the brakes `restored`, `guards` and `schedule` on where they are due; they stop listing and archiving like every other. */
export async function lookBeforeDisposal(
  db: Knex,
  traces: Traces,
  { asOf, runId }: { asOf: IsoDate; runId: number | null },
): Promise<void> {
  const { words } = await whatDiffers(db, await seenOf(traces));
  // Twenty are enough to know what happened; each is a name or a sentence of the product's own.
  if (words.length > 0) await tripBrake(db, 'restored', { differs: words.slice(0, 20).join('; ') }, { asOf, runId });
  const off = await guardsOff(db);
  if (off.length > 0) await tripBrake(db, 'guards', { off: off.slice(0, 20).join(', ') }, { asOf, runId });
  const unreadable = await unreadableInForce(db, asOf);
  if (unreadable) await tripBrake(db, 'schedule', { version: unreadable.version }, { asOf, runId });
}

/** The same before a person's act that moves bags or removes sources: a Refusal while one of those brakes is on. */
export async function requireSound(db: Knex, traces: Traces, asOf: IsoDate): Promise<void> {
  await requireAuditing(db);
  await lookBeforeDisposal(db, traces, { asOf, runId: null });
  const brake = (await brakesOn(db)).find(({ name }) => ['restored', 'guards', 'schedule'].includes(name));
  if (!brake) return requireOurRoots(db, traces.roots);
  throw new Refusal(
    'brake_on',
    `The brake "${brake.name}" is on, so nothing is archived or brought back, and nothing was recorded. "retention brake list" says why; try again when an authoriser has released it.`,
    { brake: brake.name },
  );
}

/** Everything that was seen of this database: in the marks of its roots, and in its last report. */
export async function seenOf({ roots, reported }: Traces): Promise<Seen[]> {
  return [...(await seenInRoots(roots)), ...reported];
}
