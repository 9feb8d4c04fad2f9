/** Holds the sample council to what it promises: repeatable, readable, every case there and as claimed, births found nowhere else. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXTRACT_FILES, openExtract, type ExtractFileName, type RejectedRow } from '../db/extract.ts';
import { unsafePathReason } from '../db/documentPath.ts';
import { writeCouncil, writeNextExtract, type Council, type NextExtract } from '../jobs/demo/council.ts';
import { blocksOfFacts, cautionsOfFacts, statutoryMinimum } from '../rules/checks.ts';
import { addDays, anniversary, dayAfter, possibleDays } from '../rules/dates.ts';
import { CONTRADICTIONS, determine, GAPS, isDue, WAITS, type Determination } from '../rules/determine.ts';
import type { CaseFile, Medium, Subject } from '../rules/facts.ts';
import { shippedSchedule } from '../rules/schedule.ts';

const AS_OF = '2026-11-22';
const NEXT = '2026-11-23';
const schedule = shippedSchedule();

let folder: string;
let council: Council;
let register: Register;
let nextRegister: Register;
let changes: NextExtract;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'council-'));
  council = await writeCouncil(at('extract'), at('documents'), { asOf: AS_OF });
  changes = await writeNextExtract(at('extract'), at('next'), { asOf: NEXT, edits: council.edits });
  register = await readRegister(at('extract'), AS_OF);
  nextRegister = await readRegister(at('next'), NEXT);
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the sample council', () => {
  test('is the same for the same day, to the byte, and another for another day', { timeout: 60_000 }, async () => {
    await writeCouncil(at('again'), at('documents-again'), { asOf: AS_OF });
    expect(await digestOf(at('again'))).toBe(await digestOf(at('extract')));
    expect(await digestOf(at('documents-again'))).toBe(await digestOf(at('documents')));
    await writeCouncil(at('other'), '', { asOf: '2026-11-24', documents: false, files: 300 });
    expect(await digestOf(at('other'))).not.toBe(await digestOf(at('extract')));
  });

  test('counts its rows, and extract.json says the same', async () => {
    expect(council).toMatchObject({
      files: register.read['files.csv'],
      people: register.read['people.csv'],
      documents: register.read['documents.csv'],
    });
    for (const [dir, { read }] of [
      ['extract', register],
      ['next', nextRegister],
    ] as const) {
      const note = JSON.parse(await readFile(join(at(dir), 'extract.json'), 'utf8')) as { rows: Record<string, number> };
      expect(note.rows).toEqual(read);
    }
    expect(council.files).toBe(2_000);
  });

  test('has exactly the malformed cells it means to have', () => {
    const found = register.rejects.map(({ file, ref, column }) => ({ file, ref, column }));
    expect(inOrder(found)).toEqual(inOrder(council.malformed));
    const reasons = register.rejects.map((reject) => reject.reason).join('\n');
    for (const words of ['write the year with four digits', '"lac": no such category', 'empty: every row needs it', 'a sha256 is'])
      expect(reasons).toContain(words);
  });

  test('refuses the files with a flaw of their own or of their people, and no others', () => {
    const names = ['two_digit_year', 'unknown_category', 'person_twice', 'person_missing', 'reference_missing'];
    const refused = names.flatMap((name) => landmark(name));
    expect([...register.refused].sort()).toEqual(refused.sort());
    for (const name of names) expect(landmark(name).length, name).toBeGreaterThan(1);
  });

  test('has some hundreds of files due, most of them not yet', () => {
    const due = register.checked.filter((file) => file.due);
    expect(due.length).toBeGreaterThan(150);
    expect(due.length).toBeLessThan(250);
  });

  test.each(schedule.rules.map((rule) => rule.id))('has candidates by %s, or for good where it is permanent', (id) => {
    for (const file of shownBy(id)) {
      expect(file.determination).toMatchObject({ rule: { id } });
      if (id === 'adult-posing-risk') expect(file.determination.outcome, file.ref).toBe('permanent');
      else expect({ due: file.due, blocks: file.blocks }, file.ref).toEqual({ due: true, blocks: [] });
    }
  });

  test.each(['open', 'referred', 'statutory_minimum', 'quarantined', 'doubtful_birth'])(
    'has due files that are %s, and nothing else',
    (block) => {
      for (const file of shownBy(block)) expect({ due: file.due, blocks: file.blocks }, file.ref).toEqual({ due: true, blocks: [block] });
    },
  );

  test.each([
    'interpretation',
    'estimated_birth',
    'death_shortens',
    'adult_services_unknown',
    'originals_held',
    'sibling_live',
    'several_subjects',
    'child_placed',
    'review_outstanding',
    'paper',
  ])('has candidates with the caution %s', (caution) => {
    for (const file of shownBy(caution)) {
      expect({ due: file.due, blocks: file.blocks }, file.ref).toEqual({ due: true, blocks: [] });
      expect(file.cautions, file.ref).toContain(caution);
    }
  });

  /** These two reasons exist for other schedules: under this one no rule runs from a death or a withdrawal that it does not ask for first. */
  const unreachable = ['death_unknown', 'withdrawal_unknown'];
  test.each([...CONTRADICTIONS, ...GAPS, ...WAITS].filter((reason) => !unreachable.includes(reason)))(
    'has files without a date for the reason %s',
    (reason) => {
      for (const file of shownBy(reason)) expect(file.determination, file.ref).toMatchObject({ reason });
    },
  );

  test('has the other cases that its landmarks name', () => {
    const claims: Record<string, (file: CheckedFile) => boolean> = {
      transfer_to_adult_file: (file) =>
        isDue(file.determination, AS_OF) && file.determination.action === 'transfer_to_adult_file' && file.blocks.length === 0,
      eligible_today: ({ determination }) => determination.outcome === 'expires' && determination.eligibleFrom === AS_OF,
      eligible_tomorrow: ({ determination }) => determination.outcome === 'expires' && determination.eligibleFrom === NEXT,
      leap_day_birth: ({ caseFile }) => caseFile.subjects.some((subject) => subject.dateOfBirth?.endsWith('-02-29')),
      year_of_birth: ({ caseFile }) => caseFile.subjects.some((subject) => subject.dateOfBirth?.length === 4),
      month_of_birth: ({ caseFile }) => caseFile.subjects.some((subject) => subject.dateOfBirth?.length === 7),
      several_categories: ({ caseFile }) => caseFile.categories.length > 1,
      siblings_on_one_file: ({ caseFile }) => caseFile.subjects.length > 1 && caseFile.familyBirths.length > 1,
      paper_and_originals: ({ cautions }) => cautions.includes('paper') && cautions.includes('originals_held'),
      shared_document: ({ ref }) => register.documents.some((document) => document.ref === ref && document.owners > 1),
      malformed_document: ({ ref }) => register.rejects.some((reject) => reject.file === 'documents.csv' && reject.ref === ref),
      century_mistyped: ({ caseFile }) => caseFile.subjects.some((subject) => (subject.dateOfBirth ?? '9') < '1920'),
      born_after_closure: ({ caseFile }) => caseFile.subjects.some((subject) => (subject.dateOfBirth ?? '') > (caseFile.closedOn ?? '9')),
      placeholder_birth: ({ caseFile }) =>
        caseFile.subjects.some((subject) => ['1900-01-01', '1901-01-01'].includes(subject.dateOfBirth ?? '')),
      flagged_subject: ({ determination }) => determination.outcome === 'permanent' && determination.flagged,
      no_subject: ({ caseFile }) => caseFile.subjects.length === 0,
      review_not_dated: ({ caseFile, determination }) =>
        caseFile.categories.includes('safeguarding_unit') && determination.reviewOn === null,
    };
    for (const [name, holds] of Object.entries(claims))
      for (const file of shownBy(name)) expect(holds(file), `${name} ${file.ref}`).toBe(true);
  });

  test('says where everything on paper is', () => {
    const onPaper = register.checked.filter(({ caseFile }) => caseFile.medium !== 'electronic');
    expect(onPaper.length).toBeGreaterThan(100);
    expect(onPaper.filter(({ caseFile }) => caseFile.location === null)).toEqual([]);
  });

  test('has every document it lists, with the digest it gives for most of them', async () => {
    const digests = register.documents.map((document) => document.sha256 !== null);
    expect(digests.filter((given) => given).length / digests.length).toBeGreaterThan(0.7);
    expect(digests).toContain(false);
    for (const { path, sha256 } of register.documents) {
      const bytes = await readFile(join(at('documents'), path));
      if (sha256 !== null) expect(createHash('sha256').update(bytes).digest('hex'), path).toBe(sha256);
    }
    const paths = register.documents.map((document) => document.path).join('\n');
    expect(paths).toMatch(/ /);
    expect(paths).toMatch(/é/);
    expect(paths).toMatch(/CF-\d+\/[a-z]+\/./);
  });

  test('can be written by the ten thousand, without documents', { timeout: 60_000 }, async () => {
    const large = await writeCouncil(at('large'), at('none'), { asOf: AS_OF, files: 10_000, documents: false });
    expect(large).toMatchObject({ files: 10_000, documents: 0 });
    expect(await readdir(at('large'))).not.toContain('documents.csv');
    expect(inOrder((await readRegister(at('large'), AS_OF)).rejects.map(({ file, ref, column }) => ({ file, ref, column })))).toEqual(
      inOrder(large.malformed),
    );
  });
});

