/** The documents of the sample council: small invented texts, their places under the document root, and their digests. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { IsoDate } from '../../rules/dates.ts';
import type { CaseFile } from '../../rules/facts.ts';
import { Chance } from './chance.ts';
import type { Bundle } from './draft.ts';

export interface DocumentRow {
  fileRef: string;
  path: string;
  /** Empty where the source system has none. */
  sha256: string;
}

/** A text with its place, not yet written. */
interface Document {
  path: string;
  text: string;
}

/** Writes the documents of a bundle under `root` and returns their rows. Each file's depend on its reference and `asOf` alone. */
export async function writeDocuments(root: string, bundle: Bundle, asOf: IsoDate): Promise<DocumentRow[]> {
  const rows: DocumentRow[] = [];
  const written: Promise<void>[] = [];
  const add = (document: Document, owners: CaseFile[], chance: Chance) => {
    written.push(writeDocument(root, document));
    const sha256 = chance.happens(0.85) ? createHash('sha256').update(document.text).digest('hex') : '';
    for (const owner of owners) rows.push({ fileRef: owner.fileRef, path: document.path, sha256 });
  };
  for (const file of bundle.files) {
    const chance = new Chance(`${asOf} ${file.fileRef}`);
    if (!bundle.withoutDocuments.has(file)) for (const document of documentsOf(file, chance)) add(document, [file], chance);
  }
  for (const [first, second] of bundle.sharing) {
    const chance = new Chance(`${asOf} ${first.fileRef} ${second.fileRef}`);
    add(
      { path: `shared/${first.fileRef} and sibling/joint report.txt`, text: textOf(first, 'joint report', chance, 30) },
      [first, second],
      chance,
    );
  }
  for (const file of bundle.badDocument)
    rows.push({ fileRef: file.fileRef, path: `${file.fileRef}/scan of letter.txt`, sha256: 'not a digest' });
  await Promise.all(written);
  return rows;
}

/** Plain names, sub-folders, spaces, accents and other alphabets, as people give them. */
const TITLES = [
  'chronology.txt',
  'chronology.txt',
  'case notes.txt',
  'closing summary.txt',
  'assessment.txt',
  'assessments/core assessment (final).txt',
  'correspondence/letter to school.txt',
  'court/statement.txt',
  'résumé of visits.txt',
  'übersicht.txt',
  'reviews/review #2.txt',
  'żądanie & reply.txt',
] as const;

const SENTENCES = [
  'A home visit took place as planned.',
  'The school reports regular attendance.',
  'A further meeting was arranged with the health visitor.',
  'The plan was reviewed and remains in place.',
  'No new concerns were raised.',
  'Transport to the contact session was agreed.',
  'The panel noted the report.',
  'A copy was sent to the reviewing officer.',
] as const;

function documentsOf(file: CaseFile, chance: Chance): Document[] {
  const titles = new Set(Array.from({ length: chance.pick([0, 1, 1, 1, 2, 3]) }, () => chance.pick(TITLES)));
  return [...titles].map((title) => ({
    path: `${file.fileRef}/${title}`,
    text: textOf(file, title, chance, chance.happens(0.01) ? 4000 : 40),
  }));
}

function textOf(file: CaseFile, title: string, chance: Chance, mostSentences: number): string {
  const sentences = Array.from({ length: chance.between(1, mostSentences) }, () => chance.pick(SENTENCES));
  return `Invented sample: ${title}, case file ${file.fileRef}\n\n${sentences.join('\n')}\n`;
}

async function writeDocument(root: string, { path, text }: Document): Promise<void> {
  const place = join(root, path);
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  await writeFile(place, text, { mode: 0o600 });
}
