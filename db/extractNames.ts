/** Names of the files and columns of an extract, compared as the people who write them mean them. */
import { EXTRACT_FILES, shown } from './extractColumns.ts';
import { ExtractRefused } from './extractRefused.ts';

/** What the source says of its extract; see db/extractNote.ts. */
export const NOTE = 'extract.json';
export const KNOWN_FILES = [...EXTRACT_FILES, NOTE] as const;
export type KnownFile = (typeof KNOWN_FILES)[number];

/** A name without what differs from export to export: letter case, spaces, hyphens and underscores, and what cannot be seen. */
export function plainName(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{Pd}\p{Cf}_]+/gu, '');
}

/** Which of the names found is which file that we know. Throws ExtractRefused where two are the same one. */
export function knownFiles(found: readonly string[]): Map<KnownFile, string> {
  const known = new Map<KnownFile, string>();
  for (const name of found) {
    const file = KNOWN_FILES.find((candidate) => plainName(candidate) === plainName(name));
    if (file === undefined) continue;
    const other = known.get(file);
    if (other !== undefined) {
      throw new ExtractRefused(file, `it is there twice, as ${shown(other)} and as ${shown(name)}`, 'Keep the right one and import again');
    }
    known.set(file, name);
  }
  return known;
}