describe('births and names of the sample council', () => {
  test('no full birth is another date of either extract, or one that a determination prints', () => {
    const births = new Set([...register.births, ...nextRegister.births].filter((birth) => birth.length === 10));
    const printed = new Set([...otherDates(register), ...otherDates(nextRegister)]);
    expect(births.size).toBeGreaterThan(1_500);
    expect([...births].filter((birth) => printed.has(birth))).toEqual([]);
  });

  test('no birth known by its month is told by a day of it', () => {
    const months = register.births.filter((birth) => birth.length === 7);
    const printed = [...otherDates(register), ...otherDates(nextRegister)];
    expect(months.length).toBeGreaterThan(1);
    expect(printed.filter((date) => months.includes(date.slice(0, 7)))).toEqual([]);
  });

  test('no birth lies within 400 days of the day, so that no run of a demonstration bears its date', () => {
    const near = register.births.filter((birth) => birth >= addDays(AS_OF, -400) && possibleDays(birth).latest <= addDays(AS_OF, 400));
    expect(near).toEqual([]);
  });

  test('no name or birth stands in a reference, a path, a place or a document', async () => {
    const words = new Set(register.names.flatMap((name) => name.split(' ')));
    const elsewhere = [await textsUnder(at('documents')), await withoutPeople(at('extract')), await withoutPeople(at('next'))].join('\n');
    expect(wordsOf(elsewhere).filter((word) => words.has(word))).toEqual([]);
    const births = new Set(register.births.filter((birth) => birth.length > 4));
    expect((elsewhere.match(/\d{4}-\d{2}(-\d{2})?/g) ?? []).filter((date) => births.has(date))).toEqual([]);
  });

  test('no part of a name is in a word of the product', async () => {
    const sources = await Promise.all(
      ['rules', 'db', 'reports', 'jobs'].map((dir) => textsUnder(join(import.meta.dirname, '..', dir), 'demo')),
    );
    const words = new Set(wordsOf(sources.join('\n').toLowerCase()));
    const names = new Set(register.names.flatMap((name) => name.toLowerCase().split(' ')));
    expect([...names].filter((name) => [...words].some((word) => word.includes(name)))).toEqual([]);
  });
});

