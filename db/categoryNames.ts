/** Names of one category in different versions of the schedule, so that a hold on one of them covers files that have another. */
import type { Knex } from 'knex';
import { namesOfCategory } from '../rules/categories.ts';
import type { Schedule } from '../rules/schedule.ts';

/** Enters what a version says of former names, beside what earlier ones said of those. */
export async function rememberNames(trx: Knex.Transaction, schedule: Schedule): Promise<void> {
  for (const category of Object.keys(schedule.categories)) {
    const names = namesOfCategory(schedule, category);
    if (names.length === 1) continue;
    const known = (await Promise.all(names.map((name) => everyNameOf(trx, name)))).flat();
    await trx.raw(
      `insert into category_names (name, also) select a, b from unnest(cast(:names as text[])) a, unnest(cast(:names as text[])) b
       where a <> b on conflict do nothing`,
      { names: [...new Set(known)] },
    );
  }
}

/** Every name of a category, its own first. */
export async function everyNameOf(db: Knex, category: string): Promise<string[]> {
  return [category, ...(await db('category_names').where({ name: category }).pluck<string[]>('also'))];
}
