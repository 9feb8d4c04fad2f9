/** What is refused to a person is an event of the audit too, whichever way it was asked. */
import type { Knex } from 'knex';
import type { Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { recordEvent } from './audit.ts';
import { recordable } from './typedReferences.ts';

/** Does what was asked, and returns what comes of it; a Refusal is recorded outside the transaction it undoes, then thrown on. */
export async function recordingRefusals<T>(db: Knex, person: Person, what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Refusal)
      await recordEvent(db, person.name, 'refused', { what, why: error.code, ...(await aboutKnown(db, error)) });
    throw error;
  }
}

/** Nothing was done about what is named here, so it may be anything that somebody typed. */
async function aboutKnown(db: Knex, { about }: Refusal): Promise<Record<string, unknown>> {
  const known = Object.entries(about).map(async ([kind, value]): Promise<[string, unknown]> => [
    kind,
    kind === 'files' && Array.isArray(value)
      ? await Promise.all(value.map((file) => recordable(db, 'file', file)))
      : await recordable(db, kind, value),
  ]);
  return Object.fromEntries(await Promise.all(known));
}