describe('the extract of a later night', () => {
  test('differs in the few rows it names, and in no others', async () => {
    const [before, after] = [await linesOf(at('extract')), await linesOf(at('next'))];
    const [linesBefore, linesAfter] = [new Set(before), new Set(after)];
    const rowsEdited = council.edits.filter((edit) => edit.file !== 'documents.csv').length;
    const documentsGone = register.documents.filter((document) => document.ref === changes.gone).length;
    expect(before.filter((line) => !linesAfter.has(line)).length).toBe(rowsEdited + documentsGone);
    expect(after.filter((line) => !linesBefore.has(line)).length).toBe(council.edits.filter((edit) => 'becomes' in edit).length);
  });

  test('takes up files that were due candidates, but for the one whose category goes', () => {
    for (const ref of [changes.gone, changes.quarantined, changes.birth_corrected, changes.reopened]) {
      expect({ due: checked(register, ref).due, blocks: checked(register, ref).blocks }, ref).toEqual({ due: true, blocks: [] });
    }
    expect(checked(register, changes.shortened).due).toBe(false);
  });

  test('lacks one file, shortens one, re-opens one, corrects a birth and spoils a person', () => {
    expect(nextRegister.checked.some((file) => file.ref === changes.gone)).toBe(false);
    expect(nextRegister.documents.some((document) => document.ref === changes.gone)).toBe(false);
    expect(checked(nextRegister, changes.shortened)).toMatchObject({ due: true, blocks: [] });
    expect(checked(nextRegister, changes.reopened)).toMatchObject({ due: true, blocks: ['open'] });
    expect(checked(nextRegister, changes.birth_corrected).due).toBe(false);
    expect(nextRegister.refused).toContain(changes.quarantined);
  });

  test('has some rows mended, so that their files land at last', () => {
    expect(changes.mended.length).toBeGreaterThan(4);
    for (const ref of changes.mended) {
      expect(register.refused, ref).toContain(ref);
      expect(nextRegister.refused, ref).not.toContain(ref);
    }
    expect(nextRegister.refused.length).toBeGreaterThan(2);
  });
});

