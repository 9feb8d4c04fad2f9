/** Questions in SQL about the categories of a file, by every name that a schedule gives them. */
import { namesOfCategory, namesOfKind, type CategoryKind } from '../rules/categories.ts';
import type { Schedule } from '../rules/schedule.ts';

/** boolean, of a row `file` with categories: one of them is of such a kind. */
export function isOfKindSql(schedule: Schedule, file: string, ...kinds: CategoryKind[]): string {
  return `(${hasAny(file, namesOfKind(schedule, ...kinds))})`;
}

/** The file has one of these categories, by the name of this schedule or a former one. */
export function inCategory(schedule: Schedule, ...categories: string[]): string {
  return hasAny(
    'f',
    categories.flatMap((category) => namesOfCategory(schedule, category)),
  );
}

function hasAny(file: string, names: string[]): string {
  return names.length === 1 ? `${names.map(literal).join('')} = any(${file}.categories)` : `${file}.categories && ${textArray(names)}`;
}

/** `array['a', 'b']::text[]`, collated like the columns it is compared with. */
export function textArray(words: readonly string[]): string {
  return `array[${words.map(literal).join(', ')}]::text[] collate "C"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
