/** Stories of files that are due: candidates of every rule, and each block and caution that a file's facts can give. */
import { addDays } from '../../rules/dates.ts';
import type { CaseFile } from '../../rules/facts.ts';
import {
  adoptersFile,
  adoptionFile,
  adult,
  childFile,
  childhood,
  deceasedChildFile,
  financialFile,
  fosterCarerFile,
  missingPersonFile,
  safeguardingFile,
  siblingsFile,
} from './cases.ts';
import { anchorEligibleOn, type Draft, type YearsAgo } from './draft.ts';

/** Tells one case and returns the file it shows; `shows` are the names it is found by among the landmarks. */
export interface Story {
  shows: readonly string[];
  times: number;
  /** Left out of a council without documents. */
  needsDocuments?: true;
  tell(draft: Draft): CaseFile;
}

/** Births of children whose period is over, by the period's length: late enough to be sure, early enough to be likely. */
export const OVER_25: YearsAgo = [25.1, 33];
export const OVER_75: YearsAgo = [75.1, 82];
export const OVER_100: YearsAgo = [100.1, 106];

/** Each is due, and nothing but a person's decision stands in its way. */
export const CANDIDATES: readonly Story[] = [
  { shows: ['child-in-need'], times: 6, tell: (draft) => childFile(draft, ['child_in_need'], OVER_25) },
  { shows: ['child-protection'], times: 6, tell: (draft) => childFile(draft, ['child_protection'], OVER_25) },
  { shows: ['child-in-care'], times: 5, tell: (draft) => childFile(draft, ['child_in_care'], OVER_75) },
  {
    shows: ['child-in-care-died-under-18', 'death_shortens'],
    times: 5,
    tell: (draft) => deceasedChildFile(draft, ['child_in_care'], [30, 45], [3, 14]),
  },
  { shows: ['privately-fostered-child'], times: 5, tell: (draft) => childFile(draft, ['privately_fostered_child'], OVER_100) },
  { shows: ['adoption', 'interpretation'], times: 5, tell: (draft) => adoptionFile(draft, [100.2, 106]) },
  {
    shows: ['adoption-died-under-18', 'interpretation'],
    times: 4,
    tell: (draft) => adoptionFile(draft, [105, 112], { age: [1, 6], diedAfter: [1, 4] }),
  },
  { shows: ['adoption-died-adult', 'death_shortens'], times: 4, tell: (draft) => adoptionFile(draft, [76, 92], { diedAfter: [45, 58] }) },
  { shows: ['adopters', 'child_placed', 'several_subjects'], times: 5, tell: (draft) => adoptersFile(draft, [25.1, 33]) },
  { shows: ['adopters-deceased-or-withdrawn', 'interpretation'], times: 4, tell: withdrawnAdopters },
  { shows: ['adopters-deceased-or-withdrawn', 'death_shortens'], times: 3, tell: deceasedAdopter },
  { shows: ['foster-carer'], times: 6, tell: (draft) => fosterCarerFile(draft, [10.1, 18]) },
  { shows: ['safeguarding-unit', 'review_outstanding'], times: 5, tell: (draft) => safeguardingFile(draft, [35.1, 39]) },
  { shows: ['missing-person'], times: 5, tell: (draft) => missingPersonFile(draft, draft.day([1.3, 4])) },
  { shows: ['financial'], times: 6, tell: (draft) => financialFile(draft, draft.day([7.1, 13])) },
  { shows: ['missing-person', 'eligible_today'], times: 2, tell: (draft) => missingPersonFile(draft, anchorEligibleOn(draft.asOf, 1)) },
  {
    shows: ['transfer_to_adult_file', 'child-in-care'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_in_care'], OVER_75, {}, { knownToAdultServices: true }),
  },
  {
    shows: ['transfer_to_adult_file', 'privately-fostered-child'],
    times: 2,
    tell: (draft) => childFile(draft, ['privately_fostered_child'], OVER_100, {}, { knownToAdultServices: true }),
  },
  { shows: ['several_categories', 'child-protection'], times: 3, tell: severalCategories },
  {
    shows: ['leap_day_birth', 'child-in-need'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_in_need'], OVER_25, {}, { dateOfBirth: leapDay(draft, 26, 38) }),
  },
];

/** Each is a candidate that asks for a second look. Those of the rules above carry the others. */
export const CAUTIONED: readonly Story[] = [
  {
    shows: ['estimated_birth', 'year_of_birth'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_in_need'], OVER_25, {}, { dateOfBirth: draft.day([27, 34]).slice(0, 4) }),
  },
  {
    shows: ['estimated_birth', 'month_of_birth'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_in_care'], OVER_75, {}, { dateOfBirth: draft.day([75.2, 82]).slice(0, 7) }),
  },
  {
    shows: ['adult_services_unknown'],
    times: 4,
    tell: (draft) => childFile(draft, ['child_in_care'], OVER_75, {}, { knownToAdultServices: null }),
  },
  { shows: ['originals_held'], times: 4, tell: (draft) => childFile(draft, ['child_protection'], OVER_25, { originalsHeld: true }) },
  { shows: ['sibling_live'], times: 4, tell: (draft) => siblingsApart(draft)[0] },
  { shows: ['sibling_live', 'shared_document'], times: 3, needsDocuments: true, tell: sharedReport },
  { shows: ['several_subjects', 'siblings_on_one_file'], times: 4, tell: (draft) => siblingsFile(draft, ['child_protection'], OVER_25) },
  { shows: ['child_placed'], times: 3, tell: (draft) => adoptersFile(draft, [25.1, 33], { childPlaced: null }) },
  {
    shows: ['paper', 'paper_and_originals', 'originals_held'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_in_need'], OVER_25, { medium: 'both', location: draft.shelf(), originalsHeld: true }),
  },
  {
    shows: ['paper'],
    times: 3,
    tell: (draft) => childFile(draft, ['child_protection', 'child_in_need'], OVER_25, { medium: 'paper', location: draft.shelf() }),
  },
];

/** Each is due and may not be listed, for something in its own facts or rows. */
export const BLOCKED: readonly Story[] = [
  { shows: ['open'], times: 4, tell: (draft) => childFile(draft, ['child_in_need'], OVER_25, { closedOn: null }) },
  {
    shows: ['open'],
    times: 2,
    tell: (draft) => childFile(draft, ['financial', 'child_in_need'], [25.1, 28], { closedOn: null, lastEntryOn: draft.day([7.1, 9]) }),
  },
  { shows: ['referred'], times: 4, tell: (draft) => siblingsFile(draft, ['child_in_care'], OVER_75, { knownToAdultServices: true }) },
  { shows: ['statutory_minimum'], times: 3, tell: (draft) => adoptionFile(draft, [40, 60], { diedAfter: [19, 24] }) },
  { shows: ['statutory_minimum'], times: 2, tell: adoptedUnderTheNewLaw },
  {
    shows: ['statutory_minimum'],
    times: 2,
    tell: (draft) => adoptionFile(draft, [76, 92], { diedAfter: [45, 58], file: { adoptionOrderOn: null } }),
  },
  { shows: ['doubtful_birth', 'century_mistyped'], times: 3, tell: centuryMistyped },
  { shows: ['doubtful_birth', 'born_after_closure'], times: 2, tell: bornAfterClosure },
  { shows: ['doubtful_birth', 'placeholder_birth'], times: 2, tell: (draft) => placeholderBirth(draft) },
  { shows: ['quarantined', 'malformed_document'], times: 3, needsDocuments: true, tell: malformedDocument },
];

/** Brothers and sisters with a file each: the first is due, the second a good deal younger. */
export function siblingsApart(draft: Draft): [CaseFile, CaseFile] {
  const elder = draft.person({ dateOfBirth: draft.day([25.1, 28]) });
  const younger = draft.person({ dateOfBirth: draft.day([17, 22]) });
  const familyRef = draft.family([elder, younger]);
  const first = draft.file(['child_protection'], [elder], { ...childhood(draft, [elder]), familyRef });
  return [first, draft.file(['child_protection'], [younger], { ...childhood(draft, [younger]), familyRef })];
}

function sharedReport(draft: Draft): CaseFile {
  const files = siblingsApart(draft);
  draft.bundle.sharing.push(files);
  return files[0];
}

function malformedDocument(draft: Draft): CaseFile {
  const file = childFile(draft, ['child_protection'], OVER_25);
  draft.bundle.badDocument.push(file);
  return file;
}

function withdrawnAdopters(draft: Draft): CaseFile {
  const closedOn = draft.day([10.1, 20]);
  return adoptersFile(draft, [10.1, 20], {
    openedOn: draft.after(closedOn, -3, -1),
    closedOn,
    withdrawnOn: draft.after(closedOn, -0.4, -0.05),
    childPlaced: false,
  });
}

function deceasedAdopter(draft: Draft): CaseFile {
  const openedOn = draft.day([17, 24]);
  const dateOfDeath = draft.after(openedOn, 1, 3);
  const applicant = adult(draft, openedOn, { dateOfDeath });
  return draft.file(['adopters'], [applicant], { openedOn, closedOn: draft.after(dateOfDeath, 0.1, 1), childPlaced: false });
}

/** The payments ended so early that the birth decides. */
function severalCategories(draft: Draft): CaseFile {
  return childFile(draft, ['child_protection', 'child_in_need', 'financial'], [25.1, 29.5], { lastEntryOn: draft.day([13, 16]) });
}

function leapDay(draft: Draft, least: number, most: number): string {
  const year = Number(draft.asOf.slice(0, 4)) - draft.chance.between(least, most);
  return `${year - (year % 4)}-02-29`;
}

/** Ordered after 30 December 2005 for somebody nearly grown up who has since died: the policy's date is long before the law's. */
function adoptedUnderTheNewLaw(draft: Draft): CaseFile {
  const sinceTheNewLaw = (Date.parse(draft.asOf) - Date.parse('2005-12-30')) / 31_556_952_000;
  const longEnough = sinceTheNewLaw > 18.5;
  const ordered: YearsAgo = longEnough ? [18, sinceTheNewLaw - 0.1] : [40, 60];
  return adoptionFile(draft, ordered, longEnough ? { age: [16.2, 17.6], diedAfter: [1.9, 2.6] } : { diedAfter: [19, 24] });
}

function centuryMistyped(draft: Draft): CaseFile {
  const trueBirth = draft.day([15, 24]);
  const child = draft.person({ dateOfBirth: `${Number(trueBirth.slice(0, 4)) - 100}${trueBirth.slice(4)}` });
  const openedOn = draft.after(trueBirth, 1, 8);
  return draft.file(['child_in_care'], [child], { openedOn, closedOn: draft.after(openedOn, 1, 4) });
}

function bornAfterClosure(draft: Draft): CaseFile {
  const dateOfBirth = draft.day(OVER_25);
  const closedOn = draft.after(dateOfBirth, -3, -0.5);
  return draft.file(['child_in_need'], [draft.person({ dateOfBirth })], { openedOn: draft.after(closedOn, -2, -0.3), closedOn });
}

function placeholderBirth(draft: Draft): CaseFile {
  const openedOn = draft.day([20, 30]);
  const child = draft.person({ dateOfBirth: draft.chance.pick(['1900-01-01', '1901-01-01']) });
  return draft.file(['child_in_need'], [child], { openedOn, closedOn: addDays(openedOn, draft.chance.between(90, 900)) });
}
