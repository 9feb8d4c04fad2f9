/** Find: which files, archived ones too, are about a person, and a letter that tells them. What is looked for is in no address and no log. */
import { actAs } from '../../../db/acting.ts';
import { findFiles, type FoundFile, type LookedFor, type Narrowed } from '../../../db/find.ts';
import { recordingRefusals } from '../../../db/refusals.ts';
import { adoptionMarks, type AdoptionMarks } from '../../../db/withheldNames.ts';
import { readPartialDate, type PartialDate } from '../../../rules/dates.ts';
import { onForm, shownErrors, type FieldError, type FormState } from '../acting.ts';
import { typedDay } from '../dayField.ts';
import { letterTo } from '../letter.ts';
import { may, page, type Answer, type Fields, type Route, type SignedVisit } from '../page.ts';

/** Looking is a form, not an address: addresses are kept by browsers and proxies, and a name has no business there. */
export const findRoutes: readonly Route[] = [
  { method: 'GET', url: '/find', needs: 'find', handler: () => findPage(NOTHING_TYPED) },
  { method: 'POST', url: '/find', needs: 'find', looksUpPeople: true, handler: find },
  { method: 'POST', url: '/find/letter', needs: 'find', looksUpPeople: true, handler: letter },
];

/** More than these are strangers: who looks is asked to say more, not to leaf through them. */
const FILES_SHOWN = 50;

const LONGEST_NAME = 200;

const UNUSABLE = { no_letters: { field: 'name', words: 'Enter a part of the name, or the date of birth alone' } } as const;

const NOTHING_TYPED: FormState = { typed: { name: '', born_day: '', born_month: '', born_year: '' }, errors: [] };

/** Files of a person under one name: those of an adoption by themselves, for they stand beside no others. */
interface FoundUnderName {
  name: string | null;
  born: PartialDate | null;
  adoption: boolean;
  files: FoundFile[];
}

interface FoundPerson {
  personRef: string;
  /** Where there are several, who writes must say to which. */
  names: string[];
  results: FoundUnderName[];
}

function findPage({ typed, errors }: FormState, found: object | null = null): Answer {
  return page('find', 'Find a person’s files', { typed, errors: shownErrors(errors), found }, errors.length > 0 ? 422 : 200);
}

async function find(visit: SignedVisit): Promise<Answer> {
  const { body } = visit;
  const read = readWanted(body);
  if ('errors' in read) return findPage({ typed: typedIn(body), errors: read.errors });
  const outcome = await onForm(UNUSABLE, () => lookUp(visit, read.wanted, 'find', { atMost: FILES_SHOWN + 1 }));
  return 'errors' in outcome ? findPage({ typed: typedIn(body), errors: outcome.errors }) : foundPage(visit, outcome.done);
}

async function foundPage(visit: SignedVisit, rows: readonly FoundFile[], errors: FieldError[] = []): Promise<Answer> {
  const shown = rows.slice(0, FILES_SHOWN);
  const found = {
    files: new Set(rows.map(({ file_ref }) => file_ref)).size,
    more: rows.length > shown.length,
    shown: FILES_SHOWN,
    people: peopleOf(shown, rows, await adoptionMarks(visit.db)),
    holds: may(visit, 'hold'),
  };
  return findPage({ typed: typedIn(visit.body), errors }, found);
}

/** Looks once more, so that the letter says what is so now; that is a look-up like any other. */
async function letter(visit: SignedVisit): Promise<Answer> {
  const { body, asOf } = visit;
  const read = readWanted(body);
  if ('errors' in read) return findPage({ typed: typedIn(body), errors: read.errors });
  const personRef = body.one('person');
  // To the person everything is told; to who was not found, that there is none.
  const rows = await lookUp(visit, read.wanted, 'find letter', personRef === '' ? { atMost: 1 } : { personRef });
  const files = rows.filter((row) => row.person_ref === personRef);
  if (personRef === '' ? rows.length > 0 : files.length === 0) {
    const text = 'What was found changed meanwhile, and no letter was written. Find the person again';
    return findPage({ typed: typedIn(body), errors: [{ field: 'name', text }] });
  }
  const names = namesOf(files);
  const addressee = names.length > 1 ? names.find((name) => name === body.one('addressee')) : (names[0] ?? null);
  if (addressee === undefined) {
    const place = [...new Set(rows.map(({ person_ref }) => person_ref))].indexOf(personRef) + 1;
    return foundPage(visit, rows, [{ field: `addressee-${place}`, text: 'Choose the name the letter is addressed to' }]);
  }
  return page('letter', 'Letter', { ...letterTo(files, addressee, read.wanted, asOf) });
}

async function lookUp({ db, person }: SignedVisit, wanted: LookedFor, what: string, narrowed: Narrowed): Promise<FoundFile[]> {
  return recordingRefusals(db, person, what, () => actAs(db, person, (trx) => findFiles(trx, wanted, person, narrowed)));
}

function peopleOf(shown: readonly FoundFile[], rows: readonly FoundFile[], marks: AdoptionMarks): FoundPerson[] {
  return [...new Set(shown.map((row) => row.person_ref))].map((personRef) => {
    const own = (row: FoundFile) => row.person_ref === personRef;
    return { personRef, names: namesOf(rows.filter(own)), results: resultsOf(shown.filter(own), marks) };
  });
}

function resultsOf(rows: readonly FoundFile[], marks: AdoptionMarks): FoundUnderName[] {
  const results = new Map<string, FoundUnderName>();
  for (const row of rows) {
    const adoption = row.categories?.some((category) => marks.categories.includes(category)) ?? marks.rules.includes(row.rule ?? '');
    const key = `${adoption ? 'adoption' : ''} ${row.name ?? ''}`;
    const result = results.get(key) ?? { name: row.name, born: row.date_of_birth, adoption, files: [] };
    result.files.push(row);
    results.set(key, result);
  }
  return [...results.values()];
}

function namesOf(rows: readonly FoundFile[]): string[] {
  return [...new Set(rows.flatMap(({ name }) => (name === null ? [] : [name])))];
}

function typedIn(body: Fields): FormState['typed'] {
  return { name: body.one('name'), ...typedDay(body, 'born') };
}

function readWanted(body: Fields): { wanted: LookedFor } | { errors: FieldError[] } {
  const name = body.one('name').trim();
  const [day = '', month = '', year = ''] = Object.values(typedDay(body, 'born')).map((part) => part.trim());
  const birthGiven = `${day}${month}${year}` !== '';
  const born = birthGiven ? readBirth(day, month, year) : null;
  const errors = [
    ...(name === '' && !birthGiven ? [{ field: 'name', text: 'Enter a name, a date of birth, or both' }] : []),
    ...(name.length > LONGEST_NAME || /\p{Cc}/u.test(name)
      ? [{ field: 'name', text: `Enter a name of at most ${LONGEST_NAME} letters` }]
      : []),
    ...(birthGiven && born === null
      ? [{ field: 'born_day', text: 'Enter a date of birth that exists: the year, with the month and the day if they are known' }]
      : []),
  ];
  return errors.length > 0 ? { errors } : { wanted: { name: name === '' ? null : name, born } };
}

/** Of a birth the day, or month and day, may be left out. */
function readBirth(day: string, month: string, year: string): PartialDate | null {
  if (day !== '' && month === '') return null;
  return readPartialDate(
    [year, month, day]
      .filter((part) => part !== '')
      .map((part) => part.padStart(2, '0'))
      .join('-'),
  );
}
