/** The dates of the calculation against whole-number arithmetic, and against PostgreSQL over every day of 1890 to 2110. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addDays, anniversary, birthdaySpan, dayAfter, financialYearEnd, possibleDays, readPartialDate } from '../rules/dates.ts';
import { freshDatabase, type FreshDatabase } from './setup/database.ts';
import { dayOf, daysInMonth, daysOfBirth, daysOn, isLeapYear, isoOf, marchAfter, yearsOn } from './setup/plainDates.ts';
import { fc } from './setup/seed.ts';

const PERIODS = [1, 6, 10, 15, 18, 25, 35, 75, 100];
const FIRST = '1890-01-01';
const LAST = '2110-12-31';

const days = fc
  .record({
    y: fc.integer({ min: 1700, max: 2300 }),
    m: fc.integer({ min: 1, max: 12 }),
    d: fc.oneof(fc.constantFrom(1, 28, 29, 30, 31), fc.integer({ min: 1, max: 31 })),
  })
  .map(({ y, m, d }) => isoOf({ y, m, d: Math.min(d, daysInMonth(y, m)) }));
const years = fc.oneof(fc.constantFrom(...PERIODS), fc.integer({ min: 1, max: 200 }));

describe('an anniversary', () => {
  it('is the same day and month n years on, and 1 March where there is no 29 February', () => {
    const known: [string, number, string][] = [
      ['1952-02-29', 75, '2027-03-01'],
      ['1928-02-29', 100, '2028-02-29'],
      ['2000-02-29', 100, '2100-03-01'],
      ['1952-02-28', 75, '2027-02-28'],
      ['1951-11-22', 75, '2026-11-22'],
    ];
    for (const [date, n, expected] of known) expect(anniversary(date, n)).toBe(expected);
  });

  it('is never earlier than the same day and month, nor more than a day later, and eligibleFrom is after it', () => {
    fc.assert(
      fc.property(days, years, (date, n) => {
        const { y, m, d } = dayOf(date);
        const reached = anniversary(date, n);
        const eligible = dayOf(dayAfter(reached));
        const asNumber = (day: { y: number; m: number; d: number }) => day.y * 10_000 + day.m * 100 + day.d;
        expect(asNumber(dayOf(reached))).toBeGreaterThanOrEqual(asNumber({ y: y + n, m, d }));
        expect(asNumber(eligible)).toBeGreaterThan(asNumber({ y: y + n, m, d }));
        expect(reached).toBe(m === 2 && d === 29 && !isLeapYear(y + n) ? isoOf({ y: y + n, m: 3, d: 1 }) : isoOf({ y: y + n, m, d }));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('the other dates', () => {
  it('count days as whole-number arithmetic does', () => {
    fc.assert(
      fc.property(days, fc.integer({ min: -1000, max: 1000 }), (date, n) => {
        expect(addDays(date, n)).toBe(daysOn(date, n));
      }),
      { numRuns: 5_000 },
    );
  });

  it('end a financial year on the 31 March on or after the day', () => {
    expect(['2020-03-31', '2020-04-01', '2020-12-31', '2020-01-01'].map(financialYearEnd)).toEqual([
      '2020-03-31',
      '2021-03-31',
      '2021-03-31',
      '2020-03-31',
    ]);
  });

  it('give a birth known in part its first and last possible day, and the birthday the span between', () => {
    fc.assert(
      fc.property(days, fc.constantFrom(4, 7, 10), fc.constantFrom(18, 21), (date, length, age) => {
        const birth = date.slice(0, length);
        const { first, last } = daysOfBirth(birth);
        expect(possibleDays(birth)).toEqual({ earliest: first, latest: last });
        // 18 and 21 years after a 29 February there is none, and both neighbours may be the birthday.
        const earliest = first.endsWith('-02-29') ? `${Number(first.slice(0, 4)) + age}-02-28` : yearsOn(first, age);
        expect(birthdaySpan(birth, age)).toEqual({ earliest, latest: yearsOn(last, age) });
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('PostgreSQL', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  it(`agrees on every anniversary of every day from ${FIRST} to ${LAST}`, { timeout: 600_000 }, async () => {
    const { rows } = await database.db.raw<{ rows: { n: number; dates: string }[] }>(
      `select n, string_agg(anniversary(d::date, make_interval(years => n))::text, ' ' order by d) as dates
       from unnest(cast(:periods as int[])) n cross join generate_series(date '${FIRST}', date '${LAST}', interval '1 day') d group by n order by n`,
      { periods: PERIODS },
    );
    expect(rows.map(({ n }) => n)).toEqual(PERIODS);
    for (const { n, dates } of rows) expect(firstDifference(dates.split(' '), (day) => anniversary(day, n), `${n} years`)).toBeNull();
  });

  it('agrees on every end of a financial year', { timeout: 300_000 }, async () => {
    const { rows } = await database.db.raw<{ rows: { dates: string }[] }>(
      `select string_agg(financial_year_end(d::date)::text, ' ' order by d) as dates from generate_series(date '${FIRST}', date '${LAST}', interval '1 day') d`,
    );
    const dates = rows[0]?.dates.split(' ') ?? [];
    expect(firstDifference(dates, financialYearEnd, 'financial year')).toBeNull();
    expect(firstDifference(dates, marchAfter, 'financial year')).toBeNull();
  });

  /** `inDatabase` has a date for each day from FIRST to LAST; the first that differs from ours, in words. */
  function firstDifference(inDatabase: string[], ours: (day: string) => string, what: string): string | null {
    let day = FIRST;
    for (const theirs of inDatabase) {
      if (ours(day) !== theirs) return `${what} from ${day}: PostgreSQL ${theirs}, here ${ours(day)}`;
      day = daysOn(day, 1);
    }
    return day === daysOn(LAST, 1) ? null : `only ${inDatabase.length} days`;
  }
});

it('a birth known in part is in the year 1 or later', () => {
  expect(['0001', '0000', '0001-01', '0000-12'].map(readPartialDate)).toEqual(['0001', null, '0001-01', null]);
});
