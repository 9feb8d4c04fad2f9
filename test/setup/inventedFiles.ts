/** Invents case files whose dates lie where mistakes are made: on landmarks, a day beside them, in part, missing, contradictory. */
import fc, { type Arbitrary } from 'fast-check';
import type { CaseFile, Subject } from '../../rules/facts.ts';
import { daysInMonth, daysOfBirth, daysOn, isoOf, yearsOn } from './plainDates.ts';

/** A file without references: whoever registers it gives them. What is told first in a choice is what it shrinks to. */
export type InventedFile = Omit<CaseFile, 'fileRef' | 'familyRef' | 'subjects'> & {
  inFamily: boolean;
  subjects: Omit<Subject, 'personRef' | 'name'>[];
};

/** A person as invented, with the day they were really born, of which the record may know only a part. */
interface InventedPerson {
  born: string;
  subject: InventedFile['subjects'][number];
}

/** What systems put in when they know no date; the second row only looks like it. */
const PLACEHOLDERS = ['0001-01-01', '1753-01-01', '1899-12-30', '1899-12-31', '1900-01-01', '1901-01-01', '1970-01-01'];
const LIKE_THEM = ['1753-01-02', '1899-12-29', '1900-01-02', '1969-12-31'];
const PERIODS = [0, 1, 6, 10, 15, 18, 21, 25, 33, 35, 40, 75, 100];
const CATEGORIES = [
  'child_in_care',
  'privately_fostered_child',
  'adoption',
  'adopters',
  'foster_carer',
  'child_protection',
  'safeguarding_unit',
  'child_in_need',
  'missing_person',
  'financial',
];

/** Files as they may stand in the register on `asOf`. */
export function inventedFiles(asOf: string): Arbitrary<InventedFile> {
  return fc.oneof({ withCrossShrink: true }, { weight: 40, arbitrary: anyFile(asOf) }, { weight: 1, arbitrary: minimumEnds(asOf) });
}

/** Adopted people who died as adults, about the day on which the 75 years from their order end. */
function minimumEnds(asOf: string): Arbitrary<InventedFile> {
  return fc.tuple(anyFile(asOf), beside, fc.integer({ min: 20, max: 60 })).map(([file, days, yearsLived]) => {
    const adoptionOrderOn = daysOn(yearsOn(asOf, -75), days);
    const born = yearsOn(adoptionOrderOn, -1);
    const subject = { dateOfBirth: born, dateOfDeath: yearsOn(born, yearsLived), knownToAdultServices: null, posesRiskToChildren: null };
    const ended = {
      openedOn: born,
      closedOn: adoptionOrderOn,
      approvalEndedOn: null,
      notifiedOn: null,
      lastEntryOn: null,
      withdrawnOn: null,
    };
    return { ...file, ...ended, categories: ['adoption'], subjects: [subject], adoptionOrderOn };
  });
}

function anyFile(asOf: string): Arbitrary<InventedFile> {
  return fc
    .record({
      categories: fc.oneof(
        { withCrossShrink: true },
        { weight: 19, arbitrary: fc.uniqueArray(fc.constantFrom(...CATEGORIES), { minLength: 1, maxLength: 3 }) },
        { weight: 1, arbitrary: fc.constantFrom<string[]>(['adult_posing_risk'], ['financial', 'adult_posing_risk']) },
      ),
      people: people(asOf),
      origin: pastDay(asOf),
      opened: fileDate(asOf),
      closed: fileDate(asOf),
      order: fileDate(asOf),
      orderAnyway: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      approvalEnded: fileDate(asOf),
      notified: fileDate(asOf),
      lastEntry: fileDate(asOf),
      withdrawn: fileDate(asOf),
      childPlaced: yesNo,
      originalsHeld: yesNo,
      medium: fc.constantFrom(null, 'electronic' as const, 'paper' as const, 'both' as const),
      inFamily: fc.boolean(),
      familyBirths: fc.array(
        fc.oneof(
          { withCrossShrink: true },
          { weight: 5, arbitrary: birth(asOf).map((b) => b.recorded) },
          { weight: 1, arbitrary: fc.constant(null) },
        ),
        { maxLength: 3 },
      ),
      familyIncomplete: fc.oneof(
        { withCrossShrink: true },
        { weight: 15, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
    })
    .map(({ people: subjects, origin, opened, closed, order, orderAnyway, approvalEnded, notified, lastEntry, withdrawn, ...rest }) => {
      const start = subjects[0]?.born ?? origin;
      const openedOn = opened(start);
      const from = openedOn ?? start;
      return {
        ...rest,
        familyBirths: rest.inFamily ? rest.familyBirths : [],
        familyIncomplete: rest.inFamily && rest.familyIncomplete,
        subjects: subjects.map((one) => one.subject),
        openedOn,
        closedOn: closed(from),
        adoptionOrderOn: rest.categories.includes('adoption') || orderAnyway ? order(start) : null,
        approvalEndedOn: approvalEnded(from),
        notifiedOn: notified(from),
        lastEntryOn: lastEntry(from),
        withdrawnOn: withdrawn(from),
        location: null,
      };
    });
}

const yesNo = fc.constantFrom(null, false, true);
const beside = fc.integer({ min: -2, max: 2 });

/** A day on which something happens: a period before `asOf`, around a leap day, an end of a year, or any day. */
function pastDay(asOf: string): Arbitrary<string> {
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...PERIODS), beside).map(([years, days]) => daysOn(yearsOn(asOf, -years), days)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.integer({ min: 1890, max: 2026 }), beside)
        .map(([y, days]) => daysOn(isoOf({ y: y - (y % 4), m: 2, d: 28 }), days)),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.integer({ min: 1890, max: 2026 }), fc.constantFrom('01-01', '03-31', '04-01', '12-31'))
        .map(([y, day]) => `${y}-${day}`),
    },
    {
      weight: 3,
      arbitrary: fc
        .record({ y: fc.integer({ min: 1890, max: 2027 }), m: fc.integer({ min: 1, max: 12 }), d: fc.integer({ min: 1, max: 31 }) })
        .map(({ y, m, d }) => isoOf({ y, m, d: Math.min(d, daysInMonth(y, m)) })),
    },
  );
}

