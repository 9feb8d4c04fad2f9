/** The two tables of a disposal certificate, in words, wherever it is shown. */
import type { Certificate } from '../db/certificates.ts';
import { shortDate } from '../rules/dates.ts';

/** What became of the files of the list, in rows: words and how many. */
export function certificateCounts({ items, expected, actual, not_covered }: Certificate): [string, number][] {
  return [
    ['On the list', items],
    ['Approved, so expected to go', expected],
    ['Moved to the archive', actual.archived],
    ['Transferred to the person’s file in Adult Services', actual.transferred],
    ['Brought back before the list was complete', actual.restored],
    ['Approved, and then withdrawn', actual.withdrawn],
    ['Kept', not_covered.kept],
    ['Referred', not_covered.referred],
    ['Withdrawn, in all', not_covered.withdrawn],
  ];
}

export const COVERED_HEADS = ['File', 'Archived on', 'Approved by', 'Documents', 'Received as', 'SHA-256 of the bag'] as const;

/** The files that were moved, a row each under COVERED_HEADS. */
export function coveredFiles({ files }: Certificate): (string | null)[][] {
  return files.map((file) => [
    file.file_ref,
    shortDate(file.archived_on),
    file.decided_by,
    `${file.documents.packed} of ${file.documents.expected}`,
    file.adult_file_ref,
    file.bag_sha256,
  ]);
}
