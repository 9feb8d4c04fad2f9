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
 * The letter to a person of this name about these files, which are all of one person; about none when none was found. It names
 * no file and says no kind of file: a letter is opened by others, and which file is an adoption's is not for an envelope.
 */
export function letterTo(files: readonly FoundFile[], addressee: string | null, wanted: LookedFor, asOf: IsoDate): Letter {
  const known = files.find(({ name }) => name === addressee) ?? files[0];
  return {
    date: longDate(asOf),
    to: known ? addressee : wanted.name,
    born: known ? known.date_of_birth : wanted.born,
    paragraphs: known
      ? filesInWords(files)
      : [
          'We looked in our register and in our archive for a file about you, and found none.',
          'Files are kept under the name and date of birth recorded at the time. If you had another name, tell us, and we look again.',
        ],
  };
}

/** A paragraph for what is held, and one for each day and place files went to. */
function filesInWords(files: readonly FoundFile[]): string[] {
  const counts = new Map<string, { file: FoundFile; count: number }>();
  for (const file of files) {
    const fate = `${file.archived_on ?? ''} ${file.adult_file_ref === null ? '' : 'joined'}`;
    counts.set(fate, { file, count: (counts.get(fate)?.count ?? 0) + 1 });
  }
  return [...counts.values()].map(({ file, count }) => fateInWords(file, count));
}

function fateInWords({ archived_on, adult_file_ref }: FoundFile, count: number): string {
  const [what, it, was] = count === 1 ? ['a file', 'it', 'It was'] : [`${count} files`, 'them', 'They were'];
  if (archived_on === null) return `We hold ${what} about you. You can ask for ${it}.`;
  const went = adult_file_ref === null ? 'moved to the archive' : 'joined to your file in Adult Services';
  return `We held ${what} about you. ${was} ${went} on ${longDate(archived_on)}, after the period our policy sets. You can still ask for ${it}.`;
}
