/** The histories files of a children's service have: opened in childhood and closed later, ordered, approved, notified. */
import { possibleDays, type IsoDate } from '../../rules/dates.ts';
import type { CaseFile, Category, Subject } from '../../rules/facts.ts';
import type { Draft, YearsAgo } from './draft.ts';

type FileFacts = Partial<CaseFile>;
type PersonFacts = Partial<Subject>;

/** The file of one child, closed, unless `file` says otherwise. */
export function childFile(draft: Draft, categories: Category[], born: YearsAgo, file: FileFacts = {}, person: PersonFacts = {}): CaseFile {
  const child = draft.person({ dateOfBirth: draft.day(born), ...person });
  return draft.file(categories, [child], { ...childhood(draft, [child]), ...file });
}

/** One file of brothers and sisters, the youngest born so long ago, the eldest no more than seven years before. */
export function siblingsFile(draft: Draft, categories: Category[], youngestBorn: YearsAgo, eldest: PersonFacts = {}): CaseFile {
  const born = draft.day(youngestBorn);
  const first = draft.person({ dateOfBirth: draft.after(born, -7, -4), ...eldest });
  const between = draft.chance.happens(0.5) ? [draft.person({ dateOfBirth: draft.after(born, -3, -1) })] : [];
  const children = [first, ...between, draft.person({ dateOfBirth: born })];
  return draft.file(categories, children, { ...childhood(draft, children), familyRef: draft.family(children) });
}

/** Opened after the youngest is born and closed some years later, while they are still children or just of age. */
export function childhood(draft: Draft, children: Subject[]): { openedOn: IsoDate; closedOn: IsoDate } {
  const births = children.flatMap(({ dateOfBirth }) => (dateOfBirth ? [possibleDays(dateOfBirth).latest] : []));
  const youngest = births.sort().at(-1) ?? draft.day([5, 15]);
  const openedOn = draft.after(youngest, 0.2, children.length > 1 ? 6 : 13);
  return { openedOn, closedOn: draft.after(openedOn, 0.3, 4) };
}

/** A child who died, the file closed in the year after; still a child unless `ageAtDeath` says otherwise. */
export function deceasedChildFile(draft: Draft, categories: Category[], born: YearsAgo, ageAtDeath: readonly [number, number]): CaseFile {
  const dateOfBirth = draft.day(born);
  const dateOfDeath = draft.after(dateOfBirth, ...ageAtDeath);
  const child = draft.person({ dateOfBirth, dateOfDeath });
  const openedOn = draft.after(dateOfBirth, 0.1, ageAtDeath[0] * 0.8);
  return draft.file(categories, [child], { openedOn, closedOn: draft.after(dateOfDeath, 0.1, 0.9) });
}

/** An adoption: opened and ordered when the child was of that age, closed within the year. */
export function adoptionFile(
  draft: Draft,
  ordered: YearsAgo,
  facts: { age?: readonly [number, number]; diedAfter?: readonly [number, number]; file?: FileFacts; person?: PersonFacts } = {},
): CaseFile {
  const adoptionOrderOn = draft.day(ordered);
  const [youngest, oldest] = facts.age ?? [1, 7];
  const dateOfBirth = draft.after(adoptionOrderOn, -oldest, -youngest);
  const dateOfDeath = facts.diedAfter ? draft.after(adoptionOrderOn, ...facts.diedAfter) : null;
  const child = draft.person({ dateOfBirth, dateOfDeath, ...facts.person });
  const openedOn = draft.after(adoptionOrderOn, -0.9, -0.2);
  return draft.file(['adoption'], [child], { openedOn, closedOn: draft.after(adoptionOrderOn, 0.1, 0.8), adoptionOrderOn, ...facts.file });
}

/** A couple who applied to adopt. */
export function adoptersFile(draft: Draft, closed: YearsAgo, file: FileFacts = {}): CaseFile {
  const closedOn = draft.day(closed);
  const openedOn = draft.after(closedOn, -4, -1);
  const couple = [adult(draft, openedOn), adult(draft, openedOn)];
  return draft.file(['adopters'], couple, { openedOn, closedOn, childPlaced: true, ...file });
}

/** A foster carer; without `ended` still approved, the file open. */
export function fosterCarerFile(draft: Draft, ended: YearsAgo | null, file: FileFacts = {}): CaseFile {
  const approvalEndedOn = ended ? draft.day(ended) : null;
  const openedOn = approvalEndedOn ? draft.after(approvalEndedOn, -12, -2) : draft.day([1, 14]);
  const closedOn = approvalEndedOn ? draft.after(approvalEndedOn, 0.05, 0.5) : null;
  return draft.file(['foster_carer'], [adult(draft, openedOn)], { openedOn, closedOn, approvalEndedOn, ...file });
}

/** A Safeguarding Unit file of a family's children; without `closed` still open. */
export function safeguardingFile(draft: Draft, closed: YearsAgo | null, youngest: PersonFacts = {}): CaseFile {
  const closedOn = closed ? draft.day(closed) : null;
  const openedOn = closedOn ? draft.after(closedOn, -4, -0.5) : draft.day([0.2, 3]);
  const elder = draft.person({ dateOfBirth: draft.after(openedOn, -12, -6) });
  const younger = draft.person({ dateOfBirth: draft.after(openedOn, -6, -1.5), ...youngest });
  return draft.file(['safeguarding_unit'], [younger], { openedOn, closedOn, familyRef: draft.family([elder, younger]) });
}

/** A child reported missing, and found. */
export function missingPersonFile(draft: Draft, notifiedOn: IsoDate, file: FileFacts = {}): CaseFile {
  const child = draft.person({ dateOfBirth: draft.after(notifiedOn, -17, -9) });
  return draft.file(['missing_person'], [child], {
    openedOn: notifiedOn,
    closedOn: draft.after(notifiedOn, 0.01, 0.08),
    notifiedOn,
    ...file,
  });
}

/** Payments for a child, kept apart from the child's own file; mostly nobody closes them. */
export function financialFile(draft: Draft, lastEntryOn: IsoDate, file: FileFacts = {}): CaseFile {
  const child = draft.person({ dateOfBirth: draft.after(lastEntryOn, -16, -5) });
  return draft.file(['financial'], [child], { openedOn: draft.after(lastEntryOn, -4, -1), lastEntryOn, ...file });
}

/** An adult who poses a risk to children. */
export function adultRiskFile(draft: Draft, opened: YearsAgo): CaseFile {
  const openedOn = draft.day(opened);
  return draft.file(['adult_posing_risk'], [adult(draft, openedOn, { posesRiskToChildren: true })], {
    openedOn,
    closedOn: draft.after(openedOn, 0.5, 6),
  });
}

/** A grown-up of working age on that day. */
export function adult(draft: Draft, on: IsoDate, facts: PersonFacts = {}): Subject {
  return draft.person({ dateOfBirth: draft.after(on, -50, -24), ...facts });
}
