/** Disagreements of the two calculations: recorded, so that the file is blocked and the brake goes on, and settled again. */
import type { Knex } from 'knex';
import type { IsoDate } from '../rules/dates.ts';
import type { Schedule } from '../rules/schedule.ts';
import { recordEvent } from './audit.ts';
import { tripBrake } from './brakes.ts';
import { countOf } from './counts.ts';
import { checkFiles, type CheckedFile } from './crossCheck.ts';

/** A file that is blocked until both calculations agree on it. */
export interface OpenDisagreement {
  file_ref: string;
  found_on: IsoDate;
}

/** The longest open, at most so many. */
export async function openDisagreements(db: Knex, limit: number): Promise<OpenDisagreement[]> {
  return db('disagreements')
    .whereNull('settled_on')
    .orderBy(['found_on', 'file_ref'])
    .limit(limit)
    .select<OpenDisagreement[]>('file_ref', 'found_on');
}

/** How many files are blocked by one. */
export async function countDisagreements(db: Knex): Promise<number> {
  return countOf(db, 'select count(*) from disagreements where settled_on is null');
}

/** Blocks these files and puts the brake on. Returns whether the brake is newly on. */
export async function recordDisagreements(
  trx: Knex.Transaction,
  disagreeing: readonly CheckedFile[],
  { asOf, runId }: { asOf: IsoDate; runId: number | null },
): Promise<boolean> {
  for (const { caseFile, inBulk, oneByOne } of disagreeing) {
    await trx('disagreements')
      .insert({
        file_ref: caseFile.fileRef,
        found_on: asOf,
        run_id: runId,
        in_bulk: JSON.stringify(inBulk),
        one_by_one: JSON.stringify(oneByOne),
      })
      .onConflict(trx.raw('(file_ref) where settled_on is null') as unknown as string)
      .ignore();
    await recordEvent(trx, 'service', 'calculations.disagree', { file: caseFile.fileRef });
  }
  return tripBrake(trx, 'disagreement', { files: disagreeing.length }, { asOf, runId });
}

/** Files blocked by a disagreement are calculated both ways again; where they agree now the block ends. Returns how many did. */
export async function settleDisagreements(trx: Knex.Transaction, schedule: Schedule, asOf: IsoDate): Promise<number> {
  const open = await trx('disagreements').whereNull('settled_on').select<{ file_ref: string }[]>('file_ref');
  const checked = await checkFiles(
    trx,
    schedule,
    asOf,
    open.map((row) => row.file_ref),
  );
  const settled = checked.filter((file) => file.verdict === 'agree').map((file) => file.caseFile.fileRef);
  await trx('disagreements').whereIn('file_ref', settled).whereNull('settled_on').update({ settled_on: asOf });
  for (const file of settled) await recordEvent(trx, 'service', 'calculations.agree', { file });
  return settled.length;
}
