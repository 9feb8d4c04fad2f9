/** Reading an extract folder: what is refused whole, what is quarantined cell by cell, and what comes through. */
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { EXTRACT_FILES, ExtractRefused, countMismatches, openExtract } from '../db/extract.ts';
import type { Extract, ExtractFileName, ExtractOptions, ExtractRow, RejectedRow } from '../db/extract.ts';
import { readDate } from '../rules/dates.ts';
import { fc } from './setup/seed.ts';

const CATEGORIES = ['child_in_care', 'child_protection', 'financial'];
const PEOPLE = 'person_ref,name,date_of_birth\nP1,Ann Smith,1990-05-01\n';
const FILES = 'file_ref,categories,subject_refs\nF1,child_in_care,P1\n';
const SHA = 'A'.repeat(64);

const folders: string[] = [];
afterEach(async () => {
  await Promise.all(folders.splice(0).map((dir) => rm(dir, { recursive: true, force: true })));
});

type Contents = Record<string, string | Buffer>;

/** A folder with a small valid extract; `contents` replaces or adds files. */
async function folder(contents: Contents = {}): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'extract-'));
  folders.push(dir);
  const all: Contents = { 'people.csv': PEOPLE, 'files.csv': FILES, ...contents };
  await Promise.all(Object.entries(all).map(([name, text]) => writeFile(join(dir, name), text)));
  return dir;
}

async function opened(contents: Contents, options: ExtractOptions = {}): Promise<Extract> {
  return openExtract(await folder(contents), CATEGORIES, options);
}

interface Read {
  rows: ExtractRow[];
  rejects: RejectedRow[];
  read: number;
  batches: number;
}

async function readAll(extract: Extract, name: ExtractFileName): Promise<Read> {
  const all: Read = { rows: [], rejects: [], read: 0, batches: 0 };
  for await (const { rows, rejects, read } of extract.files[name].batches()) {
    all.rows.push(...rows);
    all.rejects.push(...rejects);
    all.read += read;
    all.batches += 1;
  }
  return all;
}

async function people(text: string | Buffer): Promise<Read> {
  return readAll(await opened({ 'people.csv': text }), 'people.csv');
}

async function files(text: string): Promise<Read> {
  return readAll(await opened({ 'files.csv': text }), 'files.csv');
}

async function documents(text: string, options: ExtractOptions = {}): Promise<Read> {
  return readAll(await opened({ 'documents.csv': text }, options), 'documents.csv');
}

/** One cell of `column` in a people row, read. */
async function personCell(column: string, cell: string) {
  const { rows, rejects } = await people(`person_ref,${column}\nP1,${cell}\n`);
  return rows[0] ? rows[0].cells[1] : rejects[0]?.reason;
}

async function fileCell(column: string, cell: string) {
  const { rows, rejects } = await files(`file_ref,categories,${column}\nF1,financial,${cell}\n`);
  return rows[0] ? rows[0].cells[2] : rejects[0]?.reason;
}

async function refusal(contents: Contents): Promise<string> {
  const reading = opened(contents).then((extract) => Promise.all(EXTRACT_FILES.map((name) => readAll(extract, name))));
  const error: unknown = await reading.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ExtractRefused);
  return (error as ExtractRefused).message;
}

