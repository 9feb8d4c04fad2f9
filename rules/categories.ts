/** What a category of the schedule is to the product beside its rules, and by which names files may have it. */
import type { CaseFile, Category } from './facts.ts';
import type { Schedule } from './schedule.ts';

/**
 * Kinds that are treated apart: an adoption's file goes along with no other file and shows no names; of adopters and foster carers
 * it is asked whether they pose a risk to children, of adopters also whether a child was placed.
 */
export const CATEGORY_KINDS = ['adoption', 'adopters', 'foster_carers'] as const;
export type CategoryKind = (typeof CATEGORY_KINDS)[number];

/** What is meant by a schedule that was written before a category could say of which kind it is. */
const KIND_OF_NAME: Readonly<Record<string, CategoryKind>> = { adoption: 'adoption', adopters: 'adopters', foster_carer: 'foster_carers' };

/** The same categories, each with its kind: a schedule says all of them or none. */
export function withKinds(categories: Schedule['categories']): Schedule['categories'] {
  if (Object.values(categories).some(({ is }) => is !== undefined)) return categories;
  return Object.fromEntries(
    Object.entries(categories).map(([name, category]) => [
      name,
      Object.hasOwn(KIND_OF_NAME, name) ? { ...category, is: KIND_OF_NAME[name] } : category,
    ]),
  );
}

/** Every name that files may have it by: its own, and those it had in earlier versions. */
export function namesOfCategory({ categories }: Schedule, category: Category): string[] {
  return [category, ...(categories[category]?.formerly ?? [])];
}

/** Every name that files of these kinds may have. */
export function namesOfKind(schedule: Schedule, ...kinds: CategoryKind[]): string[] {
  return Object.entries(schedule.categories).flatMap(([name, { is }]) => (is && kinds.includes(is) ? namesOfCategory(schedule, name) : []));
}

/** Every name that a file may give as a category. */
export function knownCategories(schedule: Schedule): string[] {
  return Object.keys(schedule.categories).flatMap((category) => namesOfCategory(schedule, category));
}

/** The categories of a file as this schedule calls them. */
export function categoriesOf(file: Pick<CaseFile, 'categories'>, schedule: Schedule): Category[] {
  return [...new Set(file.categories.map((name) => presentName(schedule, name)))];
}

/** What this schedule calls a category that files may have by a former name; a name that it does not know stays as it is. */
export function presentName(schedule: Schedule, name: string): Category {
  return Object.keys(schedule.categories).find((category) => namesOfCategory(schedule, category).includes(name)) ?? name;
}
