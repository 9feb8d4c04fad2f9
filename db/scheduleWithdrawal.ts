/** Taking back a version of the schedule that waits for its day or cannot be read: one person asks, another confirms. */
import type { Knex } from 'knex';
import { addDays, longDate, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import { Refusal } from '../rules/refusal.ts';
import { samePerson } from '../rules/userNames.ts';
import { REQUEST_LAPSES_AFTER_DAYS, requestHasLapsed } from '../rules/workflow.ts';
import { determineRegister } from './adoption.ts';
import { recordEvent } from './audit.ts';
import { lockVersionsForChange, readVersions, standingVersions, type StoredVersion } from './schedules.ts';

export interface Withdrawal {
  version: string;
  withdrawn: boolean;
  /** Last day on which another person can confirm; null once one has. */
  lapses_after: IsoDate | null;
  /** The first day that the version decides no more, and the version that decides on it instead. */
  instead: { on: IsoDate; version: string; from: IsoDate };
}

interface Acting {
  person: Person;
  asOf: IsoDate;
}

/** Asks that a version decide no more; asking anew replaces the request. Throws a Refusal where it is in force and can be read. */
export async function askWithdrawal(trx: Knex.Transaction, version: string, reason: string, { person, asOf }: Acting): Promise<Withdrawal> {
  requirePermission(person, 'change_schedule');
  if (reason.trim() === '') throw new Refusal('reason_missing', 'Say why it must not decide with --reason "…".');
  const stored = await versionToWithdraw(trx, version, asOf);
  const instead = await whatDecidesInstead(trx, stored, asOf);
  await trx('schedule_withdrawals')
    .insert({ version, asked_by: person.name, asked_on: asOf, reason: reason.trim() })
    .onConflict('version')
    .merge();
  await recordEvent(trx, person.name, 'schedule.withdrawal_asked', { version });
  return { version, withdrawn: false, lapses_after: addDays(asOf, REQUEST_LAPSES_AFTER_DAYS), instead: shown(instead) };
}

/**
 * Another person confirms, and everything is asked once more: the version may have come into force since. The register must be
 * determinable by what decides instead.
 */
export async function confirmWithdrawal(trx: Knex.Transaction, version: string, { person, asOf }: Acting): Promise<Withdrawal> {
  requirePermission(person, 'change_schedule');
  await lockVersionsForChange(trx);
  const stored = await versionToWithdraw(trx, version, asOf);
  refuseUnconfirmable(stored, person, asOf);
  const instead = await whatDecidesInstead(trx, stored, asOf);
  await determineRegister(trx, instead.schedule, instead.on);
  await trx('schedule_withdrawals').where({ version }).update({ confirmed_by: person.name, confirmed_on: asOf });
  await recordEvent(trx, person.name, 'schedule.withdrawn', { version });
  return { version, withdrawn: true, lapses_after: null, instead: shown(instead) };
}

async function versionToWithdraw(trx: Knex.Transaction, version: string, asOf: IsoDate): Promise<StoredVersion> {
  const versions = await readVersions(trx);
  const stored = versions.find((one) => one.version === version);
  if (!stored) throw new Refusal('no_such_version', `There is no version ${version}. "retention schedule versions" shows those there are.`);
  if (stored.withdrawal?.confirmed_by) throw new Refusal('version_withdrawn', `Version ${version} was withdrawn already.`);
  if (stored.in_force_from > asOf || !stored.schedule) return stored;
  throw new Refusal(
    'version_decides',
    `The day of version ${version} has come: it has decided since ${longDate(stored.in_force_from)}, and files were determined by it. Put it right with a new version: retention schedule adopt FILE --from DAY.`,
  );
}

function refuseUnconfirmable({ version, withdrawal }: StoredVersion, person: Person, asOf: IsoDate): void {
  const ask = `retention schedule withdraw ${version} --reason "…"`;
  if (!withdrawal) {
    throw new Refusal('withdrawal_not_asked', `Nobody has asked to withdraw version ${version}. Ask with a reason first: ${ask}.`);
  }
  if (samePerson(withdrawal.asked_by, person.name)) {
    throw new Refusal('own_request', `You asked to withdraw version ${version} yourself. Another person must confirm it.`);
  }
  if (requestHasLapsed(withdrawal.asked_on, asOf)) {
    throw new Refusal(
      'request_lapsed',
      `The request to withdraw version ${version}, of ${longDate(withdrawal.asked_on)}, lapsed after ${REQUEST_LAPSES_AFTER_DAYS} days. The version stays; ask anew: ${ask}.`,
    );
  }
}

type Instead = StoredVersion & { on: IsoDate; schedule: NonNullable<StoredVersion['schedule']> };

/** Throws a Refusal where there is none that can be read: then nothing would be listed or archived. */
async function whatDecidesInstead(trx: Knex.Transaction, { version, in_force_from }: StoredVersion, asOf: IsoDate): Promise<Instead> {
  const on = in_force_from > asOf ? in_force_from : asOf;
  const others = (await standingVersions(trx)).filter((one) => one.version !== version && one.in_force_from <= on);
  for (const one of others) if (one.schedule) return { ...one, on, schedule: one.schedule };
  throw new Refusal(
    'nothing_decides',
    `Without version ${version} no version that can be read would decide on ${longDate(on)}. Take one over for that day first: retention schedule adopt FILE --from DAY.`,
  );
}

function shown({ on, version, in_force_from }: Instead): Withdrawal['instead'] {
  return { on, version, from: in_force_from };
}
