/** Taking a version of the schedule over: refused whole where the register cannot be determined by it. */
import { readFileSync } from 'node:fs';
import type { Knex } from 'knex';
import { knownCategories } from '../rules/categories.ts';
import { longDate, type IsoDate } from '../rules/dates.ts';
import { requirePermission, type Person } from '../rules/people.ts';
import type { Protection } from '../rules/protections.ts';
import { Refusal } from '../rules/refusal.ts';
import { parseSchedule, SHIPPED_SCHEDULE, type Schedule } from '../rules/schedule.ts';
import { recordEvent } from './audit.ts';
import { calculationSql, reviewsSql } from './calculate.ts';
import { candidacySql, EVERY_FILE } from './candidacy.ts';
import { rememberNames } from './categoryNames.ts';
import { askToGiveUp, confirmGivingUp, protectionsGivenUp, type DraftVersion } from './givingUp.ts';
import { lockVersionsForChange, standingVersions, type StoredVersion } from './schedules.ts';

export interface Adopted {
  version: string;
  from: IsoDate;
  /** Taken over; false where it gives up a protection, and another person must confirm by that day. */
  adopted: boolean;
  lapses_after: IsoDate | null;
  /** What it gives up of the version that decides before it. */
  gives_up: string[];
  compared: Compared;
  /** The day that the file itself names; `from` decides. */
  file_says: IsoDate;
  /** Versions taken over before that begin later, and then decide instead. */
  later: { version: string; from: IsoDate }[];
}

/** What a draft was compared with: the version that decides before it, null where there is none, and the register as of a day. */
export interface Compared {
  before: { version: string; from: IsoDate } | null;
  as_of: IsoDate;
}

/**
 * Takes over a checked schedule from a day on; one that gives up a protection when another person confirms it. Throws a Refusal when
 * its version is known already, when it would never decide, when it loses a protection without a word, or when the register cannot
 * be determined by it: run in one transaction, so that nothing of it stays.
 */
export async function adoptSchedule(
  trx: Knex.Transaction,
  { content, name, from, confirm = false }: { content: string; name: string; from: IsoDate; confirm?: boolean },
  { person, asOf }: { person: Person; asOf: IsoDate },
): Promise<Adopted> {
  requirePermission(person, 'change_schedule');
  const schedule = parseSchedule(content, name);
  const draft = { schedule, content, from };
  const { standing, givenUp, compared } = await requireAdoptable(trx, draft, asOf, () => lockVersionsForChange(trx));
  const adopted = givenUp.length === 0 || confirm;
  const lapsesAfter = adopted ? null : await askToGiveUp(trx, draft, givenUp, { person, asOf });
  if (adopted) {
    if (givenUp.length > 0) await confirmGivingUp(trx, draft, { person, asOf });
    await takeOver(trx, draft, givenUp, person);
  }
  const later = standing.filter(({ in_force_from }) => in_force_from > from).reverse();
  return {
    version: schedule.version,
    from,
    adopted,
    lapses_after: lapsesAfter,
    gives_up: givenUp.map(({ id }) => id),
    compared,
    file_says: schedule.in_force_from,
    later: later.map((one) => ({ version: one.version, from: one.in_force_from })),
  };
}

async function takeOver(trx: Knex.Transaction, { schedule, content, from }: DraftVersion, givenUp: readonly Protection[], person: Person) {
  const { version } = schedule;
  await trx('schedule_versions').insert({ version, in_force_from: from, adopted_by: person.name, content });
  await rememberNames(trx, schedule);
  const gives_up = givenUp.map(({ id }) => id);
  await recordEvent(trx, person.name, 'schedule.adopted', { version, from, ...(gives_up.length > 0 ? { gives_up } : {}) });
}

/**
 * What adoption as of a day would say to a checked schedule, without taking it over: what it gives up, and of what; null where the version is
 * known already. Throws the Refusal that adoption would.
 */
export async function tryAdoption(
  db: Knex,
  schedule: Schedule,
  asOf: IsoDate,
): Promise<{ givenUp: Protection[]; compared: Compared } | null> {
  if (await isKnown(db, schedule)) return null;
  const draft = { schedule, from: schedule.in_force_from > asOf ? schedule.in_force_from : asOf };
  const { givenUp, compared } = await requireAdoptable(db, draft, asOf, () => Promise.resolve());
  return { givenUp, compared };
}

