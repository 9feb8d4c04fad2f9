/** Stories of files that are not due or have no date: what contradicts itself, what is missing, what has not happened yet. */
import type { CaseFile } from '../../rules/facts.ts';
import { addDays } from '../../rules/dates.ts';
import {
  adoptersFile,
  adoptionFile,
  adult,
  adultRiskFile,
  childFile,
  deceasedChildFile,
  financialFile,
  fosterCarerFile,
  missingPersonFile,
  safeguardingFile,
} from './cases.ts';
import { anchorEligibleOn, type Draft } from './draft.ts';
import type { Story } from './storiesDue.ts';

export const UNDATED: readonly Story[] = [
  { shows: ['died_before_birth'], times: 3, tell: (draft) => diedBeforeBirth(draft) },
  {
    shows: ['order_before_birth'],
    times: 3,
    tell: (draft) => adoptionFile(draft, [10, 40], { age: [-2, -0.5], file: { closedOn: draft.day([6, 7]) } }),
  },
  { shows: ['order_after_death'], times: 3, tell: (draft) => adoptionFile(draft, [15, 40], { age: [3, 7], diedAfter: [-1.5, -0.2] }) },
  { shows: ['closed_before_opened'], times: 4, tell: closedBeforeOpened },
  {
    shows: ['date_in_future'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_in_need'], [6, 15], { closedOn: addDays(draft.asOf, draft.chance.between(20, 300)) }),
  },
  { shows: ['age_at_death_unclear'], times: 3, tell: (draft) => diedIn18thYear(draft) },
  { shows: ['age_at_death_unclear', 'leap_day_birth'], times: 2, tell: (draft) => diedOn28FebruaryOfTheYear18(draft) },
  { shows: ['birth_unknown'], times: 5, tell: (draft) => childFile(draft, ['child_protection'], [5, 40], {}, { dateOfBirth: null }) },
  { shows: ['birth_unknown', 'no_subject'], times: 2, tell: noSubject },
  { shows: ['order_unknown'], times: 3, tell: (draft) => adoptionFile(draft, [5, 60], { file: { adoptionOrderOn: null } }) },
  { shows: ['notification_unknown'], times: 3, tell: (draft) => missingPersonFile(draft, draft.day([1.3, 4]), { notifiedOn: null }) },
  { shows: ['last_entry_unknown'], times: 3, tell: (draft) => financialFile(draft, draft.day([2, 9]), { lastEntryOn: null }) },
  { shows: ['approval_end_unknown'], times: 3, tell: (draft) => fosterCarerFile(draft, [3, 15], { approvalEndedOn: null }) },
  { shows: ['not_closed'], times: 3, tell: (draft) => adoptersFile(draft, [0.2, 2], { closedOn: null, childPlaced: null }) },
  { shows: ['not_closed'], times: 2, tell: (draft) => safeguardingFile(draft, null) },
  { shows: ['approval_not_ended'], times: 4, tell: (draft) => fosterCarerFile(draft, null) },
  { shows: ['adult-posing-risk'], times: 4, tell: (draft) => adultRiskFile(draft, [3, 25]) },
  { shows: ['adult-posing-risk', 'flagged_subject'], times: 3, tell: flaggedParent },
  { shows: ['eligible_tomorrow'], times: 2, tell: (draft) => missingPersonFile(draft, anchorEligibleOn(addDays(draft.asOf, 1), 1)) },
  { shows: ['review_not_dated'], times: 3, tell: (draft) => safeguardingFile(draft, [3, 20], { dateOfBirth: null }) },
  {
    shows: ['leap_day_birth'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_in_care'], [20, 60], {}, { dateOfBirth: `${leapYear(draft, 22, 60)}-02-29` }),
  },
];

function diedBeforeBirth(draft: Draft): CaseFile {
  const dateOfBirth = draft.day([12, 40]);
  const openedOn = draft.after(dateOfBirth, 1, 8);
  const child = draft.person({ dateOfBirth, dateOfDeath: draft.after(dateOfBirth, -6, -1) });
  return draft.file(['child_in_care'], [child], { openedOn, closedOn: draft.after(openedOn, 0.5, 3) });
}

function closedBeforeOpened(draft: Draft): CaseFile {
  const file = childFile(draft, ['child_in_need', 'child_protection'], OLD_ENOUGH);
  [file.openedOn, file.closedOn] = [file.closedOn, file.openedOn];
  return file;
}

const OLD_ENOUGH = [8, 33] as const;

/** Only the year of birth is known, and the death falls into the year of the 18th birthday. */
function diedIn18thYear(draft: Draft): CaseFile {
  const birthYear = Number(draft.day([24, 48]).slice(0, 4));
  const dateOfDeath = `${birthYear + 18}-0${draft.chance.between(2, 9)}-${draft.chance.between(10, 27)}`;
  const child = draft.person({ dateOfBirth: String(birthYear), dateOfDeath });
  return draft.file(['child_in_care'], [child], {
    openedOn: draft.after(dateOfDeath, -9, -3),
    closedOn: draft.after(dateOfDeath, 0.1, 0.9),
  });
}

/** Whether a leap-day child is 18 on 28 February or 1 March the law does not settle. */
function diedOn28FebruaryOfTheYear18(draft: Draft): CaseFile {
  const file = deceasedChildFile(draft, ['child_in_care'], [24, 48], [5, 12]);
  const child = file.subjects[0];
  const year = leapYear(draft, 24, 48);
  if (!child) return file;
  child.dateOfBirth = `${year}-02-29`;
  child.dateOfDeath = `${year + 18}-02-28`;
  file.openedOn = draft.after(child.dateOfDeath, -8, -3);
  file.closedOn = draft.after(child.dateOfDeath, 0.1, 0.9);
  return file;
}

function noSubject(draft: Draft): CaseFile {
  const openedOn = draft.day([3, 30]);
  return draft.file(['child_in_need'], [], { openedOn, closedOn: draft.after(openedOn, 0.2, 2) });
}

/** A parent who poses a risk stands on the child's own file, which is kept for good with it. */
function flaggedParent(draft: Draft): CaseFile {
  const child = draft.person({ dateOfBirth: draft.day([26, 33]) });
  const openedOn = draft.after(child.dateOfBirth ?? draft.asOf, 2, 10);
  // Another category than a child's own: there the parent's birth would be doubtful.
  const parent = adult(draft, openedOn, { posesRiskToChildren: true });
  return draft.file(['safeguarding_unit'], [child, parent], {
    openedOn,
    closedOn: draft.after(openedOn, 0.5, 3),
    familyRef: draft.family([child]),
  });
}

function leapYear(draft: Draft, least: number, most: number): number {
  const year = Number(draft.asOf.slice(0, 4)) - draft.chance.between(least, most);
  return year - (year % 4);
}
