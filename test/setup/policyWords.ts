/** The policy's table told once more, plainly and apart from the product: the last day its words ask to keep a file. */
import type { CaseFile, Subject } from '../../rules/facts.ts';
import { daysOfBirth, marchAfter, yearsOn } from './plainDates.ts';

/** Later than any date: what is kept permanently. */
export const FOR_EVER = '9999-12-31';

/** The last day for each category and person of the file; null where the words give none, for want of a date. */
export function lastDaysByPolicy(file: CaseFile): (string | null)[] {
  if (file.subjects.some((subject) => subject.posesRiskToChildren)) return [FOR_EVER];
  const people = file.subjects.length > 0 ? file.subjects : [null];
  return people.flatMap((subject) => file.categories.map((category) => lastDay(category, file, subject)));
}

function lastDay(category: string, file: CaseFile, subject: Subject | null): string | null {
  const born = subject?.dateOfBirth ? daysOfBirth(subject.dateOfBirth) : null;
  const died = subject?.dateOfDeath ?? null;
  const diedYoung = born !== null && died !== null && died < yearsOn(born.first, 18);
  const diedAdult = born !== null && died !== null && died > yearsOn(born.last, 18);
  switch (category) {
    case 'child_in_care':
      return diedYoung ? after(15, died) : after(75, born?.last);
    case 'privately_fostered_child':
      return after(100, born?.last);
    case 'adoption':
      if (diedYoung) return file.adoptionOrderOn === null ? null : later(after(100, file.adoptionOrderOn), after(100, died));
      return diedAdult ? after(15, died) : after(100, file.adoptionOrderOn);
    case 'adopters':
      if (file.childPlaced === false && (died !== null || file.withdrawnOn !== null)) {
        return after(10, later(later(died, file.withdrawnOn), file.closedOn));
      }
      return after(25, file.closedOn);
    case 'foster_carer':
      return after(10, file.approvalEndedOn);
    case 'child_protection':
    case 'child_in_need':
      return after(25, born?.last);
    case 'safeguarding_unit':
      return after(35, file.closedOn);
    case 'adult_posing_risk':
      return FOR_EVER;
    case 'missing_person':
      return after(1, file.notifiedOn);
    case 'financial':
      return after(6, file.lastEntryOn === null ? null : marchAfter(file.lastEntryOn));
    default:
      throw new Error(`The policy's table has no "${category}".`);
  }
}

function after(years: number, date: string | null | undefined): string | null {
  return date ? yearsOn(date, years) : null;
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}
