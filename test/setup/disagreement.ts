/** Makes the two calculations differ on a file that waits, by breaking what only the one in SQL asks. */
import type { Council } from './commands.ts';

/** Of a child in care born in 1945: doubtful, so that `confirmedDoubt` must be called before it can be signed. */
export const OPENED_AS_AN_ADULT = { opened_on: '1970-01-01', closed_on: '1975-01-01' };

/** Once a person has confirmed the birth, only the calculations still ask about it, and nothing else stands in the way. */
export async function confirmedDoubt(council: Council, fileRef: string, asOf: string): Promise<void> {
  await council.done(['confirm', fileRef, '--reason', 'seen'], { asOf, as: 'm.jones' });
  await council.night(asOf);
}

/** From now on nobody is ever 21 by the calculation in SQL. */
export async function forgetTwentyFirstBirthdays({ db }: Council): Promise<void> {
  await db.raw(`create or replace function anniversary(d date, years interval) returns date language sql immutable parallel safe as $$
    select case when years = interval '21 years' then date '9999-12-31' else (d + years)::date + (d - ((d + years) - years)::date) end $$`);
}
