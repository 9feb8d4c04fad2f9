/** Versions of the schedule without a protection that the one before has: said in so many words, and taken over by two people. */
import type { Knex } from 'knex';
import { addDays, longDate, type IsoDate } from '../rules/dates.ts';
import type { Person } from '../rules/people.ts';
import { protectionsLost, type Protection } from '../rules/protections.ts';
import { Refusal } from '../rules/refusal.ts';
import type { Schedule } from '../rules/schedule.ts';
import { samePerson } from '../rules/userNames.ts';
import { REQUEST_LAPSES_AFTER_DAYS, requestHasLapsed } from '../rules/workflow.ts';
import { recordEvent } from './audit.ts';
import type { StoredVersion } from './schedules.ts';

/** A version as it is to be taken over. */
export interface DraftVersion {
  schedule: Schedule;
  content: string;
  from: IsoDate;
}

/** What a draft gives up of the version that decides before it, as it says itself. Throws a Refusal where it does not say so. */
export function protectionsGivenUp(schedule: Schedule, before: StoredVersion | undefined): Protection[] {
  if (!before?.schedule) return [];
  const { said, unsaid } = protectionsLost(before.schedule, schedule);
  if (unsaid.length === 0) return said;
  const lost = unsaid.map(({ id, words }) => `"${id}" (${words})`).join('; ');
  throw new Refusal(
    'protection_lost',
    `Version ${schedule.version} is without what version ${before.version} protects: ${lost}. Put it back; or, if it is meant, say so in the file, for each with who decided it: gives_up: [{ protection: '${unsaid[0]?.id}', authority: '…' }]. Two people then take it over.`,
  );
}

/** Asks for it; whoever asks again replaces what was asked. Returns the last day on which another person may confirm. */
export async function askToGiveUp(
  trx: Knex.Transaction,
  { schedule: { version }, content, from }: DraftVersion,
  givenUp: readonly Protection[],
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<IsoDate> {
  const gives_up = givenUp.map(({ id }) => id);
  await trx('schedule_requests')
    .insert({ version, content, in_force_from: from, gives_up, asked_by: person.name, asked_on: asOf })
    .onConflict('version')
    .merge();
  await recordEvent(trx, person.name, 'schedule.adoption_asked', { version, from, gives_up });
  return addDays(asOf, REQUEST_LAPSES_AFTER_DAYS);
}

/** Notes who confirms. Throws a Refusal where nobody else has asked for this very file from this very day, or long ago. */
export async function confirmGivingUp(
  trx: Knex.Transaction,
  { schedule: { version }, content, from }: DraftVersion,
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<void> {
  const asked = await trx('schedule_requests')
    .where({ version, confirmed_by: null })
    .forUpdate()
    .first<{ content: string; in_force_from: IsoDate; asked_by: string; asked_on: IsoDate } | undefined>();
  const again = 'Ask anew without --confirm; another person confirms.';
  if (!asked) throw new Refusal('adoption_not_asked', `Nobody has asked to take version ${version} over. ${again}`);
  if (samePerson(asked.asked_by, person.name)) {
    throw new Refusal('own_request', `${person.name} asked to take version ${version} over, so another person must confirm it.`);
  }
  if (asked.content !== content || asked.in_force_from !== from) {
    throw new Refusal(
      'request_changed',
      `${asked.asked_by} asked for version ${version} from ${longDate(asked.in_force_from)} on, with another file or another day than this. ${again}`,
    );
  }
  if (requestHasLapsed(asked.asked_on, asOf)) {
    throw new Refusal(
      'request_lapsed',
      `The request of ${longDate(asked.asked_on)} lapsed after ${REQUEST_LAPSES_AFTER_DAYS} days. ${again}`,
    );
  }
  await trx('schedule_requests').where({ version }).update({ confirmed_by: person.name, confirmed_on: asOf });
}