/** A date of the file: unknown, some years after `from`, within those of `asOf`, or any past day. */
function fileDate(asOf: string): Arbitrary<(from: string) => string | null> {
  const soonAfter = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 40 })).map(([years, days]) => (from: string) => {
    const date = daysOn(yearsOn(from, years), days);
    return date > asOf ? from : date;
  });
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 3, arbitrary: fc.constant(() => null) },
    { weight: 8, arbitrary: soonAfter },
    { weight: 2, arbitrary: pastDay(asOf).map((date) => () => date) },
    { weight: 1, arbitrary: beside.map((days) => (from: string) => (from < '0002' ? from : daysOn(from, days))) },
    { weight: 1, arbitrary: beside.map((days) => () => daysOn(asOf, days)) },
    { weight: 1, arbitrary: beside.map((days) => (from: string) => (from < '0003' ? from : daysOn(yearsOn(from, -1), days))) },
    { weight: 1, arbitrary: fc.constantFrom(...PLACEHOLDERS, ...LIKE_THEM).map((date) => () => date) },
  );
}

/** A birth: the day itself, and what is recorded of it. */
function birth(asOf: string): Arbitrary<{ born: string; recorded: string | null }> {
  const born = fc.oneof(
    { withCrossShrink: true },
    { weight: 30, arbitrary: pastDay(asOf) },
    { weight: 1, arbitrary: fc.constantFrom('1753-01-01', '1899-12-30', '1899-12-31', '1900-01-01', '1901-01-01', '1970-01-01') },
  );
  const precision = fc.constantFrom(10, 10, 10, 10, 10, 10, 7, 4, 0);
  return fc.tuple(born, precision).map(([day, length]) => ({ born: day, recorded: length === 0 ? null : day.slice(0, length) }));
}

function people(asOf: string): Arbitrary<InventedPerson[]> {
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 1, arbitrary: fc.constant<InventedPerson[]>([]) },
    { weight: 6, arbitrary: fc.array(person(asOf), { minLength: 1, maxLength: 1 }) },
    { weight: 3, arbitrary: fc.array(person(asOf), { minLength: 2, maxLength: 3 }) },
  );
}

/** A person; deaths often fall on a birthday that matters, or on a day beside it, or where the birth may have been. */
function person(asOf: string): Arbitrary<InventedPerson> {
  const atAge = fc
    .record({
      age: fc.constantFrom(0, 8, 10, 18, 18, 18, 18, 30, 60),
      of: fc.constantFrom('born' as const, 'first' as const, 'last' as const),
      days: beside,
    })
    .map(({ age, of, days }) => (born: string, recorded: string | null) => {
      const span = daysOfBirth(recorded ?? born);
      return daysOn(yearsOn(of === 'born' ? born : span[of], age), days);
    });
  const death = fc.oneof(
    { withCrossShrink: true },
    { weight: 5, arbitrary: fc.constant(() => null) },
    {
      weight: 4,
      arbitrary: atAge.map((on) => (born: string, recorded: string | null) => (on(born, recorded) > asOf ? null : on(born, recorded))),
    },
    { weight: 1, arbitrary: pastDay(asOf).map((date) => () => date) },
  );
  const risk = fc.oneof(
    { withCrossShrink: true },
    { weight: 20, arbitrary: fc.constantFrom(false, null) },
    { weight: 1, arbitrary: fc.constant(true) },
  );
  return fc
    .record({ birth: birth(asOf), death, known: yesNo, risk })
    .map(({ birth: { born, recorded }, death: diedOn, known, risk: posesRisk }) => ({
      born,
      subject: { dateOfBirth: recorded, dateOfDeath: diedOn(born, recorded), knownToAdultServices: known, posesRiskToChildren: posesRisk },
    }));
}
