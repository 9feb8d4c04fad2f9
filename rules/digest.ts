/** What people sign: the canonical form of an item and of a list, and their SHA-256. */
import { createHash } from 'node:crypto';
import type { Caution } from './checks.ts';
import type { IsoDate } from './dates.ts';
import type { CaseFile } from './facts.ts';
import type { Decision, ReasonCode } from './workflow.ts';

/** A caution on an item, and who acknowledged it. */
export interface ItemCaution {
  caution: Caution;
  acknowledged_by: string | null;
  acknowledged_on: IsoDate | null;
}

export interface ItemDecision {
  decision: Decision;
  keep_until: IsoDate | null;
  reason_code: ReasonCode | null;
  note: string | null;
  decided_by: string;
  decided_on: IsoDate;
}

/** A document as it was when the file was listed; size in bytes, null where it could not be read then. */
export interface ListedDocument {
  path: string;
  size: number | null;
  sha256: string | null;
}

/** Everything that a decision and a signature are about. No status is part of it. */
export interface ItemContent {
  list: number;
  file_ref: string;
  rule: string;
  schedule_version: string;
  anchor_on: IsoDate;
  retain_until: IsoDate;
  action: string;
  cautions: ItemCaution[];
  decision: ItemDecision | null;
  documents: ListedDocument[];
  facts: ItemFacts;
}

/** Every fact of the file and its subjects but names and locations. */
export type ItemFacts = Omit<CaseFile, 'location' | 'familyBirths' | 'familyIncomplete' | 'subjects'> & {
  subjects: Omit<CaseFile['subjects'][number], 'name'>[];
};

/** The facts of a file that its item digest covers. */
export function itemFacts(caseFile: CaseFile): ItemFacts {
  const { location: _location, familyBirths: _births, familyIncomplete: _incomplete, subjects, ...facts } = caseFile;
  return { ...facts, subjects: subjects.map(({ name: _name, ...subject }) => subject) };
}

/** SHA-256, in hex, of the item's canonical JSON. */
export function itemDigest(content: ItemContent): string {
  return sha256(canonicalJson(content));
}

/** SHA-256, in hex, over the item digests in the order of the list, joined without a separator. */
export function listDigest(itemDigests: readonly string[]): string {
  return sha256(itemDigests.join(''));
}

/** JSON with sorted keys and no white space: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
    .join(',')}}`;
}

/** SHA-256 of a text as UTF-8, in hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
