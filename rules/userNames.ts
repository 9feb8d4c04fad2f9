/** User names: how one is written, which two nobody could tell apart, and whether two names are one person. */
import { plainLetters } from './letters.ts';
import { Refusal } from './refusal.ts';

/** Characters of a user name, at most. */
export const LONGEST_USER_NAME = 100;

const LATIN = 'A-Za-z\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u024f\\u1e00-\\u1eff';
const ALPHABETS = { Latin: LATIN, Greek: '\\u0386\\u0388-\\u03ce', Cyrillic: '\\u0400-\\u0481\\u048a-\\u052f' } as const;

/** Patterns that the database checks by as well. The first: Latin letters alone, with what may stand between them. */
export const LATIN_NAME = `^[${LATIN}0-9._@-]{1,${LONGEST_USER_NAME}}$`;
export const OF_ONE_ALPHABET = Object.values(ALPHABETS)
  .map((letters) => `^[${letters}0-9._@-]{1,${LONGEST_USER_NAME}}$`)
  .join('|');
export const KEYBOARD_NAME = '^[a-z0-9._@-]+$';

/** Names under which the product itself acts: the night, what adds people in a rehearsal, and what adds those a provider vouches for. */
const OWN_NAMES = ['service', 'rehearsal', 'openid_connect'];
const DIGITS_FOR: Record<string, string> = { a: '[a4]', e: '[e3]', i: '[i1l|]', l: '[l1i|]', o: '[o0]', s: '[s5]' };
const PUNCTUATION = '[._@-]*';

/** Whoever was called so, or nearly so, would stand in the audit as the product. */
export const RESERVED_NAME = `^${PUNCTUATION}(${OWN_NAMES.map(likeName).join('|')})$`;

/** The name however it is set with digits for letters, and with what may stand between letters. */
function likeName(name: string): string {
  const letters = name.match(/[a-z]/g) ?? [];
  return letters.map((letter) => `${DIGITS_FOR[letter] ?? letter}${PUNCTUATION}`).join('');
}

/** Small letters of Greek and Cyrillic, of which the small one or the capital looks like a Latin one, and that one. */
export const LOOK_ALIKES = ['αβεζηικμνορτυχ' + 'авсекмнорстухіјѕԁһԛԝѵӏ', 'abezhikmvoptyx' + 'abcekmhopctyxijsdhqwvl'] as const;

const LOOKS_LIKE = new Map(Array.from(LOOK_ALIKES[0]).map((letter, i) => [letter, LOOK_ALIKES[1].charAt(i)]));
const pattern = (source: string) => new RegExp(source, 'u');

/**
 * What of a name is compared: NFKC and case folding, and beyond them accents and the letters of other alphabets that look like
 * Latin ones. The database has the same function.
 */
export function foldedUserName(name: string): string {
  return plainLetters(name.normalize('NFKC')).replace(/./gsu, (letter) => LOOKS_LIKE.get(letter) ?? letter);
}

/** True when both names are one person's, as far as anybody can tell. */
export function samePerson(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && foldedUserName(one) === foldedUserName(other);
}

/** The name as it is kept, in its NFKC form. Throws a Refusal for one that could be taken for another, or that is no name. */
export function readUserName(typed: string): string {
  const name = typed.normalize('NFKC');
  const wrong = whatIsWrong(name, foldedUserName(name));
  if (wrong !== null) throw new Refusal('name_unusable', wrong);
  return name;
}

function whatIsWrong(name: string, folded: string): string | null {
  if (pattern(RESERVED_NAME).test(folded))
    return 'The night itself acts under the name "service", and the product itself under "rehearsal" and "openid_connect": no person has one of them, nor one that looks like it. Choose another user name.';
  if (!pattern(OF_ONE_ALPHABET).test(name)) return notOfOneAlphabet(name);
  const latin = pattern(LATIN_NAME).test(name);
  if (latin === pattern(KEYBOARD_NAME).test(folded)) return null;
  return latin
    ? 'This user name has a letter that is easily taken for another. Write it with the letters of an English keyboard, with or without accents.'
    : `Every letter of this user name looks like a Latin one: it reads as "${folded}". Write it in Latin letters, or choose another.`;
}

function notOfOneAlphabet(name: string): string {
  const mixed = Object.entries(ALPHABETS).filter(([, letters]) => pattern(`[${letters}]`).test(name));
  const allowed = `A user name has letters, digits, dots, hyphens, underscores or @, at most ${LONGEST_USER_NAME}, and neither spaces nor what cannot be seen.`;
  if (mixed.length < 2) return `${allowed} Its letters are Latin, Greek or Cyrillic.`;
  const names = mixed.map(([alphabet]) => alphabet).join(' and ');
  return `This user name mixes ${names} letters, of which some look alike. Write it in one alphabet.`;
}