interface CheckedFile {
  ref: string;
  caseFile: CaseFile;
  determination: Determination;
  due: boolean;
  blocks: string[];
  cautions: string[];
}

/** An extract as the import would take it in on a first night. */
interface Register {
  read: Partial<Record<ExtractFileName, number>>;
  rejects: (RejectedRow & { file: ExtractFileName })[];
  refused: string[];
  names: string[];
  births: string[];
  documents: { ref: string; path: string; sha256: string | null; owners: number }[];
  checked: CheckedFile[];
}

type Cells = Record<string, string | string[] | boolean | null>;

async function readRegister(dir: string, asOf: string): Promise<Register> {
  const extract = await openExtract(dir, Object.keys(schedule.categories), { unsafePathReason });
  const rows: Record<ExtractFileName, Cells[]> = { 'people.csv': [], 'families.csv': [], 'files.csv': [], 'documents.csv': [] };
  const read: Register['read'] = {};
  const rejects: Register['rejects'] = [];
  for (const name of EXTRACT_FILES) {
    const file = extract.files[name];
    for await (const batch of file.batches()) {
      for (const row of batch.rows) rows[name].push(Object.fromEntries(file.columns.map((column, i) => [column, row.cells[i] ?? null])));
      for (const reject of batch.rejects) rejects.push({ file: name, ...reject });
      read[name] = (read[name] ?? 0) + batch.read;
    }
  }
  const people = new Map(onceOnly(rows['people.csv'], 'person_ref').map((row) => [text(row.person_ref), subjectOf(row)]));
  const births = familyBirths(rows['families.csv'], people);
  const linked = onceOnly(rows['files.csv'], 'file_ref').filter((row) => list(row.subject_refs).every((ref) => people.has(ref)));
  const landed = new Set(linked);
  const caseFiles = linked.map((row) => caseFileOf(row, people, births));
  const unread = rejects.filter((reject) => reject.file === 'files.csv').map((reject) => reject.ref);
  const unlinked = rows['files.csv'].filter((row) => !landed.has(row)).map((row) => text(row.file_ref));
  return {
    read,
    rejects,
    refused: [...unlinked, ...unread.filter((ref) => ref !== null)],
    names: rows['people.csv'].map((row) => text(row.name)),
    births: rows['people.csv'].map((row) => text(row.date_of_birth)).filter((birth) => birth !== ''),
    documents: documentsOf(rows['documents.csv']),
    checked: check(caseFiles, rejects, asOf),
  };
}

