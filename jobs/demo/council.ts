/** The sample council: a whole extract with its documents, invented, the same for the same day, and what becomes of it later. */
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse';
import type { IsoDate } from '../../rules/dates.ts';
import { caseDates, type CaseFile, type Subject } from '../../rules/facts.ts';
import { EXTRACT_FILES, EXTRACT_SPEC, type ExtractFileName } from '../../db/extractColumns.ts';
import { writeDocuments, type DocumentRow } from './documents.ts';
import { CHANGES, type Bundle, type Change, type Edit } from './draft.ts';
import { ExtractWriter } from './extractWriter.ts';
import { tellBundles } from './teller.ts';

export type { Change, Edit } from './draft.ts';

export interface CouncilOptions {
  asOf: IsoDate;
  /** Rows of files.csv: 2,000 unless said; never fewer than the stories need, about 250. */
  files?: number;
  /** Without them the extract has no documents.csv, and nothing is written under the document root. */
  documents?: boolean;
}

/** A cell that the import must refuse; `ref` is null where it is the reference itself that is missing. */
export interface MalformedCell {
  file: ExtractFileName;
  ref: string | null;
  column: string;
}

/** Rows of files.csv, people.csv and documents.csv, and where to find what. */
export interface Council {
  files: number;
  people: number;
  documents: number;
  /** References of files that show a rule, block, caution, reason or flaw, by its name; a rule's are candidates by it. */
  landmarks: Record<string, string[]>;
  malformed: MalformedCell[];
  /** What `writeNextExtract` changes. */
  edits: Edit[];
}

/** Which files a later extract has otherwise; `mended` are files whose own or whose person's row is good now. */
export type NextExtract = Record<Exclude<Change, 'mended'>, string> & { mended: string[] };

/** Writes the extract into `dir` and its documents under `documentRoot`. The same options always give the same bytes. */
export async function writeCouncil(dir: string, documentRoot: string, options: CouncilOptions): Promise<Council> {
  const withDocuments = options.documents ?? true;
  const council: Council = { files: 0, people: 0, documents: 0, landmarks: {}, malformed: [], edits: [] };
  const writer = await ExtractWriter.start(
    dir,
    EXTRACT_FILES.filter((name) => withDocuments || name !== 'documents.csv'),
  );
  for (const { bundle, shows, shown } of tellBundles(options.asOf, options.files ?? 2_000, withDocuments)) {
    addRows(writer, bundle);
    if (withDocuments) writer.add('documents.csv', (await writeDocuments(documentRoot, bundle, options.asOf)).map(documentCells));
    for (const name of shows) (council.landmarks[name] ??= []).push(shown);
    for (const row of malformedIn(bundle)) if (withDocuments || row.file !== 'documents.csv') council.malformed.push(row);
    council.edits.push(...bundle.edits.filter((edit) => withDocuments || edit.file !== 'documents.csv'));
    await writer.flush();
  }
  await writer.finish(exportedOn(options.asOf));
  return { ...council, files: writer.count('files.csv'), people: writer.count('people.csv'), documents: writer.count('documents.csv') };
}

/**
 * Writes into `nextDir` the extract of a later night: that of `dir`, which `writeCouncil` wrote, with the council's edits.
 * `asOf` is that night. Documents stay as they are.
 */
export async function writeNextExtract(
  dir: string,
  nextDir: string,
  { asOf, edits }: { asOf: IsoDate; edits: readonly Edit[] },
): Promise<NextExtract> {
  const names: ExtractFileName[] = [];
  for (const name of EXTRACT_FILES) if (await isThere(join(dir, name))) names.push(name);
  const writer = await ExtractWriter.start(nextDir, names);
  for (const name of names) {
    const edited = editor(name, edits);
    let isHeader = true;
    for await (const cells of createReadStream(join(dir, name)).pipe(parse()) as AsyncIterable<string[]>) {
      if (!isHeader) writer.add(name, edited(cells));
      isHeader = false;
      await writer.flush();
    }
  }
  await writer.finish(exportedOn(asOf));
  return changesOf(edits);
}

