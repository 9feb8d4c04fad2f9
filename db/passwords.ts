/** Which passwords are too easily guessed: the common ones, however they are dressed up, and those of words that everybody here knows. */
import { Refusal } from '../rules/refusal.ts';
import { ROLES } from '../rules/workflow.ts';

/** Fewest characters of a password. */
export const LEAST_PASSWORD = 12;

/** Most of them; a longer one is refused and never cut, for what lies past a cut would count for nothing. */
export const MOST_PASSWORD = 200;

/** A guesser who knows the lists and the words below needs ten thousand million tries or more: the highest of the package's scores. */
const STRONG = 4;

/** Words of the product and of its trade, that no password may be made of; PASSWORD_WORDS adds those of the authority. */
export const KNOWN_WORDS = [
  ...['retention', 'disposal', 'archive', 'records', 'casefile', 'case', 'file', 'hold', 'destroy', 'signoff'],
  ...[
    'council',
    'borough',
    'county',
    'city',
    'authority',
    'children',
    'childrens',
    'families',
    'social',
    'services',
    'care',
    'adoption',
    'fostering',
    'safeguarding',
  ],
  ...ROLES.flatMap((role) => role.split('_')),
  ...['manager', 'password', 'welcome', 'login', 'signin'],
];

/** Throws a Refusal for a password that is too short, too long or too easily guessed; `words` are those of the authority. */
export async function requireStrong(password: string, name: string, words: readonly string[]): Promise<void> {
  const weak = weaknessOf(password, name) ?? (await isCommon(password, name, words));
  if (weak !== null) throw new Refusal('password_weak', weak);
}

function weaknessOf(password: string, name: string): string | null {
  if (password.length < LEAST_PASSWORD)
    return `A password has at least ${LEAST_PASSWORD} characters. Three words that have nothing to do with one another are easy to remember.`;
  if (password.length > MOST_PASSWORD)
    return `A password has at most ${MOST_PASSWORD} characters. This one is longer, and nothing of it was kept.`;
  return password.toLowerCase().includes(name.toLowerCase()) ? 'A password must not hold the user name. Choose another.' : null;
}

async function isCommon(password: string, name: string, words: readonly string[]): Promise<string | null> {
  const { check } = await (estimator ??= loadEstimator());
  const known = [...KNOWN_WORDS, ...words, name, ...name.split(/[^\p{L}]+/u)].filter((word) => word.length > 2);
  if (check(password, known) >= STRONG) return null;
  return 'This password is easily guessed: it is a common one, or made of common words, a row of keys, a date, or words of this system. Choose another; three words that have nothing to do with one another are easy to remember.';
}

let estimator: ReturnType<typeof loadEstimator> | undefined;

/** Loaded when somebody chooses a password: the lists are large, and nothing else needs them. */
async function loadEstimator(): Promise<{ check: (password: string, known: string[]) => number }> {
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  const factory = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs, maxLength: MOST_PASSWORD });
  return { check: (password, known) => factory.check(password, known).score };
}
