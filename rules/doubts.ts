/** What of a file can hardly be right: births that are not the child's, dates that systems put in when they know none. */
import { categoriesOf } from './categories.ts';
import { anniversary, birthdaySpan, possibleDays, type IsoDate } from './dates.ts';
import { datesRead, type Determination } from './determine.ts';
import type { CaseFile } from './facts.ts';
import { PLACEHOLDER_BIRTHS, type Schedule, type Trigger } from './schedule.ts';

/** A date that can hardly be right, and why: a placeholder, or an event of the case long before the case was opened. */
export interface DoubtfulDate {
  trigger: Exclude<Trigger, 'birth'>;
  on: IsoDate;
  why: 'placeholder' | 'long_before_opening';
}

/** Events that happen while a case is open. */
const WHILE_OPEN = ['withdrawal', 'approval_end', 'notification', 'financial_year_end'] as const satisfies readonly Trigger[];

/** True when, on a child's category, a birth is hardly that of the child the file is about. */
export function hasDoubtfulBirth(file: CaseFile, schedule: Schedule): boolean {
  return categoriesOf(file, schedule).some((category) => {
    const settings = schedule.categories[category];
    if (!settings?.child) return false;
    return file.subjects.some(
      (subject) => subject.dateOfBirth !== null && birthIsDoubtful(subject.dateOfBirth, file, settings.adult_from_age),
    );
  });
}

/** The doubtful dates of the file: placeholders that the rule of one of its pairs reads, and events more than a year before it was opened. */
export function doubtfulDates(file: CaseFile, { pairs }: Determination, schedule: Schedule): DoubtfulDate[] {
  const placeholders = pairs.flatMap(({ rule, subject }) =>
    rule === null ? [] : datesRead(rule).flatMap((trigger) => recorded(trigger, subject ? [subject.dateOfDeath] : [], file)),
  );
  const found: DoubtfulDate[] = placeholders
    .filter(({ on }) => schedule.placeholders.includes(on))
    .map(({ trigger, on }) => ({ trigger, on, why: 'placeholder' }));
  for (const { trigger, on } of WHILE_OPEN.flatMap((event) => recorded(event, [], file))) {
    if (file.openedOn !== null && anniversary(on, 1) < file.openedOn) found.push({ trigger, on, why: 'long_before_opening' });
  }
  return found.filter((one, i) => found.findIndex((other) => other.trigger === one.trigger && other.on === one.on) === i);
}

function birthIsDoubtful(birth: string, file: CaseFile, adultFromAge: number): boolean {
  const adultWhenOpened = file.openedOn !== null && birthdaySpan(birth, adultFromAge).latest <= file.openedOn;
  const bornAfterClosure = file.closedOn !== null && possibleDays(birth).latest > file.closedOn;
  return adultWhenOpened || bornAfterClosure || PLACEHOLDER_BIRTHS.includes(birth);
}

/** The dates of an event as they stand in the register; a last entry as itself, not as the end of its year. */
function recorded(trigger: Trigger, deaths: (IsoDate | null)[], file: CaseFile): { trigger: DoubtfulDate['trigger']; on: IsoDate }[] {
  if (trigger === 'birth') return [];
  const dates: Record<DoubtfulDate['trigger'], (IsoDate | null)[]> = {
    death: deaths,
    adoption_order: [file.adoptionOrderOn],
    withdrawal: [file.withdrawnOn],
    closure: [file.closedOn],
    approval_end: [file.approvalEndedOn],
    notification: [file.notifiedOn],
    financial_year_end: [file.lastEntryOn],
  };
  return dates[trigger].flatMap((on) => (on === null ? [] : [{ trigger, on }]));
}
