/** Keeps every birth of the council to itself: no other date of the extract, or that a report prints, is one of them. */
import { statutoryMinimum } from '../../rules/checks.ts';
import { addDays, birthdaySpan, dayAfter, possibleDays, type IsoDate, type PartialDate } from '../../rules/dates.ts';
import { determine, type Pair } from '../../rules/determine.ts';
import { caseDates, type CaseFile, type Subject } from '../../rules/facts.ts';
import type { Schedule } from '../../rules/schedule.ts';
import type { Bundle } from './draft.ts';

/** Runs of the demonstration lie within so many days of `asOf`, and print their day. */
const DAYS_AROUND = 400;

export class BirthKeeper {
  readonly #schedule: Schedule;
  readonly #asOf: IsoDate;
  readonly #births = new Set<IsoDate>();
  readonly #others: Set<IsoDate>;

  constructor(schedule: Schedule, asOf: IsoDate) {
    this.#schedule = schedule;
    this.#asOf = asOf;
    const ofTheSchedule = [
      schedule.in_force_from,
      ...schedule.history.map((entry) => entry.on),
      ...(schedule.statutory_minimum?.periods ?? []).map((period) => period.order_from),
    ];
    this.#others = new Set(ofTheSchedule.filter((date) => date !== undefined));
  }

  /** Takes the bundle and its dates in, unless one of its births is another's date or the other way round. */
  accepts(bundle: Bundle): boolean {
    const files = [...bundle.files, ...bundle.later];
    const people = [...bundle.people, ...files.flatMap((file) => file.subjects)];
    const births = new Set(people.flatMap((person) => (person.dateOfBirth ? daysOf(person.dateOfBirth) : [])));
    const others = new Set([...people.flatMap(otherDatesOfPerson), ...files.flatMap((file) => this.#otherDates(file))]);
    const clash =
      [...births].some((day) => others.has(day) || this.#others.has(day) || this.#isAroundAsOf(day)) ||
      [...others].some((day) => this.#births.has(day));
    if (clash) return false;
    for (const day of births) this.#births.add(day);
    for (const day of others) this.#others.add(day);
    return true;
  }

  #isAroundAsOf(day: IsoDate): boolean {
    return day >= addDays(this.#asOf, -DAYS_AROUND) && day <= addDays(this.#asOf, DAYS_AROUND);
  }

  /** The events of the file and every date its determination, explained, would print but a birth itself. */
  #otherDates(file: CaseFile): IsoDate[] {
    const determination = determine(file, this.#schedule, this.#asOf);
    const dates = [...caseDates(file), determination.reviewOn, statutoryMinimum(file, this.#schedule)?.until ?? null];
    return [...dates.filter((date) => date !== null), ...determination.pairs.flatMap(datesOfPair)];
  }
}

/** A birth known by its month must not be told by any day of it; of one known by its year only the day it counts from. */
function daysOf(birth: PartialDate): IsoDate[] {
  const { earliest, latest } = possibleDays(birth);
  if (birth.length !== 7) return [latest];
  return Array.from({ length: Number(latest.slice(8)) }, (_, day) => addDays(earliest, day));
}

function otherDatesOfPerson({ dateOfBirth, dateOfDeath }: Subject): IsoDate[] {
  const birthday = dateOfBirth ? [birthdaySpan(dateOfBirth, 18).earliest, birthdaySpan(dateOfBirth, 18).latest] : [];
  return dateOfDeath ? [dateOfDeath, ...birthday] : birthday;
}

function datesOfPair(pair: Pair): IsoDate[] {
  if (pair.outcome !== 'expires') return [];
  const period = [pair.retainUntil, dayAfter(pair.retainUntil)];
  return pair.anchor === 'birth' ? period : [pair.anchorOn, ...period];
}