describe('the folder', () => {
  test('a folder with people and files is an extract, and the optional files are reported absent', async () => {
    const extract = await opened({});
    expect(EXTRACT_FILES.map((name) => extract.files[name].present)).toEqual([true, false, true, false]);
    expect(await readAll(extract, 'families.csv')).toMatchObject({ rows: [], read: 0 });
    expect(extract).toMatchObject({ ignoredFiles: [], exportedAt: null, expectedRows: null });
  });

  test('a folder that is not there is refused', async () => {
    await expect(openExtract('/nowhere/at/all', CATEGORIES)).rejects.toThrow(ExtractRefused);
  });

  test.each(['people.csv', 'files.csv'])('an extract without %s is refused', async (name) => {
    const dir = await folder();
    await rm(join(dir, name));
    await expect(openExtract(dir, CATEGORIES)).rejects.toThrow(new RegExp(`^${name}: it is not in`));
  });

  test('other files and sub-folders are named and ignored, and dotfiles not even named', async () => {
    const dir = await folder({ 'notes.txt': 'x', 'People.csv.old': 'x', '.hidden': 'x' });
    await mkdir(join(dir, 'more'));
    expect((await openExtract(dir, CATEGORIES)).ignoredFiles).toEqual(['People.csv.old', 'more', 'notes.txt']);
  });

  test('a file is known however its name is spelt, and two that become one are refused', async () => {
    const dir = await folder({ 'Families.CSV': 'family_ref,child_ref\n', ' docu-ments.csv': 'file_ref,path\n' });
    expect((await openExtract(dir, CATEGORIES)).ignoredFiles).toEqual([]);
    expect(await readAll(await openExtract(dir, CATEGORIES), 'families.csv')).toMatchObject({ read: 0 });
    expect((await openExtract(dir, CATEGORIES)).files['documents.csv'].present).toBe(true);
    await writeFile(join(dir, 'PEOPLE.csv'), PEOPLE);
    await expect(openExtract(dir, CATEGORIES)).rejects.toThrow(/^people\.csv: it is there twice, as .*PEOPLE\.csv/);
  });

  test('a link or a folder in the place of a file is refused', async () => {
    const dir = await folder();
    await symlink(join(dir, 'people.csv'), join(dir, 'families.csv'));
    await expect(openExtract(dir, CATEGORIES)).rejects.toThrow('families.csv: it is not a plain file');
    await rm(join(dir, 'families.csv'));
    await mkdir(join(dir, 'documents.csv'));
    await expect(openExtract(dir, CATEGORIES)).rejects.toThrow('documents.csv: it is not a plain file');
  });

  test('a file that changes after its header was read is refused', async () => {
    const dir = await folder();
    const extract = await openExtract(dir, CATEGORIES);
    await appendFile(join(dir, 'people.csv'), 'P2,Bob,1991-01-01\n');
    await expect(readAll(extract, 'people.csv')).rejects.toThrow('people.csv: it changed while it was being read');
  });
});

