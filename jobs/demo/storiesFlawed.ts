/** Stories of rows that cannot be read or linked, and of what a later night's extract has otherwise. */
import type { IsoDate } from '../../rules/dates.ts';
import type { CaseFile, Category, Subject } from '../../rules/facts.ts';
import { childFile, childhood } from './cases.ts';
import type { Draft } from './draft.ts';
import { OVER_25, type Story } from './storiesDue.ts';

/** Rows that are refused, and with them the files that depend on them. */
export const REFUSED: readonly Story[] = [
  { shows: ['two_digit_year'], times: 2, tell: twoDigitYearOfClosure },
  { shows: ['two_digit_year'], times: 2, tell: twoDigitYearOfBirth },
  { shows: ['unknown_category'], times: 3, tell: unknownCategory },
  { shows: ['person_twice'], times: 2, tell: personTwice },
  { shows: ['person_missing'], times: 2, tell: personMissing },
  { shows: ['reference_missing'], times: 2, tell: personWithoutReference },
  { shows: [], times: 1, tell: fileWithoutReference },
];

/** Ordinary due files on the first night, each with what becomes of it on a later one. */
export const CHANGING: readonly Story[] = [
  { shows: [], times: 1, tell: gone },
  { shows: [], times: 1, tell: shortened },
  { shows: [], times: 1, tell: quarantined },
  { shows: [], times: 1, tell: birthCorrected },
  { shows: [], times: 1, tell: reopened },
];

function twoDigitYearOfClosure(draft: Draft): CaseFile {
  const file = unlinked(draft, childFile(draft, ['child_in_need'], OVER_25));
  draft.spoil('files.csv', file, 'closed_on', withTwoDigitYear(file.closedOn));
  draft.bundle.edits.push({
    change: 'mended',
    caseFile: file.fileRef,
    file: 'files.csv',
    ref: file.fileRef,
    column: 'closed_on',
    becomes: file.closedOn ?? '',
  });
  return file;
}

function twoDigitYearOfBirth(draft: Draft): CaseFile {
  const file = unlinked(draft, childFile(draft, ['child_protection'], [3, 24]));
  const child = onlySubject(file);
  draft.spoil('people.csv', child, 'date_of_birth', withTwoDigitYear(child.dateOfBirth));
  return file;
}

function unknownCategory(draft: Draft): CaseFile {
  const file = unlinked(draft, childFile(draft, ['child_protection', 'child_in_care'], [4, 30]));
  draft.spoil('files.csv', file, 'categories', 'child_protection;lac');
  draft.bundle.edits.push({
    change: 'mended',
    caseFile: file.fileRef,
    file: 'files.csv',
    ref: file.fileRef,
    column: 'categories',
    becomes: file.categories.join(';'),
  });
  return file;
}

/** Two rows that differ: nobody can tell which is right. */
function personTwice(draft: Draft): CaseFile {
  const file = unlinked(draft, childFile(draft, ['child_in_need'], OVER_25));
  const child = onlySubject(file);
  draft.bundle.people.push({ ...child, knownToAdultServices: true });
  draft.bundle.edits.push({ change: 'mended', caseFile: file.fileRef, file: 'people.csv', ref: child.personRef, drop: 'repeated_row' });
  return file;
}

function personMissing(draft: Draft): CaseFile {
  const nobody = draft.stranger({ dateOfBirth: draft.day([4, 20]) });
  return unlinked(draft, draft.file(['child_protection'], [nobody], childhood(draft, [nobody])));
}

function personWithoutReference(draft: Draft): CaseFile {
  const file = unlinked(draft, childFile(draft, ['child_in_need'], [4, 30]));
  draft.spoil('people.csv', onlySubject(file), 'person_ref', '');
  return file;
}

function fileWithoutReference(draft: Draft): CaseFile {
  const file = unlinked(draft, childFile(draft, ['child_in_need'], [4, 30]));
  draft.spoil('files.csv', file, 'file_ref', '');
  return file;
}

function gone(draft: Draft): CaseFile {
  const file = childFile(draft, ['child_in_need'], OVER_25);
  const about = { change: 'gone', caseFile: file.fileRef, ref: file.fileRef, drop: 'every_row' } as const;
  draft.bundle.edits.push({ ...about, file: 'files.csv' }, { ...about, file: 'documents.csv' });
  return file;
}

/** In care until 2074 or so; without that category the file has been due for years. */
function shortened(draft: Draft): CaseFile {
  const file = childFile(draft, ['child_in_care', 'child_protection'], OVER_25);
  const categories: Category[] = ['child_protection'];
  draft.bundle.later.push({ ...file, categories });
  draft.bundle.edits.push({
    change: 'shortened',
    caseFile: file.fileRef,
    file: 'files.csv',
    ref: file.fileRef,
    column: 'categories',
    becomes: categories.join(';'),
  });
  return file;
}

function quarantined(draft: Draft): CaseFile {
  const file = childFile(draft, ['child_protection'], OVER_25);
  const child = onlySubject(file);
  draft.bundle.edits.push({
    change: 'quarantined',
    caseFile: file.fileRef,
    file: 'people.csv',
    ref: child.personRef,
    column: 'date_of_birth',
    becomes: withTwoDigitYear(child.dateOfBirth),
  });
  return file;
}

/** Due by the birth first recorded; by the corrected one not for some time. */
function birthCorrected(draft: Draft): CaseFile {
  const dateOfBirth = draft.day([25.2, 26.5]);
  const corrected = draft.after(dateOfBirth, 2, 2.9);
  const child = draft.person({ dateOfBirth });
  const born = { ...child, dateOfBirth: corrected };
  const file = draft.file(['child_in_need'], [child], childhood(draft, [born]));
  draft.bundle.later.push({ ...file, subjects: [born] });
  draft.bundle.edits.push({
    change: 'birth_corrected',
    caseFile: file.fileRef,
    file: 'people.csv',
    ref: child.personRef,
    column: 'date_of_birth',
    becomes: corrected,
  });
  return file;
}

function reopened(draft: Draft): CaseFile {
  const file = childFile(draft, ['child_protection'], OVER_25);
  draft.bundle.edits.push({
    change: 'reopened',
    caseFile: file.fileRef,
    file: 'files.csv',
    ref: file.fileRef,
    column: 'closed_on',
    becomes: '',
  });
  return file;
}

function unlinked(draft: Draft, file: CaseFile): CaseFile {
  draft.bundle.withoutDocuments.add(file);
  return file;
}

function onlySubject(file: CaseFile): Subject {
  const [subject] = file.subjects;
  if (!subject) throw new Error(`The story of ${file.fileRef} has no subject.`);
  return subject;
}

/** `03/04/98`, which the policy writes and the import refuses. */
function withTwoDigitYear(date: IsoDate | null): string {
  const [year = '', month = '', day = ''] = (date ?? '').split('-');
  return `${day}/${month}/${year.slice(2)}`;
}