function addRows(writer: ExtractWriter, bundle: Bundle): void {
  const spoiled = (name: ExtractFileName, row: CaseFile | Subject, cells: string[]) => {
    const flaws = bundle.spoiled.filter((flaw) => flaw.row === row && flaw.file === name);
    for (const { column, written } of flaws) cells[placeOf(name, column)] = written;
    return cells;
  };
  writer.add(
    'people.csv',
    bundle.people.map((person) => spoiled('people.csv', person, personCells(person))),
  );
  writer.add(
    'families.csv',
    bundle.families.map(({ familyRef, childRef }) => [familyRef, childRef]),
  );
  writer.add(
    'files.csv',
    bundle.files.map((file) => spoiled('files.csv', file, fileCells(file))),
  );
}

function malformedIn(bundle: Bundle): MalformedCell[] {
  const spoiled = bundle.spoiled.map(({ file, row, column }) => {
    const ref = 'fileRef' in row ? row.fileRef : row.personRef;
    return { file, ref: column === EXTRACT_SPEC[file].reference ? null : ref, column };
  });
  const documents = bundle.badDocument.map(({ fileRef }): MalformedCell => ({ file: 'documents.csv', ref: fileRef, column: 'sha256' }));
  return [...spoiled, ...documents];
}

function personCells(person: Subject): string[] {
  return [
    person.personRef,
    person.name ?? '',
    person.dateOfBirth ?? '',
    person.dateOfDeath ?? '',
    yesNo(person.knownToAdultServices),
    yesNo(person.posesRiskToChildren),
  ];
}

function fileCells(file: CaseFile): string[] {
  const dates = caseDates(file);
  return [
    file.fileRef,
    file.categories.join(';'),
    file.subjects.map((subject) => subject.personRef).join(';'),
    file.familyRef ?? '',
    ...dates.map((date) => date ?? ''),
    yesNo(file.childPlaced),
    yesNo(file.originalsHeld),
    file.medium ?? '',
    file.location ?? '',
  ];
}

function documentCells({ fileRef, path, sha256 }: DocumentRow): string[] {
  return [fileRef, path, sha256];
}

function yesNo(value: boolean | null): string {
  return value === null ? '' : value ? 'yes' : 'no';
}

/** Returns what becomes of a row: itself, changed, or none. */
function editor(name: ExtractFileName, edits: readonly Edit[]): (cells: string[]) => string[][] {
  const byRef = new Map(edits.filter((edit) => edit.file === name).map((edit) => [edit.ref, edit]));
  const seen = new Set<string>();
  return (cells) => {
    const ref = cells[0] ?? '';
    const edit = byRef.get(ref);
    if (!edit) return [cells];
    if ('drop' in edit) {
      const keeps = edit.drop === 'repeated_row' && !seen.has(ref);
      seen.add(ref);
      return keeps ? [cells] : [];
    }
    return [cells.with(placeOf(name, edit.column), edit.becomes)];
  };
}

function changesOf(edits: readonly Edit[]): NextExtract {
  const refs = (change: Change) => [...new Set(edits.filter((edit) => edit.change === change).map((edit) => edit.caseFile))];
  const single = CHANGES.filter((change) => change !== 'mended').map((change) => [change, refs(change)[0] ?? '']);
  return { ...(Object.fromEntries(single) as Record<Exclude<Change, 'mended'>, string>), mended: refs('mended') };
}

function placeOf(name: ExtractFileName, column: string): number {
  return EXTRACT_SPEC[name].columns.findIndex((spec) => spec.name === column);
}

/** The small hours of the day, when such exports run. */
function exportedOn(asOf: IsoDate): string {
  return `${asOf}T01:05:00.000Z`;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