describe('the header', () => {
  test('a required column that is missing refuses the import and is named', async () => {
    expect(await refusal({ 'files.csv': 'file_ref,subject_refs\nF1,P1\n' })).toContain('files.csv: the header has no column categories');
    expect(await refusal({ 'documents.csv': 'file_ref;path\nF1;a.pdf\n' })).toContain('Separate the columns by commas');
  });

  test('a column given twice refuses the import, an ignored one too', async () => {
    expect(await refusal({ 'people.csv': 'person_ref,name, name\n' })).toContain('the header has the column name twice');
    expect(await refusal({ 'people.csv': 'person_ref,x,x\n' })).toContain('column x twice');
  });

  test('columns stand in any order, names are trimmed, and cells come in the order of the contract', async () => {
    const extract = await opened({ 'people.csv': ' date_of_birth , person_ref,note,,"name"\n1990-05-01,P1,x,,Ann\n' });
    expect(extract.files['people.csv']).toMatchObject({
      columns: ['person_ref', 'name', 'date_of_birth'],
      ignoredColumns: ['note', 'column 4, without a name'],
      absentColumns: ['date_of_death', 'known_to_adult_services', 'poses_risk_to_children'],
    });
    expect((await readAll(extract, 'people.csv')).rows).toEqual([{ line: 2, ref: 'P1', cells: ['P1', 'Ann', '1990-05-01'] }]);
  });

  test.each(['Person_Ref,DATE OF BIRTH', 'personRef,date-of-birth', 'PERSON-REF,Date\u00a0of\u2011Birth', '"Person  Ref",dateofbirth'])(
    'a column is known whatever its letter case, spaces, hyphens and underscores: %s',
    async (header) => {
      const extract = await opened({ 'people.csv': `${header}\nP1,1990\n` });
      expect(extract.files['people.csv']).toMatchObject({ columns: ['person_ref', 'date_of_birth'], ignoredColumns: [] });
      expect((await readAll(extract, 'people.csv')).rows).toEqual([{ line: 2, ref: 'P1', cells: ['P1', '1990'] }]);
    },
  );

  test('two columns that become one refuse the import, and both spellings are named', async () => {
    expect(await refusal({ 'people.csv': 'person_ref,Date of death,date_of_death\n' })).toContain(
      'the header has the column date_of_death twice, once as Date of death',
    );
  });

  test('a first line that names the separator is taken as that, and another separator than the comma is refused in words', async () => {
    for (const line of ['sep=,\r\n', '\uFEFF"SEP=,"\n']) {
      expect((await people(`${line}${PEOPLE}P2,"a\nb",x\n`)).rejects).toMatchObject([{ line: 4, ref: 'P2' }]);
    }
    expect(await refusal({ 'people.csv': 'sep=;\nperson_ref;name\nP1;Ann\n' })).toBe(
      'people.csv: its first line says that its cells are separated by ";". Export it with commas between the cells, and import again.',
    );
    expect(await refusal({ 'people.csv': 'sep=\t\nperson_ref\n' })).toContain('separated by tabs');
    expect(await refusal({ 'people.csv': 'sep=,\n' })).toContain('it is empty');
  });

  test('a byte-order mark is accepted', async () => {
    expect((await people(`\uFEFF${PEOPLE}`)).rows).toMatchObject([{ line: 2, ref: 'P1' }]);
  });

  test.each([
    ['UTF-16 with its mark', Buffer.from(`\uFEFF${PEOPLE}`, 'utf16le')],
    ['UTF-16, the other way round', Buffer.from(`\uFEFF${PEOPLE}`, 'utf16le').swap16()],
    ['UTF-16 without its mark', Buffer.from(PEOPLE, 'utf16le')],
    ['another encoding', Buffer.from('person_ref,größe\nP1,x\n', 'latin1')],
    ['old Macintosh line ends', Buffer.from(PEOPLE.replaceAll('\n', '\r'))],
  ])('a file in %s is refused with advice', async (_, text) => {
    expect(await refusal({ 'people.csv': text })).toContain('Save it as "CSV UTF-8"');
  });

  test.each(['', '\n\n', '\uFEFF', '  \n'])('a file that is empty (%j) is refused', async (text) => {
    expect(await refusal({ 'people.csv': text })).toContain('people.csv: it is empty');
  });

  test('a file with a header alone is read as no rows', async () => {
    expect(await people('person_ref')).toMatchObject({ rows: [], rejects: [], read: 0 });
  });
});

