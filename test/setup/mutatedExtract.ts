/** A small valid extract, and what can go wrong with one: fast-check chooses 1 to 5 mutations, which a failing test prints. */
import { link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { BYTES, COLUMNS, DATES, FILE_NAMES, FORMULAS, NOTES, PATHS, REFERENCES, TEXTS } from './hostileWords.ts';
import { mutatedBytes } from './mutatedBytes.ts';
import { scanCsv } from './scannedCsv.ts';

export const NAMES = ['people.csv', 'families.csv', 'files.csv', 'documents.csv'] as const;
export type Name = (typeof NAMES)[number];

/** Rows, columns and places are taken modulo what there is; row 1 is the first after the header. A note may be `right` or `one less`. */
export type Mutation =
  | { on: 'cell'; file: Name; column: string; row: number; value: string | { huge: number } }
  | { on: 'reference'; of: 'P' | 'CF-' | 'FAM-'; number: number; value: string }
  | {
      on: 'clash';
      file: Name;
      row: number;
      other: number;
      how: 'same' | 'capitals' | 'composed' | 'spaces' | 'no-break space' | 'zero width';
    }
  | { on: 'row'; file: Name; row: number; how: 'repeat' | 'leave out' | 'shorten' | 'lengthen' | 'to the end' }
  | { on: 'column'; file: Name; column: number; how: 'repeat' | 'leave out' | 'to the end' | 'ten thousand more' | { name: string } }
  | { on: 'line'; file: Name; at: number; how: 'CRLF' | 'CR' | 'cut' | { insert: string } }
  | { on: 'bytes'; file: Name; at: number; how: 'insert' | 'replace' | 'delete'; bytes: readonly number[] }
  | { on: 'encoding'; file: Name; as: 'latin1' | 'utf16le' | 'utf16le with mark' | 'utf16be with mark' | 'marked' | 'marked twice' }
  | { on: 'file'; file: Name | 'extract.json'; how: 'missing' | 'empty' | 'folder' | 'link out' | 'link in' | 'pipe' }
  | { on: 'other file'; name: string }
  | { on: 'note'; text: string };

/**
 * What was written: the bytes of each file that is a plain one, `extract.json` if it is one, and whether only cells and rows
 * under a good header are bad, for which no extract is refused.
 */
export interface Written {
  files: Map<Name, Buffer>;
  note: string | null;
  mild: boolean;
}

/** Where to write it, and what its links and paths may lead to: a folder with `people.csv` and `canary.txt`, and a pipe. */
export interface Places {
  folder: string;
  outside: string;
  pipe: string;
}

/** The valid extract; its documents are to be put under the document root. */
export const VALID: Readonly<Record<Name, readonly (readonly string[])[]>> = {
  'people.csv': [
    ['person_ref', 'name', 'date_of_birth', 'date_of_death', 'known_to_adult_services', 'poses_risk_to_children'],
    ['P1', 'Invented One', '2000-01-02', '', 'no', 'no'],
    ['P2', 'Invented "Two", Zoë', '03/04/1999', '', 'no', 'no'],
    ['P3', 'Invented Three', '1998-05', '', 'no', ''],
    ['P4', 'Invented Four', '1940', '2001-02-03', '', 'no'],
  ],
  'families.csv': [
    ['family_ref', 'child_ref'],
    ['FAM-1', 'P1'],
    ['FAM-1', 'P2'],
  ],
  'files.csv': [
    [
      'file_ref',
      'categories',
      'subject_refs',
      'family_ref',
      'opened_on',
      'closed_on',
      'last_entry_on',
      'originals_held',
      'medium',
      'location',
    ],
    ['CF-1', 'child_in_need', 'P1', 'FAM-1', '2004-01-01', '2010-01-01', '', 'no', 'electronic', ''],
    ['CF-2', 'child_in_need', 'P2', 'FAM-1', '05/06/2004', '31/12/2010', '', 'no', 'both', 'a shelf, "left"'],
    ['CF-3', 'child_protection;child_in_need', 'P1;P3', '', '2004-01-01', '2010-01-01', '', '', 'electronic', ''],
    ['CF-4', 'financial', '', '', '2001-01-01', '2002-01-01', '2002-01-01', 'no', 'electronic', ''],
    ['CF-5', 'foster_carer', 'P4', '', '1990-01-01', '', '', '', '', ''],
  ],
  'documents.csv': [
    ['file_ref', 'path', 'sha256'],
    ['CF-1', 'CF-1/a letter.txt', ''],
    ['CF-1', 'CF-1/Zoë’s plan.txt', ''],
    ['CF-3', 'CF-3/report.txt', ''],
    ['CF-4', 'CF-3/report.txt', ''],
    ['CF-5', 'approval.txt', ''],
  ],
};

/** In this order, so that cells are changed while there are cells. */
const LEVELS = ['reference', 'cell', 'clash', 'row', 'column', 'line', 'bytes', 'encoding', 'file', 'other file', 'note'] as const;
const MILD: readonly Mutation['on'][] = ['reference', 'cell', 'clash', 'row'];
const DATE_COLUMNS = [
  'people.csv date_of_birth',
  'people.csv date_of_death',
  ...['opened', 'closed', 'last_entry'].map((on) => `files.csv ${on}_on`),
];
const REFERENCE_COLUMNS = [
  'people.csv person_ref',
  'families.csv child_ref',
  'files.csv file_ref',
  'files.csv subject_refs',
  'documents.csv file_ref',
];
const ALL_COLUMNS = NAMES.flatMap((name) => (VALID[name][0] ?? []).map((column) => `${name} ${column}`));

/** 1 to 5 mutations, of every kind. */
export function mutations(): fc.Arbitrary<Mutation[]> {
  const [file, row, at] = [fc.constantFrom(...NAMES), fc.integer({ min: 1, max: 5 }), fc.nat(9_999)];
  const cell = (columns: readonly string[], values: fc.Arbitrary<string | { huge: number }>): fc.Arbitrary<Mutation> =>
    fc.record({ column: fc.constantFrom(...columns), row, value: values }).map(({ column, ...where }) => {
      const [name = '', known = ''] = column.split(' ');
      return { on: 'cell', file: name as Name, column: known, ...where };
    });
  const anyText = fc.oneof(fc.constantFrom(...TEXTS, ...FORMULAS), fc.string({ unit: 'binary', maxLength: 20 }));
  const on = <T extends Mutation['on']>(level: T) => fc.constant(level);
  const column = fc.constantFrom('repeat' as const, 'leave out' as const, 'to the end' as const, ...COLUMNS.map((name) => ({ name })));
  const inserted = ['\n', '\r', '\r\n', '\n\n\n', '"', '""', '"\n', '\n"', ',', '\uFEFF', '\0', ' ', '\t'].map((insert) => ({ insert }));
  const one = fc.oneof<fc.WeightedArbitrary<Mutation>[]>(
    { weight: 5, arbitrary: cell(DATE_COLUMNS, fc.constantFrom(...DATES)) },
    { weight: 4, arbitrary: cell(REFERENCE_COLUMNS, fc.constantFrom(...REFERENCES)) },
    { weight: 5, arbitrary: cell(['documents.csv path'], fc.constantFrom(...PATHS)) },
    { weight: 5, arbitrary: cell(ALL_COLUMNS, anyText) },
    { weight: 1, arbitrary: cell(ALL_COLUMNS, fc.constant({ huge: 1024 * 1024 + 1 })) },
    {
      weight: 5,
      arbitrary: fc.record({
        on: on('reference'),
        of: fc.constantFrom('P' as const, 'CF-' as const, 'FAM-' as const),
        number: row,
        value: fc.oneof(fc.constantFrom(...REFERENCES), fc.string({ unit: 'binary', minLength: 1, maxLength: 12 })),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        ...{ on: on('clash'), file, row, other: row },
        how: fc.constantFrom('same', 'capitals', 'composed', 'spaces', 'no-break space', 'zero width'),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ on: on('row'), file, row, how: fc.constantFrom('repeat', 'leave out', 'shorten', 'lengthen', 'to the end') }),
    },
    { weight: 2, arbitrary: fc.record({ on: on('column'), file, column: fc.nat(20), how: column }) },
    { weight: 1, arbitrary: fc.record({ on: on('column'), file, column: fc.nat(20), how: fc.constant('ten thousand more' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ on: on('line'), file, at, how: fc.constantFrom('CRLF' as const, 'CR' as const, 'cut' as const, ...inserted) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        ...{ on: on('bytes'), file, at },
        how: fc.constantFrom('insert', 'replace', 'delete'),
        bytes: fc.oneof(fc.constantFrom(...BYTES), fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 6 })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        ...{ on: on('encoding'), file },
        as: fc.constantFrom('latin1', 'utf16le', 'utf16le with mark', 'utf16be with mark', 'marked', 'marked twice'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        ...{ on: on('file'), file: fc.constantFrom(...NAMES, 'extract.json' as const) },
        how: fc.constantFrom('missing', 'empty', 'folder', 'link out', 'link in', 'pipe'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ on: on('other file'), name: fc.constantFrom(...FILE_NAMES) }) },
    { weight: 2, arbitrary: fc.record({ on: on('note'), text: fc.constant('right') }) },
    { weight: 1, arbitrary: fc.record({ on: on('note'), text: fc.constantFrom(...NOTES) }) },
    { weight: 1, arbitrary: fc.record({ on: on('note'), text: fc.constant('one less') }) },
  );
  return fc.array(one, { minLength: 1, maxLength: 5 });
}

/** Writes the valid extract, mutated, into a folder made anew, and returns what it wrote. */
export async function writeMutated(chosen: readonly Mutation[], places: Places): Promise<Written> {
  const ordered = LEVELS.flatMap((level) => chosen.filter((mutation) => mutation.on === level));
  const files = new Map<Name, Buffer>(NAMES.map((name) => [name, mutatedBytes(name, VALID[name], ordered, places.outside)]));
  await rm(places.folder, { recursive: true, force: true });
  await mkdir(places.folder);
  for (const [name, bytes] of files) await writeFile(path.join(places.folder, name), bytes);
  let note: string | null = null;
  for (const mutation of ordered) {
    if (mutation.on === 'note') await writeFile(path.join(places.folder, 'extract.json'), (note = noteText(mutation.text, files)));
    if (mutation.on === 'other file') await writeFile(path.join(places.folder, mutation.name), 'none of ours');
  }
  for (const mutation of ordered) {
    if (mutation.on !== 'file') continue;
    await putInstead(mutation.file, mutation.how, places);
    if (mutation.file === 'extract.json') note = null;
    else if (mutation.how === 'empty') files.set(mutation.file, Buffer.alloc(0));
    else files.delete(mutation.file);
  }
  const mild = ordered.every((mutation) => MILD.includes(mutation.on) || (mutation.on === 'note' && mutation.text === 'right'));
  return { files, note, mild };
}

async function putInstead(name: string, how: (Mutation & { on: 'file' })['how'], { folder, outside, pipe }: Places): Promise<void> {
  const place = path.join(folder, name);
  await rm(place, { recursive: true, force: true });
  if (how === 'empty') await writeFile(place, '');
  if (how === 'folder') await mkdir(place);
  if (how === 'link out') await symlink(path.join(outside, 'people.csv'), place);
  if (how === 'link in') await symlink('files.csv', place);
  if (how === 'pipe') await link(pipe, place);
}

/** `right` counts the rows that there are, as a source system would, and does not say when; where they cannot be told it announces none. */
function noteText(text: string, files: ReadonlyMap<Name, Buffer>): string {
  if (text !== 'right' && text !== 'one less') return text;
  const rows = [...files].map(([name, bytes]) => [name, Math.max(0, scanCsv(bytes).records.length - (text === 'right' ? 1 : 2))]);
  return JSON.stringify({ rows: Object.fromEntries(rows) as unknown });
}
