/** What is refused to a person is an event of the audit too, whichever way it was asked. */
import type { Knex } from 'knex';
import type { Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';

/** Does what was asked, and returns what comes of it; a Refusal is recorded outside the transaction it undoes, then thrown on. */
export async function recordingRefusals<T>(db: Knex, person: Person, what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Refusal) await recordEvent(db, person.name, 'refused', { what, why: error.code, ...error.about });
    throw error;
  }
}
