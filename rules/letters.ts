/**
 * Letters as an English keyboard has them: by these tables names are compared, here and in the database, whatever the letter
 * case and accents they are typed in. Both sides read the same tables, so that no locale of a server says otherwise.
 */

/** What accents are once they are split from their letters, for a bracket expression. */
export const ACCENTS = '\\u0300-\\u036f';

/**
 * What stands between the letters of a name in one spelling and is left out in another: kinds of apostrophe, quote, hyphen, full
 * stop and comma. O’Neill, ONeill, O Neill and O'Neill are one name.
 */
export const BETWEEN_LETTERS = ['\'`´‘’‛“”"ʹʻʼʽʾʿˈꞌ′‵＇', '-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe63\uff0d', '.,·‧・'].join(
  '',
);

/** What nobody sees: soft hyphens, joiners, marks of direction. */
export const UNSEEN = '\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff';

/** Letters for which a keyboard takes two, in lower case. */
export const SPELT_OUT: readonly (readonly [letter: string, letters: string])[] = [
  ['ß', 'ss'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['þ', 'th'],
];

/** What Unicode takes for a letter of its own, in lower case, and the letter it is typed as. */
const OF_THEIR_OWN = ['łøđðıħŧς', 'loddihtσ'] as const;

/** Each letter, and the plain small one in its place; both in the same order. */
export const PLAIN_LETTERS = plainPairs();

const PLAIN = new Map(Array.from(PLAIN_LETTERS[0]).map((letter, i) => [letter, PLAIN_LETTERS[1].charAt(i)]));
const WITH_ACCENTS = new RegExp(`[${ACCENTS}]`, 'gu');

/** The text in plain small letters, without accents; what is no letter stays. */
export function plainLetters(text: string): string {
  const small = text
    .normalize('NFKD')
    .replace(WITH_ACCENTS, '')
    .replace(/./gsu, (letter) => PLAIN.get(letter) ?? letter);
  return SPELT_OUT.reduce((spelt, [letter, letters]) => spelt.replaceAll(letter, letters), small);
}

/** The parts of a name that is looked for: what is typed without a blank is one, whatever else stands between its letters. */
export function partsOfName(typed: string): string[] {
  const letters = Array.from(typed)
    .filter((letter) => !BETWEEN_LETTERS.includes(letter) && !UNSEEN.includes(letter))
    .join('');
  return plainLetters(letters)
    .split(/\s+/u)
    .filter((part) => part !== '');
}

/** Every capital whose small letter is one letter too, in the blocks of Latin, Greek, Cyrillic, Armenian and Georgian. */
function plainPairs(): readonly [letters: string, plain: string] {
  const [own, typedAs] = OF_THEIR_OWN;
  const plainOf = (small: string) => typedAs.charAt(own.indexOf(small)) || small;
  const pairs: [string, string][] = Array.from(own).map((letter) => [letter, plainOf(letter)]);
  for (let code = 0x41; code < 0x10d0; code++) {
    const letter = String.fromCharCode(code);
    const small = letter.toLowerCase();
    if (small !== letter && small.length === 1 && letter.normalize('NFKD') === letter) pairs.push([letter, plainOf(small)]);
  }
  return [pairs.map(([letter]) => letter).join(''), pairs.map(([, plain]) => plain).join('')];
}