describe('cells', () => {
  test('every kind of cell of files.csv is brought to one form', async () => {
    const { rows, rejects } = await files(
      'file_ref,categories,subject_refs,family_ref,opened_on,closed_on,child_placed,originals_held,medium,location\n' +
        ' F1 , financial ; child_in_care;;financial , P1;P2; P1 ,FAM1,2001-02-03,04/05/2006,yes,no,paper,"Shelf 3, left"\n',
    );
    expect(rejects).toEqual([]);
    expect(rows[0]?.cells).toEqual([
      'F1',
      ['financial', 'child_in_care'],
      ['P1', 'P2'],
      'FAM1',
      '2001-02-03',
      '2006-05-04',
      true,
      false,
      'paper',
      'Shelf 3, left',
    ]);
  });

  test('an empty cell is not known, whatever its column', async () => {
    const { rows } = await files('file_ref,categories,subject_refs,opened_on,child_placed,medium,location\nF1,financial, ;,,,"", \n');
    expect(rows[0]?.cells).toEqual(['F1', ['financial'], null, null, null, null, null]);
  });

  test.each([
    ['1990-05-31', '1990-05-31'],
    ['31/05/1990', '1990-05-31'],
    ['1990', '1990'],
    ['1990-05', '1990-05'],
    ['29/02/2000', '2000-02-29'],
  ])('a birth written %s is %s', async (written, read) => {
    expect(await personCell('date_of_birth', written)).toBe(read);
  });

  test.each(['29/02/2001', '2001-02-30', '1/5/1990', '1990-05-01T00:00', '05/13/1990', '0000-01-01', '1990-13', 'about 1990'])(
    'a birth written %s is rejected and not repeated',
    async (written) => {
      const reason = await personCell('date_of_birth', written);
      expect(reason).toBe('not a date: write a day that exists as yyyy-mm-dd or dd/mm/yyyy, or yyyy or yyyy-mm if no more is known');
    },
  );

  test.each(['01/05/90', '90-05-01', '1/5/90', '05/90', '90'])('a two-digit year, as in %s, has a reason of its own', async (written) => {
    expect(await personCell('date_of_birth', written)).toBe('write the year with four digits');
  });

  test('only a birth may be known in part', async () => {
    expect(await personCell('date_of_death', '1990')).toMatch(/^not a date/);
    expect(await fileCell('opened_on', '1990-05')).toMatch(/^not a date/);
  });

  test('dates are read as rules/dates reads them', async () => {
    const part = fc.integer({ min: 0, max: 33 }).map((n) => String(n).padStart(2, '0'));
    const written = fc
      .tuple(fc.constantFrom('0000', '0999', '1900', '2000', '2024', '2025'), part, part, fc.constantFrom('-', '/'))
      .map(([y, m, d, sign]) => (sign === '-' ? `${y}-${m}-${d}` : `${d}/${m}/${y}`));
    const texts = fc.sample(fc.oneof(written, fc.stringMatching(/^[0-9/-]{9,11}$/)), 2_000);
    const { rows } = await files(['file_ref,categories,opened_on', ...texts.map((t, i) => `F${i},financial,${t}`)].join('\n'));
    const expected = texts.map((text, i) => [`F${i}`, readDate(text)]).filter(([, date]) => date !== null);
    expect(rows.map(({ cells }) => [cells[0], cells[2]])).toEqual(expected);
  });

  test.each(['Yes', 'y', 'true', '1', 'N/A'])('%s is neither yes nor no, and is named', async (word) => {
    expect(await personCell('poses_risk_to_children', word)).toContain(`"${word}" is neither yes nor no`);
  });

  test('an unknown category is rejected with the word and the known ones', async () => {
    const { rejects } = await files('file_ref,categories\nF3,child_protection;lac\n');
    expect(rejects).toEqual([
      {
        line: 2,
        ref: 'F3',
        column: 'categories',
        reason: '"lac": no such category; known are child_in_care, child_protection, financial',
      },
    ]);
  });

  test('a file has at least one category', async () => {
    expect((await files('file_ref,categories\nF1,\nF2,;\n')).rejects).toMatchObject([
      { ref: 'F1', column: 'categories', reason: 'empty: every row needs it' },
      { ref: 'F2', column: 'categories', reason: 'empty: a file has at least one category' },
    ]);
  });

  test('an unknown medium is rejected with the word, cut at 40 characters, its control characters escaped', async () => {
    expect(await fileCell('medium', 'microfiche')).toBe('"microfiche": no such medium; known are electronic, paper, both');
    expect(await fileCell('medium', `a\u001bb\u202e${'c'.repeat(60)}`)).toContain(`"a\\u{1b}b\\u{202e}${'c'.repeat(36)}…"`);
  });

  test('a sha256 is 64 digits, kept in small letters', async () => {
    const { rows, rejects } = await documents(`file_ref,path,sha256\nF1,a.pdf,${SHA}\nF1,b.pdf,${SHA}0\nF1,c.pdf,\n`);
    expect(rows.map(({ cells }) => cells)).toEqual([
      ['F1', 'a.pdf', SHA.toLowerCase()],
      ['F1', 'c.pdf', null],
    ]);
    expect(rejects).toMatchObject([{ line: 3, column: 'sha256' }]);
  });

  test('a path is judged by the function given, in its words', async () => {
    const unsafePathReason = (path: string) => (path.includes('..') ? 'leads out of the document root' : null);
    const { rows, rejects } = await documents('file_ref,path\nF1,a/b.pdf\nF1,../x\nF1,\n', { unsafePathReason });
    expect(rows).toHaveLength(1);
    expect(rejects.map(({ reason }) => reason)).toEqual(['leads out of the document root', 'empty: every row needs it']);
  });

  test('a reference may be any text of 200 characters without control characters', async () => {
    const good = ['Ö/12 "b"', "O'Brien, 1", '../..', '=1+1', '档案', 'x'.repeat(200)];
    const rows = good.map((ref) => `"${ref.replaceAll('"', '""')}"`);
    expect((await people(['person_ref', ...rows].join('\n'))).rows.map(({ ref }) => ref)).toEqual(good);
    const bad = ['x'.repeat(201), '"a\tb"', '"a\nb"', '\u007fa'];
    const { rejects } = await people(['person_ref', ...bad].join('\n'));
    expect(rejects).toHaveLength(4);
    expect(rejects).toMatchObject(bad.map(() => ({ ref: null, column: 'person_ref' })));
  });

  test('a bad reference in a list rejects the row', async () => {
    expect(await fileCell('subject_refs', `P1;${'x'.repeat(201)}`)).toBe('a reference has at most 200 characters');
  });

  test('a text has at most 10,000 characters, and a name 500 of at most 2,000 bytes', async () => {
    expect(await fileCell('location', 'x'.repeat(10_000))).toHaveLength(10_000);
    expect(await fileCell('location', 'x'.repeat(10_001))).toBe('longer than 10,000 characters');
    expect(await personCell('name', 'x'.repeat(500))).toHaveLength(500);
    expect(await personCell('name', 'x'.repeat(501))).toBe('a name has at most 500 characters');
    expect(await personCell('name', '\u{1F600}'.repeat(500))).toHaveLength(1000);
    expect(await personCell('name', '\u3316'.repeat(200))).toBe('a name has at most 2,000 bytes, its letters and accents taken apart');
  });

  test('a reference is counted in characters, of however many bytes', async () => {
    expect(await fileCell('family_ref', '\u{1F600}'.repeat(200))).toHaveLength(400);
    expect(await fileCell('family_ref', '\u{1F600}'.repeat(201))).toBe('a reference has at most 200 characters');
  });

  test('a families row is known by its family and needs the child', async () => {
    const extract = await opened({ 'families.csv': 'family_ref,child_ref\nFAM1,P1\nFAM2,\n' });
    const { rows, rejects } = await readAll(extract, 'families.csv');
    expect(rows).toEqual([{ line: 2, ref: 'FAM1', cells: ['FAM1', 'P1'] }]);
    expect(rejects).toMatchObject([{ line: 3, ref: 'FAM2', column: 'child_ref' }]);
  });

  test('reasons never repeat a name, a birth, a death or a location', async () => {
    const secret = 'SECRET';
    const { rejects } = await people(
      `person_ref,name,date_of_birth,date_of_death\nP1,${secret}\0,${secret},${secret}\nP2,${secret}\n${secret},P3,"${secret}" x,\n`,
    );
    const located = await files(`file_ref,categories,location\nF1,financial,${secret.repeat(2_000)}\n`);
    expect(JSON.stringify([...rejects.map(({ reason }) => reason), ...located.rejects])).not.toContain(secret);
  });
});

