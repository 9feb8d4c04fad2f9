/** The letter to a person who asked whether there is a file about them: what we hold and held, in plain words, and how to ask for it. */
import type { FoundFile, LookedFor } from '../../db/find.ts';
import { longDate, type IsoDate, type PartialDate } from '../../rules/dates.ts';

export interface Letter {
  date: string;
  /** As recorded, or as they gave it where nothing is recorded; null when only a birth was given. */
  to: string | null;
  born: PartialDate | null;
  paragraphs: string[];
}

/**
 * The letter about these files, which are all of one person; about none when none was found. It names no file and says no
 * kind of file: a letter is opened by others, and which file is an adoption's is not for an envelope.
 */
export function letterTo(files: readonly FoundFile[], wanted: LookedFor, asOf: IsoDate): Letter {
  const [first] = files;
  return {
    date: longDate(asOf),
    to: first ? first.name : wanted.name,
    born: first ? first.date_of_birth : wanted.born,
    paragraphs: first
      ? files.map(fileInWords)
      : [
          'We looked in our register and in our archive for a file about you, and found none.',
          'Files are kept under the name and date of birth recorded at the time. If you had another name, tell us, and we look again.',
        ],
  };
}

function fileInWords({ where, archived_on, adult_file_ref }: FoundFile): string {
  if (where === 'register' || archived_on === null) return 'We hold a file about you. You can ask for it.';
  const went =
    adult_file_ref === null
      ? `It was moved to the archive on ${longDate(archived_on)}, after the period our policy sets.`
      : `It was joined to your file in Adult Services on ${longDate(archived_on)}, after the period our policy sets.`;
  return `We held a file about you. ${went} You can still ask for it.`;
}