function check(caseFiles: CaseFile[], rejects: Register['rejects'], asOf: string): CheckedFile[] {
  const withBadDocument = new Set(rejects.filter((reject) => reject.file === 'documents.csv').map((reject) => reject.ref));
  const files = caseFiles.map((caseFile) => {
    const determination = determine(caseFile, schedule, asOf);
    return { ref: caseFile.fileRef, caseFile, determination, due: isDue(determination, asOf) };
  });
  const live = new Map<string | null, string[]>();
  for (const { ref, caseFile, due } of files) {
    if (caseFile.closedOn === null || !due) live.set(caseFile.familyRef, [...(live.get(caseFile.familyRef) ?? []).slice(0, 1), ref]);
  }
  return files.map((file) => {
    const { caseFile, determination } = file;
    const blocks: string[] = blocksOfFacts(caseFile, determination, schedule, asOf);
    const cautions: string[] = cautionsOfFacts(caseFile, determination, schedule, asOf);
    if (withBadDocument.has(file.ref)) blocks.push('quarantined');
    if (caseFile.familyRef !== null && live.get(caseFile.familyRef)?.some((ref) => ref !== file.ref)) cautions.push('sibling_live');
    if (determination.reviewOn !== null && determination.reviewOn <= asOf) cautions.push('review_outstanding');
    return { ...file, blocks, cautions };
  });
}

function subjectOf(row: Cells): Subject {
  return {
    personRef: text(row.person_ref),
    name: textOrNull(row.name),
    dateOfBirth: textOrNull(row.date_of_birth),
    dateOfDeath: textOrNull(row.date_of_death),
    knownToAdultServices: yesNo(row.known_to_adult_services),
    posesRiskToChildren: yesNo(row.poses_risk_to_children),
  };
}

function caseFileOf(row: Cells, people: Map<string, Subject>, births: Map<string, (string | null)[]>): CaseFile {
  return {
    fileRef: text(row.file_ref),
    categories: list(row.categories),
    subjects: list(row.subject_refs).flatMap((ref) => people.get(ref) ?? []),
    familyRef: textOrNull(row.family_ref),
    openedOn: textOrNull(row.opened_on),
    closedOn: textOrNull(row.closed_on),
    adoptionOrderOn: textOrNull(row.adoption_order_on),
    approvalEndedOn: textOrNull(row.approval_ended_on),
    notifiedOn: textOrNull(row.notified_on),
    lastEntryOn: textOrNull(row.last_entry_on),
    withdrawnOn: textOrNull(row.withdrawn_on),
    childPlaced: yesNo(row.child_placed),
    originalsHeld: yesNo(row.originals_held),
    medium: textOrNull(row.medium) as Medium | null,
    location: textOrNull(row.location),
    familyBirths: births.get(text(row.family_ref)) ?? [],
    familyIncomplete: false,
  };
}

function familyBirths(rows: Cells[], people: Map<string, Subject>): Map<string, (string | null)[]> {
  const births = new Map<string, (string | null)[]>();
  for (const row of rows)
    births.set(text(row.family_ref), [...(births.get(text(row.family_ref)) ?? []), people.get(text(row.child_ref))?.dateOfBirth ?? null]);
  return births;
}