describe('rows', () => {
  test('every bad cell of a row is one rejection, and the row is counted once and does not land', async () => {
    const all = await people('person_ref,name,date_of_birth,poses_risk_to_children\nP1,Ann,x,maybe\nP2,Bob,1990,no\n');
    expect(all).toMatchObject({ read: 2, rows: [{ line: 3, ref: 'P2' }] });
    expect(all.rejects.map(({ line, ref, column }) => [line, ref, column])).toEqual([
      [2, 'P1', 'date_of_birth'],
      [2, 'P1', 'poses_risk_to_children'],
    ]);
  });

  test('the line is where the row starts, with line breaks in cells and empty lines between', async () => {
    const lines = ['person_ref,name', 'P1,"a', 'b', '', 'c"', '', '   ', 'P2,x', '"P3","d', 'e"', 'P4,y'];
    for (const end of ['\n', '\r\n']) {
      const all = await people(lines.join(end));
      expect(all.rows.map(({ line, ref }) => [line, ref])).toEqual([
        [2, 'P1'],
        [8, 'P2'],
        [9, 'P3'],
        [11, 'P4'],
      ]);
      expect(all.read).toBe(4);
    }
  });

  test('line ends of both kinds may be mixed', async () => {
    const all = await people('person_ref,name\r\nP1,a\nP2,b\r\nP3,c');
    expect(all.rows.map(({ line, cells }) => [line, ...cells])).toEqual([
      [2, 'P1', 'a'],
      [3, 'P2', 'b'],
      [4, 'P3', 'c'],
    ]);
  });

  test('a NUL or bytes that are not UTF-8 reject the row, in an ignored column too', async () => {
    const broken = Buffer.from([0x52, 0xe9, 0x65]);
    const text = Buffer.concat([
      Buffer.from('person_ref,name,note\nP1,a\0b,\nP2,'),
      broken,
      Buffer.from(',\nP3,x,'),
      broken,
      Buffer.from('\nP4,ok,\n'),
    ]);
    const { rows, rejects } = await people(text);
    expect(rows).toMatchObject([{ ref: 'P4' }]);
    expect(rejects.map(({ ref, column, reason }) => [ref, column, reason.split(':')[0]])).toEqual([
      ['P1', 'name', 'holds a NUL character'],
      ['P2', 'name', 'holds bytes that are not UTF-8, or the sign U+FFFD that takes their place'],
      ['P3', 'note', 'holds bytes that are not UTF-8, or the sign U+FFFD that takes their place'],
    ]);
  });

  test('a row with more or fewer cells than the header is rejected, its reference believed only from the first column', async () => {
    const first = await people('person_ref,name\nP1\nP2,Smith, Ann\n,\nP4,ok\n');
    expect(first.rejects.map(({ line, ref, column }) => [line, ref, column])).toEqual([
      [2, 'P1', null],
      [3, 'P2', null],
      [4, null, 'person_ref'],
    ]);
    expect(first.rejects[1]?.reason).toBe('the row has 3 cells and the header 2: put a cell that holds a comma in quotes');
    expect((await people('name,person_ref\nSmith, Ann,P1\n')).rejects).toMatchObject([{ ref: null, column: null }]);
    expect(first).toMatchObject({ read: 4, rows: [{ ref: 'P4' }] });
  });

  test('a row with broken quotes is rejected, and a stray quote takes no other row with it', async () => {
    const all = await people(
      [
        'person_ref,name',
        'P1,"Bob "Bobby" Smith"',
        'P2,"ok"',
        'P3,"never closed',
        'P4,"x"',
        '',
        'P5,Ann "A" Lee',
        '"P6","a"b"',
        'P7,"ok"',
      ].join('\n'),
    );
    expect(all.rows.map(({ line, ref }) => [line, ref])).toEqual([
      [3, 'P2'],
      [5, 'P4'],
      [9, 'P7'],
    ]);
    expect(all.rejects.map(({ line, ref, column }) => [line, ref, column])).toEqual([
      [2, 'P1', null],
      [4, 'P3', null],
      [7, 'P5', null],
      [8, 'P6', null],
    ]);
    expect(all.rejects[0]?.reason).toContain('write each quote inside it twice');
    expect(all.read).toBe(7);
  });

  test('a quote that is never closed refuses the import and names the line', async () => {
    expect(await refusal({ 'people.csv': 'person_ref,name\nP1,ok\n\nP2,"a\nP3,b\n' })).toContain(
      'people.csv: a quote in the row that starts at line 4 is never closed',
    );
    expect(await refusal({ 'people.csv': 'person_ref,"name\nP1,ok\n' })).toContain('line 1 is never closed');
    const long = `person_ref,name\nP1,"a\n${'P2,b\n'.repeat(1_000_000)}`;
    expect(await refusal({ 'people.csv': long })).toContain('the row that starts at line 2 is never closed');
  });

  test('a quoted cell may stand after a space and hold commas and quotes', async () => {
    const { rows } = await people('person_ref,name\nP1, "Smith, ""Bo"" Ann"\n');
    expect(rows[0]?.cells[1]).toBe('Smith, "Bo" Ann');
  });
});

