/** What the register knows of a case file and its people: the facts a determination reads, null where not known. */
import type { IsoDate, PartialDate } from './dates.ts';

/** A class of file, one of those the schedule lists. */
export type Category = string;

export const MEDIA = ['electronic', 'paper', 'both'] as const;
export type Medium = (typeof MEDIA)[number];

/** A person a file is about. */
export interface Subject {
  personRef: string;
  name: string | null;
  dateOfBirth: PartialDate | null;
  dateOfDeath: IsoDate | null;
  knownToAdultServices: boolean | null;
  posesRiskToChildren: boolean | null;
}

/** One file of the register, the unit of disposal, with everything its determination reads. */
export interface CaseFile {
  fileRef: string;
  categories: Category[];
  subjects: Subject[];
  familyRef: string | null;
  openedOn: IsoDate | null;
  closedOn: IsoDate | null;
  adoptionOrderOn: IsoDate | null;
  approvalEndedOn: IsoDate | null;
  notifiedOn: IsoDate | null;
  lastEntryOn: IsoDate | null;
  withdrawnOn: IsoDate | null;
  childPlaced: boolean | null;
  originalsHeld: boolean | null;
  medium: Medium | null;
  location: string | null;
  /** Births of the children `families.csv` records for `familyRef`; empty where it records none. */
  familyBirths: (PartialDate | null)[];
  /** True while a families row of this family is in quarantine: a child of it may be missing from `familyBirths`. */
  familyIncomplete: boolean;
}

/** True when some of the file is on paper. */
export function hasPaper({ medium }: Pick<CaseFile, 'medium'>): boolean {
  return medium === 'paper' || medium === 'both';
}

/** The dates of the case itself, in the order of the extract's columns; null where not known. */
export function caseDates(file: CaseFile): (IsoDate | null)[] {
  return [file.openedOn, file.closedOn, file.adoptionOrderOn, file.approvalEndedOn, file.notifiedOn, file.lastEntryOn, file.withdrawnOn];
}