/**
 * What the register and the versions there are say to a draft. Returns what it gives up, and the versions that stand, the last to
 * begin first. They are asked once more under `lock`: another may have been taken over while the register was determined.
 */
async function requireAdoptable(
  db: Knex,
  draft: Pick<DraftVersion, 'schedule' | 'from'>,
  asOf: IsoDate,
  lock: () => Promise<void>,
): Promise<{ standing: StoredVersion[]; givenUp: Protection[]; compared: Compared }> {
  await requireDecides(db, draft, asOf);
  const firstDay = draft.from > asOf ? draft.from : asOf;
  await determineRegister(db, draft.schedule, firstDay);
  await lock();
  const standing = await requireDecides(db, draft, asOf);
  const before = standing.find((one) => one.in_force_from <= draft.from && one.schedule !== null);
  const compared = { before: before ? { version: before.version, from: before.in_force_from } : null, as_of: firstDay };
  return { standing, givenUp: protectionsGivenUp(draft.schedule, before), compared };
}

/** Throws a Refusal where the version is known already or would never decide. Returns the versions that stand. */
async function requireDecides(
  db: Knex,
  { schedule, from }: Pick<DraftVersion, 'schedule' | 'from'>,
  asOf: IsoDate,
): Promise<StoredVersion[]> {
  const { version } = schedule;
  if (await isKnown(db, schedule)) {
    throw new Refusal(
      'version_known',
      `Version ${version} of the schedule was taken over before. A changed table needs a new version, and a line in its history.`,
    );
  }
  const standing = await standingVersions(db);
  const inForce = standing.find(({ in_force_from }) => in_force_from <= asOf);
  if (inForce && from < inForce.in_force_from) {
    throw new Refusal(
      'would_never_decide',
      `Version ${version} would never decide from ${longDate(from)} on: version ${inForce.version} has been in force since ${longDate(inForce.in_force_from)} and would go on. Choose a day from then on. Nothing was taken over.`,
    );
  }
  return standing;
}

async function isKnown(db: Knex, { version }: Schedule): Promise<boolean> {
  return (await db('schedule_versions').where({ version }).first<object | undefined>('version')) !== undefined;
}

/** A database without a schedule takes over the version that ships with the product. */
export async function adoptShipped(trx: Knex.Transaction): Promise<void> {
  if (await trx('schedule_versions').first<object | undefined>('version')) return;
  const content = readFileSync(SHIPPED_SCHEDULE, 'utf8');
  const { version, in_force_from } = parseSchedule(content, SHIPPED_SCHEDULE);
  await trx('schedule_versions').insert({ version, in_force_from, adopted_by: 'service', content });
  await recordEvent(trx, 'service', 'schedule.adopted', { version, from: in_force_from });
}

/** Asks every question of the night by this schedule, and keeps nothing of the answers. Throws a Refusal where one of them fails. */
export async function determineRegister(db: Knex, schedule: Schedule, asOf: IsoDate): Promise<void> {
  await refuseUnknownCategories(db, schedule);
  const questions = [...calculationSql(schedule), reviewsSql(schedule), candidacySql(schedule, EVERY_FILE)];
  try {
    for (const question of questions) await db.raw(`select count(*) from (${question}) answers`, { asOf });
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
    throw new Refusal(
      'schedule_not_computable',
      `The register cannot be determined by version ${schedule.version}: PostgreSQL refuses it (${code}). Nothing was taken over. Please report this with the file.`,
    );
  }
}

/** A file of a category that the schedule does not know can neither be determined nor explained. */
async function refuseUnknownCategories(db: Knex, schedule: Schedule): Promise<void> {
  const { rows } = await db.raw<{ rows: { category: string; files: number; some: string[] }[] }>(
    `select c as category, count(*)::int as files, (array_agg(f.file_ref order by f.file_ref))[1:10] as some
     from case_files f cross join lateral unnest(f.categories) c
     where not c = any(cast(:known as text[])) group by c order by c`,
    { known: knownCategories(schedule) },
  );
  if (rows.length === 0) return;
  const named = rows.map(
    ({ category, files, some }) => `${category} (${files} files: ${some.join(', ')}${files > some.length ? ' …' : ''})`,
  );
  throw new Refusal(
    'categories_unknown',
    `Version ${schedule.version} does not know a category that files have: ${named.join('; ')}. Add it with a rule of its own; or, if it goes on under another name, say so there (formerly: [${rows[0]?.category}]); or have the files changed at their source first. Nothing was changed.`,
  );
}