describe('size', () => {
  test('rows come in batches of about a thousand, and a file can be read twice', async () => {
    const text = `person_ref,name\n${Array.from({ length: 20_000 }, (_, i) => `P${i},"Name, ${i}"`).join('\n')}\n`;
    const extract = await opened({ 'people.csv': text });
    for (let time = 0; time < 2; time += 1) {
      const all = await readAll(extract, 'people.csv');
      expect(all.read).toBe(20_000);
      expect(all.batches).toBeGreaterThan(4);
      expect(all.rows.every(({ line, ref }, i) => line === i + 2 && ref === `P${i}`)).toBe(true);
    }
  });

  test('huge cells reject their row and leave the others alone', async () => {
    const all = await people(`person_ref,name\nP1,${'x'.repeat(2_000_000)}\nP2,ok\nP3,"${'x'.repeat(9_000_000)}"\nP4,ok\n`);
    expect(all.rows.map(({ line, ref }) => [line, ref])).toEqual([
      [3, 'P2'],
      [5, 'P4'],
    ]);
    expect(all.rejects).toEqual([
      { line: 2, ref: 'P1', column: 'name', reason: 'a name has at most 500 characters' },
      { line: 4, ref: 'P3', column: null, reason: 'the row is longer than 4 MB: shorten it' },
    ]);
  });

  test('a row of millions of commas and millions of empty lines do no harm', async () => {
    const all = await people(`person_ref,name\nP1${','.repeat(9_000_000)}\n${'\n'.repeat(9_000_000)}P2,ok\n`);
    expect(all).toMatchObject({ read: 2, rows: [{ line: 9_000_003, ref: 'P2' }], rejects: [{ line: 2, ref: 'P1' }] });
  }, 30_000);

  test('10,000 columns are read, the unknown ones ignored', async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`).join(',');
    const row = (ref: string, cell: string) => `${ref},${Array.from({ length: 10_000 }, () => cell).join(',')}`;
    const extract = await opened({
      'people.csv': [`person_ref,${names}`, ...Array.from({ length: 50 }, (_, i) => row(`P${i}`, 'x')), row('bad', '\0')].join('\n'),
    });
    expect(extract.files['people.csv'].ignoredColumns).toHaveLength(10_000);
    const all = await readAll(extract, 'people.csv');
    expect([all.rows.length, all.read, all.rejects.length]).toEqual([50, 51, 10_000]);
  });
});

describe('extract.json', () => {
  const note = (value: unknown) => ({ 'extract.json': JSON.stringify(value) });

  test('it says when the extract was made and how many rows it has', async () => {
    const extract = await opened(note({ exported_at: '2026-11-22T02:00:00+01:00', rows: { 'people.csv': 1 } }));
    expect(extract).toMatchObject({ exportedAt: '2026-11-22T01:00:00.000Z', expectedRows: { 'people.csv': 1 } });
  });

  test.each(['2026-07-01 02:00+01:00', '2026-07-01t01:00z', '2026-07-01T01:00:00.000 Z', '2026-07-01 03:00:00 +0200'])(
    'it takes an instant with its zone, written %s',
    async (written) => {
      expect((await opened(note({ exported_at: written }))).exportedAt).toBe('2026-07-01T01:00:00.000Z');
    },
  );

  test('either of its keys may be absent, and they are known however they are spelt; another is named', async () => {
    expect(await opened(note({ rows: { 'People.CSV': 1 } }))).toMatchObject({ exportedAt: null, expectedRows: { 'people.csv': 1 } });
    const spelt = await opened(note({ ExportedAt: '2026-07-01T01:00Z', 'row-s': {}, made_by: 'x' }));
    expect(spelt).toMatchObject({ exportedAt: '2026-07-01T01:00:00.000Z', expectedRows: {}, noteSays: ['exported_at', 'rows'] });
    expect(spelt.ignoredKeys).toEqual(['made_by']);
    expect(await refusal(note({ rows: { 'people.csv': 1, 'PEOPLE.csv': 1 } }))).toContain('announces the rows of people.csv twice');
  });

  test('rows announced of a file that is there but ignored are not expected', async () => {
    const rows = { 'audit.csv': 5, 'gone.csv': 3 };
    const extract = await opened({ 'audit.csv': 'x', ...note({ exported_at: '2026-11-22T00:00Z', rows }) });
    expect(extract.expectedRows).toEqual({ 'gone.csv': 3 });
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a day without a time', '{"exported_at":"2026-11-22"}'],
    ['a time without a zone', '{"exported_at":"2026-11-22T02:00:00"}'],
    ['one key twice', '{"exported_at":"2026-11-22T02:00:00Z","Exported at":"2026-11-22T02:00:00Z"}'],
    ['a word for a time', '{"exported_at":"yesterday","rows":{}}'],
    ['a day that does not exist', '{"exported_at":"2026-02-30T00:00Z","rows":{}}'],
    ['a number in quotes', '{"exported_at":"2026-11-22T00:00Z","rows":{"people.csv":"2"}}'],
    ['a negative number', '{"exported_at":"2026-11-22T00:00Z","rows":{"people.csv":-1}}'],
    ['half a row', '{"exported_at":"2026-11-22T00:00Z","rows":{"people.csv":1.5}}'],
    ['two million blanks', ' '.repeat(2_000_000)],
  ])('it refuses the import when it holds %s', async (_, text) => {
    expect(await refusal({ 'extract.json': text })).toMatch(/^extract\.json: .*It should be like/);
  });

  test('differences in the number of rows are worded, a file that is not there among them', () => {
    const expected = { 'people.csv': 2_000, 'files.csv': 3, 'families.csv': 1, 'documents.csv': 0 };
    expect(countMismatches(expected, { 'people.csv': 1_999, 'files.csv': 3 })).toEqual([
      'people.csv: rows announced in extract.json 2000, rows read 1999',
      'families.csv: rows announced in extract.json 1, rows read 0',
    ]);
  });
});

describe('whatever the bytes', () => {
  const VALID: Record<ExtractFileName, string> = {
    'people.csv':
      '\uFEFFperson_ref,name,date_of_birth,poses_risk_to_children\r\nP1,"Smith, ""Ann""",1990-05-01,no\r\nP2,"two\r\nlines",1990-05,\r\n\r\nP3,Zoë,01/02/2003,yes\r\n',
    'families.csv': 'family_ref,child_ref\nFAM1,P1\nFAM1,P2\n',
    'files.csv':
      'file_ref,categories,subject_refs,opened_on,medium\nF1,child_in_care; financial,P1;P2,2001-01-01,paper\nF2,financial,,,both\n',
    'documents.csv': `file_ref,path,sha256\nF1,a/b.pdf,${SHA}\nF2,"c,d.pdf",\n`,
  };
  const mutation = fc.record({
    how: fc.constantFrom('insert', 'delete', 'replace', 'truncate'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 6 }),
      fc.constantFrom('"', '""', ',', '\n', '\r', '\r\n', '\0', '\uFEFF', ' ', ';', '"\n', '\n"').map((text) => Buffer.from(text)),
    ),
  });

  test('reading never fails but by a refusal, and every row read is taken or rejected', async () => {
    const mutated = fc.tuple(fc.constantFrom(...EXTRACT_FILES), fc.array(mutation, { minLength: 1, maxLength: 4 }));
    const property = fc.asyncProperty(mutated, async ([name, mutations]) => {
      const bytes = mutations.reduce<Buffer>(mutate, Buffer.from(VALID[name]));
      const dir = await folder({ ...VALID, [name]: bytes });
      await expectAccountedFor(dir, name);
      await rm(dir, { recursive: true });
    });
    await fc.assert(property, { numRuns: 200 });
  }, 60_000);

  function mutate(before: Buffer, { how, at, bytes }: { how: string; at: number; bytes: Uint8Array }): Buffer {
    const place = Math.floor(at * before.length);
    const rest = how === 'insert' ? place : place + bytes.length;
    if (how === 'truncate') return before.subarray(0, place);
    return Buffer.concat([before.subarray(0, place), how === 'delete' ? Buffer.alloc(0) : bytes, before.subarray(rest)]);
  }

  async function expectAccountedFor(dir: string, name: ExtractFileName): Promise<void> {
    try {
      const all = await readAll(await openExtract(dir, CATEGORIES), name);
      const lines = new Set(all.rejects.map(({ line }) => line));
      expect(all.read).toBe(all.rows.length + lines.size);
      expect(all.rows.some(({ line }) => lines.has(line))).toBe(false);
    } catch (error) {
      if (!(error instanceof ExtractRefused)) throw error;
    }
  }
});
