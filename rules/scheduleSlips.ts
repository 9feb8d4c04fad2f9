/** What is said of a slip in a schedule file: where it is, by rule and key, and what to write instead. */
import type { z } from 'zod';
import type { Mistake } from './scheduleMistakes.ts';

/** What the shape of a schedule knows of a place in the file, given its path and what stands there. */
export interface Shape {
  /** The keys that may stand there. */
  keysAt(path: readonly PropertyKey[], value: unknown): readonly string[];
  /** Which of the forms that may stand there was meant, as a place in their union. */
  meantAt(path: readonly PropertyKey[], value: unknown): number;
}

type Issue = z.core.$ZodIssue;

/** Every slip, with the place of the key or value that is wrong. */
export function slipsIn(issues: readonly Issue[], file: unknown, shape: Shape): Mistake[] {
  return issues.flatMap((issue) => slipsOf(issue, [], file, shape));
}

function slipsOf(issue: Issue, above: readonly PropertyKey[], file: unknown, shape: Shape): Mistake[] {
  const path = [...above, ...issue.path];
  const value = valueAt(file, path);
  if (issue.code === 'invalid_union') {
    const meant = issue.errors[shape.meantAt(path, value)] ?? issue.errors[0] ?? [];
    return meant.flatMap((one) => slipsOf(one, path, file, shape));
  }
  if (issue.code === 'unrecognized_keys') {
    const known = shape.keysAt(path, value).join(', ');
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `${placeWords([...path, key], file)} is no key of a schedule; here may stand: ${known}`,
    }));
  }
  return [{ path, message: `${placeWords(path, file)} ${wordsOf(issue, value)}` }];
}

function wordsOf(issue: Issue, value: unknown): string {
  if (value === undefined) return issue.code === 'invalid_value' ? `is missing: write ${choice(issue.values)}` : 'is missing';
  if (value === null) return issue.code === 'invalid_value' ? `is empty: write ${choice(issue.values)}` : 'is empty';
  if (issue.code === 'invalid_value') {
    const leftOut = issue.values.length === 1 ? ', or leave it out' : '';
    return `must be ${choice(issue.values)}${leftOut}; it is ${JSON.stringify(value)}`;
  }
  if (issue.code === 'invalid_type') return EXPECTED[issue.expected] ?? issue.message;
  if (issue.code === 'too_small') return issue.origin === 'string' ? 'is empty' : `must be at least ${issue.minimum}${entries(issue)}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${entries(issue)}`;
  return `is wrong: ${issue.message}`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  number: 'must be a number, without quotes',
  int: 'must be a whole number',
  string: 'must be text: write it in quotes',
  boolean: 'must be true or false',
  array: 'must be a list',
  tuple: 'must be a list',
  object: 'must have keys and values of its own',
  record: 'must have keys and values of its own',
};

function entries({ origin }: { origin: string }): string {
  if (origin === 'array') return ' entries long';
  return origin === 'string' ? ' characters long' : '';
}

function choice(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

/** `rule "financial": keep_years`, or the keys above with dots between. */
function placeWords(path: readonly PropertyKey[], file: unknown): string {
  const id = path[0] === 'rules' && path.length > 2 ? valueAt(file, ['rules', path[1] ?? '', 'id']) : undefined;
  if (typeof id === 'string') return `rule "${id}": ${path.slice(2).join('.')}`;
  return path.length > 0 ? path.join('.') : 'the schedule';
}

function valueAt(file: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    file,
  );
}