function documentsOf(rows: Cells[]): Register['documents'] {
  const owners = new Map<string, number>();
  for (const row of rows) owners.set(text(row.path), (owners.get(text(row.path)) ?? 0) + 1);
  return rows.map((row) => ({
    ref: text(row.file_ref),
    path: text(row.path),
    sha256: textOrNull(row.sha256),
    owners: owners.get(text(row.path)) ?? 0,
  }));
}

function otherDates({ checked: files }: Register): Set<string> {
  const dates = files.flatMap(({ caseFile: file, determination }) => [
    file.openedOn,
    file.closedOn,
    file.adoptionOrderOn,
    file.approvalEndedOn,
    file.notifiedOn,
    file.lastEntryOn,
    file.withdrawnOn,
    determination.reviewOn,
    statutoryMinimum(file, schedule)?.until ?? null,
    ...file.subjects.flatMap(({ dateOfBirth, dateOfDeath }) => [
      dateOfDeath,
      dateOfBirth && anniversary(possibleDays(dateOfBirth).latest, 18),
    ]),
    ...determination.pairs.flatMap((pair) => {
      if (pair.outcome !== 'expires') return [];
      const period = [pair.retainUntil, dayAfter(pair.retainUntil)];
      return pair.anchor === 'birth' ? period : [pair.anchorOn, ...period];
    }),
  ]);
  const ownDates = [AS_OF, NEXT, '2023-06-09', '2005-12-30'];
  return new Set([...ownDates, ...dates.filter((date) => date !== null)]);
}

function shownBy(name: string): CheckedFile[] {
  expect(landmark(name).length, name).toBeGreaterThan(1);
  return landmark(name).map((ref) => checked(register, ref));
}

function landmark(name: string): string[] {
  return council.landmarks[name] ?? [];
}

function checked({ checked: files }: Register, ref: string): CheckedFile {
  const file = files.find((candidate) => candidate.ref === ref);
  if (!file) throw new Error(`${ref} is not in the register.`);
  return file;
}

function at(name: string): string {
  return join(folder, name);
}

async function digestOf(dir: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of await filesUnder(dir))
    hash
      .update(path)
      .update('\0')
      .update(await readFile(join(dir, path)));
  return hash.digest('hex');
}

async function filesUnder(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

async function textsUnder(dir: string, except = '\0'): Promise<string> {
  const paths = (await filesUnder(dir)).filter((path) => !path.startsWith(except));
  return (await Promise.all(paths.map((path) => readFile(join(dir, path), 'utf8')))).concat(paths).join('\n');
}

async function withoutPeople(dir: string): Promise<string> {
  return (await Promise.all(['families.csv', 'files.csv', 'documents.csv'].map((name) => readFile(join(dir, name), 'utf8')))).join('\n');
}

async function linesOf(dir: string): Promise<string[]> {
  const texts = await Promise.all(EXTRACT_FILES.map((name) => readFile(join(dir, name), 'utf8')));
  return texts.flatMap((csv, i) => csv.split('\n').map((line) => `${EXTRACT_FILES[i]} ${line}`));
}

function wordsOf(words: string): string[] {
  return words.match(/\p{L}+/gu) ?? [];
}

function onceOnly(rows: Cells[], key: string): Cells[] {
  const seen = new Map<string, number>();
  for (const row of rows) seen.set(text(row[key]), (seen.get(text(row[key])) ?? 0) + 1);
  return rows.filter((row) => seen.get(text(row[key])) === 1);
}

function inOrder(cells: object[]): string[] {
  return cells.map((cell) => JSON.stringify(Object.entries(cell).sort())).sort();
}

function text(value: Cells[string] | undefined): string {
  return typeof value === 'string' ? value : '';
}

function textOrNull(value: Cells[string] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function list(value: Cells[string] | undefined): string[] {
  return Array.isArray(value) ? value : [];
}

function yesNo(value: Cells[string] | undefined): boolean | null {
  return typeof value === 'boolean' ? value : null;
}
