/** Reads the worked cases: Markdown tables of files, written by hand, each with the answer the policy gives. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CaseFile, Medium, Subject } from '../../rules/facts.ts';

export const CASES_AS_OF = '2026-11-22';

export interface WorkedCase {
  id: string;
  sentence: string;
  caseFile: CaseFile;
  /** Children of the family, where its cell names them. */
  familyChildren: Subject[];
  expected: ExpectedAnswer;
}

/** Words and dates as the product writes them; null where the cell is empty. */
export interface ExpectedAnswer {
  outcome: string;
  reason: string | null;
  rule: string | null;
  anchor_on: string | null;
  retain_until: string | null;
  eligible_from: string | null;
  action: string | null;
  review_on: string | null;
  blocks: string[];
  cautions: string[];
}

/** Every case of `test/cases`, by the title of its table. Throws, naming the case, at a word it does not know. */
export function readWorkedCases(): Map<string, WorkedCase[]> {
  const folder = fileURLToPath(new URL('../cases/', import.meta.url));
  const names = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');
  return new Map(names.sort().map((name) => [name, readTable(readFileSync(folder + name, 'utf8'), name)]));
}

type Row = Record<string, string>;

function readTable(text: string, name: string): WorkedCase[] {
  const [header, , ...lines] = text.split('\n').filter((line) => line.startsWith('|'));
  const columns = cellsOf(header ?? '');
  return lines.map((line) => {
    const cells = cellsOf(line);
    if (cells.length !== columns.length)
      throw new Error(`${name}: ${cells[0]} has ${cells.length} cells, the table has ${columns.length} columns.`);
    const row: Row = Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? '']));
    return readCase(row, name.replace(/\.md$/, ''));
  });
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function readCase(row: Row, title: string): WorkedCase {
  const id = cell(row, 'Case');
  const people = cell(row, 'About') === 'nobody' ? [] : listOf(cell(row, 'About'), ';');
  const [family, children] = cell(row, 'Family').split(': ');
  const familyChildren = listOf(children ?? '', ';').map((words, i) => readPerson(words, `${id}-F${i + 1}`));
  const caseFile: CaseFile = {
    fileRef: id,
    categories: listOf(cell(row, 'Categories') || title, ',').map(asWord),
    subjects: people.map((words, i) => readPerson(words, `${id}-${i + 1}`)),
    familyRef: family || null,
    ...readFacts(cell(row, 'The file'), id),
    location: null,
    familyBirths: familyChildren.map((child) => child.dateOfBirth),
    familyIncomplete: false,
  };
  return { id, sentence: cell(row, 'What it shows'), caseFile, familyChildren, expected: readExpected(row) };
}

function readExpected(row: Row): ExpectedAnswer {
  const [outcome, reason] = cell(row, 'Outcome').split(': ');
  return {
    outcome: outcome ?? '',
    reason: reason ? asWord(reason) : null,
    rule: cell(row, 'Rule') || null,
    anchor_on: isoOrNull(cell(row, 'Runs from')),
    retain_until: isoOrNull(cell(row, 'Kept until')),
    eligible_from: isoOrNull(cell(row, 'Listed from')),
    action: asWord(cell(row, 'Action')) || null,
    review_on: isoOrNull(cell(row, 'Review')),
    blocks: listOf(cell(row, 'Blocks'), ',').map(asWord),
    cautions: listOf(cell(row, 'Cautions'), ',').map(asWord),
  };
}

type FileFacts = Pick<
  CaseFile,
  | 'openedOn'
  | 'closedOn'
  | 'adoptionOrderOn'
  | 'approvalEndedOn'
  | 'notifiedOn'
  | 'lastEntryOn'
  | 'withdrawnOn'
  | 'childPlaced'
  | 'originalsHeld'
  | 'medium'
>;

const DATED: Record<string, keyof FileFacts> = {
  opened: 'openedOn',
  closed: 'closedOn',
  order: 'adoptionOrderOn',
  'approval ended': 'approvalEndedOn',
  notified: 'notifiedOn',
  'last entry': 'lastEntryOn',
  withdrawn: 'withdrawnOn',
};
const MEDIUM: Record<string, Medium> = { 'on paper': 'paper', 'paper and electronic': 'both' };

function readFacts(text: string, id: string): FileFacts {
  const dates = {
    openedOn: null,
    closedOn: null,
    adoptionOrderOn: null,
    approvalEndedOn: null,
    notifiedOn: null,
    lastEntryOn: null,
    withdrawnOn: null,
  };
  const facts: FileFacts = { ...dates, childPlaced: null, originalsHeld: null, medium: 'electronic' };
  for (const words of listOf(text, ',')) {
    const [, event, date] = /^(.*) (\d\d\/\d\d\/\d{4})$/.exec(words) ?? [];
    const field = DATED[event ?? ''];
    const medium = MEDIUM[words];
    if (field && date) Object.assign(facts, { [field]: isoOf(date) });
    else if (medium) facts.medium = medium;
    else if (words === 'child placed' || words === 'no child placed') facts.childPlaced = words === 'child placed';
    else if (words === 'originals held') facts.originalsHeld = true;
    else throw new Error(`${id}: "${words}" says nothing of a file that the tests know.`);
  }
  return facts;
}

function readPerson(text: string, personRef: string): Subject {
  const person: Subject = {
    personRef,
    name: `Person ${personRef}`,
    dateOfBirth: null,
    dateOfDeath: null,
    knownToAdultServices: false,
    posesRiskToChildren: false,
  };
  for (const words of listOf(text, ',')) {
    const [, event, date] = /^(born|died) ([\d/]+)$/.exec(words) ?? [];
    if (event === 'born' && date) person.dateOfBirth = isoOf(date);
    else if (event === 'died' && date) person.dateOfDeath = isoOf(date);
    else if (words === 'known to Adult Services') person.knownToAdultServices = true;
    else if (words === 'Adult Services not recorded') person.knownToAdultServices = null;
    else if (words === 'poses a risk') person.posesRiskToChildren = true;
    else if (words === 'risk not recorded') person.posesRiskToChildren = null;
    else if (words !== 'birth unknown') throw new Error(`${personRef}: "${words}" says nothing of a person that the tests know.`);
  }
  return person;
}

function cell(row: Row, column: string): string {
  return row[column] ?? '';
}

function listOf(text: string, separator: string): string[] {
  return text === '' ? [] : text.split(separator).map((part) => part.trim());
}

/** `child in care` or `child-in-care` as `child_in_care`. */
function asWord(words: string): string {
  return words.replaceAll(/[ -]/g, '_');
}

/** `21/11/2026` as `2026-11-21`, `11/2026` as `2026-11`. */
function isoOf(date: string): string {
  return date.split('/').reverse().join('-');
}

function isoOrNull(date: string): string | null {
  return date === '' ? null : isoOf(date);
}
