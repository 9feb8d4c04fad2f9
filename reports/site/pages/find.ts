/** Find: which files, archived ones too, are about a person, and a letter that tells them. What is looked for is in no address and no log. */
import { findFiles, type FoundFile, type LookedFor } from '../../../db/find.ts';
import { recordingRefusals } from '../../../db/refusals.ts';
import { readPartialDate, type PartialDate } from '../../../rules/dates.ts';
import { shownErrors, type FieldError, type FormState } from '../acting.ts';
import { letterTo } from '../letter.ts';
import { may, page, type Answer, type Fields, type Route, type SignedVisit } from '../page.ts';

/** Looking is a form, not an address: addresses are kept by browsers and proxies, and a name has no business there. */
export const findRoutes: readonly Route[] = [
  { method: 'GET', url: '/find', needs: 'find', handler: () => findPage(NOTHING_TYPED) },
  { method: 'POST', url: '/find', needs: 'find', handler: find },
  { method: 'POST', url: '/find/letter', needs: 'find', handler: letter },
];

/** More than these are strangers: who looks is asked to say more, not to leaf through them. */
const FILES_SHOWN = 50;

const LONGEST_NAME = 200;

const NOTHING_TYPED: FormState = { typed: { name: '', born_day: '', born_month: '', born_year: '' }, errors: [] };

interface FoundPerson {
  personRef: string;
  name: string | null;
  born: PartialDate | null;
  files: FoundFile[];
}

function findPage({ typed, errors }: FormState, found: object | null = null): Answer {
  return page('find', 'Find a person’s files', { typed, errors: shownErrors(errors), found }, errors.length > 0 ? 422 : 200);
}

async function find(visit: SignedVisit): Promise<Answer> {
  const { body } = visit;
  const read = readWanted(body);
  if ('errors' in read) return findPage({ typed: typedIn(body), errors: read.errors });
  const rows = await lookUp(visit, read.wanted, 'find');
  const shown = rows.slice(0, FILES_SHOWN);
  return findPage(
    { typed: typedIn(body), errors: [] },
    {
      files: new Set(rows.map(({ file_ref }) => file_ref)).size,
      more: rows.length > shown.length,
      shown: FILES_SHOWN,
      people: peopleOf(shown),
      holds: may(visit, 'hold'),
    },
  );
}

/** Looks once more, so that the letter says what is so now; that is a look-up like any other. */
async function letter(visit: SignedVisit): Promise<Answer> {
  const { body, asOf } = visit;
  const read = readWanted(body);
  if ('errors' in read) return findPage({ typed: typedIn(body), errors: read.errors });
  const personRef = body.one('person');
  const rows = await lookUp(visit, read.wanted, 'find letter');
  const files = rows.filter((row) => row.person_ref === personRef);
  if (personRef === '' ? rows.length > 0 : files.length === 0) {
    const text = 'What was found changed meanwhile, and no letter was written. Find the person again';
    return findPage({ typed: typedIn(body), errors: [{ field: 'name', text }] });
  }
  return page('letter', 'Letter', { ...letterTo(files, read.wanted, asOf) });
}

async function lookUp({ db, person }: SignedVisit, wanted: LookedFor, what: string): Promise<FoundFile[]> {
  return recordingRefusals(db, person, what, () => db.transaction((trx) => findFiles(trx, wanted, person)));
}

function peopleOf(rows: readonly FoundFile[]): FoundPerson[] {
  const people = new Map<string, FoundPerson>();
  for (const row of rows) {
    const known = people.get(row.person_ref) ?? { personRef: row.person_ref, name: row.name, born: row.date_of_birth, files: [] };
    known.files.push(row);
    people.set(row.person_ref, known);
  }
  return [...people.values()];
}

function typedIn(body: Fields): FormState['typed'] {
  return Object.fromEntries(Object.keys(NOTHING_TYPED.typed).map((name) => [name, body.one(name)]));
}

function readWanted(body: Fields): { wanted: LookedFor } | { errors: FieldError[] } {
  const name = body.one('name').trim();
  const [day, month, year] = ['born_day', 'born_month', 'born_year'].map((field) => body.one(field).trim()) as [string, string, string];
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
