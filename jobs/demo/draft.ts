/** One story's people, families and files while it is told: numbers references, draws dates, remembers what was spoiled. */
import { addDays, type IsoDate } from '../../rules/dates.ts';
import type { CaseFile, Category, Subject } from '../../rules/facts.ts';
import type { ExtractFileName } from '../../db/extractColumns.ts';
import type { Chance } from './chance.ts';
import { givenName, surname } from './names.ts';

/** Years before `asOf`, the nearer end first. */
export type YearsAgo = readonly [least: number, most: number];

/** The last number given out of each kind of reference. */
export interface Numbers {
  file: number;
  person: number;
  family: number;
}

/** A cell written other than the facts have it. */
export interface SpoiledCell {
  row: CaseFile | Subject;
  file: ExtractFileName;
  column: string;
  written: string;
}

export const CHANGES = ['gone', 'shortened', 'quarantined', 'birth_corrected', 'reopened', 'mended'] as const;
export type Change = (typeof CHANGES)[number];

/** What a later extract has otherwise: a cell, or a row that is there no more. `caseFile` is the file it is about. */
export type Edit = { change: Change; caseFile: string; file: ExtractFileName; ref: string } & (
  { column: string; becomes: string } | { drop: 'every_row' | 'repeated_row' }
);

/** What one story adds to the register. */
export interface Bundle {
  people: Subject[];
  families: { familyRef: string; childRef: string }[];
  files: CaseFile[];
  spoiled: SpoiledCell[];
  edits: Edit[];
  /** Files as a later extract will have them, where that brings births or dates of its own. */
  later: CaseFile[];
  /** Files whose row does not land, so that a document of theirs could not either. */
  withoutDocuments: Set<CaseFile>;
  /** Files with a document whose row is malformed. */
  badDocument: CaseFile[];
  /** Pairs of files with one document in common. */
  sharing: [CaseFile, CaseFile][];
}

export class Draft {
  readonly asOf: IsoDate;
  readonly chance: Chance;
  readonly bundle: Bundle;
  readonly #today: number;
  readonly #numbers: Numbers;
  readonly #children = new Map<string, Subject[]>();
  #surname: string;

  constructor(asOf: IsoDate, chance: Chance, numbers: Numbers) {
    this.asOf = asOf;
    this.chance = chance;
    this.bundle = {
      people: [],
      families: [],
      files: [],
      spoiled: [],
      edits: [],
      later: [],
      withoutDocuments: new Set(),
      badDocument: [],
      sharing: [],
    };
    this.#today = dayNumber(asOf);
    this.#numbers = numbers;
    this.#surname = surname(chance);
  }

  /** A day so many years ago. */
  day([least, most]: YearsAgo): IsoDate {
    return this.#someDay(this.#today - daysIn(most), this.#today - daysIn(least));
  }

  /** A day so many years after another, but never later than yesterday. */
  after(date: IsoDate, least: number, most: number): IsoDate {
    const from = dayNumber(date);
    const last = Math.min(from + daysIn(most), this.#today - 1);
    return this.#someDay(Math.min(from + daysIn(least), last), last);
  }

  /** A person of the story's surname who is in the extract: known not to be known to Adult Services, and no risk, unless said. */
  person(facts: Partial<Subject>): Subject {
    const person = this.stranger(facts);
    this.bundle.people.push(person);
    return person;
  }

  /** A person who is not in the extract, though a file may name them. */
  stranger(facts: Partial<Subject>): Subject {
    return {
      personRef: `P-${numbered(++this.#numbers.person, 6)}`,
      name: `${givenName(this.chance)} ${this.#surname}`,
      dateOfBirth: null,
      dateOfDeath: null,
      knownToAdultServices: false,
      posesRiskToChildren: false,
      ...facts,
    };
  }

  /** Returns the reference of a family of these children. */
  family(children: Subject[]): string {
    const familyRef = `F-${numbered(++this.#numbers.family, 5)}`;
    this.#children.set(familyRef, children);
    for (const child of children) this.bundle.families.push({ familyRef, childRef: child.personRef });
    return familyRef;
  }

  /** An electronic file without originals, unless said. */
  file(categories: Category[], subjects: Subject[], facts: Partial<CaseFile>): CaseFile {
    const file: CaseFile = {
      fileRef: `CF-${numbered(++this.#numbers.file, 6)}`,
      categories,
      subjects,
      familyRef: null,
      openedOn: null,
      closedOn: null,
      adoptionOrderOn: null,
      approvalEndedOn: null,
      notifiedOn: null,
      lastEntryOn: null,
      withdrawnOn: null,
      childPlaced: null,
      originalsHeld: false,
      medium: 'electronic',
      location: null,
      familyBirths: [],
      familyIncomplete: false,
      ...facts,
    };
    if (file.familyRef) file.familyBirths = (this.#children.get(file.familyRef) ?? []).map((child) => child.dateOfBirth);
    this.bundle.files.push(file);
    return file;
  }

  /** Writes a cell so that its row is refused. */
  spoil(file: 'files.csv' | 'people.csv', row: CaseFile | Subject, column: string, written: string): void {
    this.bundle.spoiled.push({ file, row, column, written });
  }

  /** A place for paper, as a records store writes it. */
  shelf(): string {
    return `Records store ${this.chance.between(1, 3)}, bay ${this.chance.between(1, 48)}, box ${this.chance.between(1000, 9999)}`;
  }

  /** Nothing happens on a 29 February but births: there are too few for both. */
  #someDay(first: number, last: number): IsoDate {
    const date = isoOf(this.chance.between(first, last));
    return date.endsWith('-02-29') ? `${date.slice(0, 8)}28` : date;
  }
}

/**
 * The anchor of a period of so many years whose `eligibleFrom` is `day`. For a 1 March of a leap year there is none, as
 * no odd number of years ends on a 29 February; its files are eligible a day before.
 */
export function anchorEligibleOn(day: IsoDate, years: number): IsoDate {
  const last = addDays(day, -1);
  const year = String(Number(last.slice(0, 4)) - years);
  return last.endsWith('-02-29') ? `${year}-02-28` : `${year}${last.slice(4)}`;
}

const DAY = 86_400_000;
const DAYS_IN_A_YEAR = 365.2425;

function daysIn(years: number): number {
  return Math.round(years * DAYS_IN_A_YEAR);
}

function numbered(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

function dayNumber(date: IsoDate): number {
  return Date.parse(date) / DAY;
}

/** Reads no clock. Luxon does the same in twenty times the time, which tells with a million files. */
function isoOf(day: number): IsoDate {
  return new Date(day * DAY).toISOString().slice(0, 10);
}
