/** The words by which people are found: those of the names there are and no others, and the same answer as looking at every name. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findFiles, type LookedFor } from '../db/find.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const ANYBODY = { name: 'c.ward', roles: null };
const NAMES = ['Zoë Łukasz-O’Brien', 'ANNA MARIA Li', 'Hannah\tLi', 'Ann  Ng', 'Straße', '㎏ Ｗide', 'An'];

let council: Council;

beforeAll(async () => {
  council = await rehearsal();
  for (const [i, name] of NAMES.entries())
    council.register.child(`CF-${i}`, { closed_on: '' }, { name, date_of_birth: i % 2 === 0 ? '' : `199${i}-02` });
  await council.night('2026-11-22');
  // As the autovacuum does; since 17 it finds no function by the search path.
  await council.db.raw('analyze people, archive_index');
});

afterAll(() => council.close());

/** Files of people found in the whole register by looking at each name and birth, letter by letter. */
async function lookedAt({ name, born }: LookedFor): Promise<string[]> {
  const { rows } = await council.db.raw<{ rows: { file_ref: string }[] }>(
    `select f.file_ref from people p join case_files f on p.person_ref = any(f.subject_refs)
     where not exists (select from unnest(cast(:words as text[])) w where position(plain_letters(w) in coalesce(plain_letters(p.name), '')) = 0)
       and (cast(:born as text) is null or starts_with(p.date_of_birth, :born) or starts_with(:born, p.date_of_birth)
         or (p.date_of_birth is null and cast(:named as boolean)))
     order by 1`,
    { words: name?.split(' ') ?? [], born, named: name !== null },
  );
  return rows.map(({ file_ref }) => file_ref);
}

const PARTS = ['an', 'n', 'nn', 'li', 'ng', 'zoe', "z-o'b", 'strasse', 'ss', 'kg', 'wide', 'anna li', 'li an', 'x', '%', '_'];
const BIRTHS = [null, '1991', '1991-02', '1991-02-17', '1993-03'];

it('find whom looking at every name finds, by any part and birth', async () => {
  const wrong: string[] = [];
  for (const name of [null, ...PARTS]) {
    for (const born of BIRTHS) {
      if (name === null && born === null) continue;
      const found = await council.db.transaction((trx) => findFiles(trx, { name, born }, ANYBODY));
      const [by, at] = [found.map(({ file_ref }) => file_ref).sort(), await lookedAt({ name, born })];
      if (by.join() !== at.join()) wrong.push(`${name} ${born}: ${by.join()} instead of ${at.join()}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(await lookedAt({ name: 'an', born: null })).toHaveLength(4);
});

it('are as many as asked for, or all of one person', async () => {
  const ask = (narrowed: object) => council.db.transaction((trx) => findFiles(trx, { name: 'an', born: null }, ANYBODY, narrowed));
  expect(await ask({ atMost: 2 })).toHaveLength(2);
  expect((await ask({ personRef: 'CF-3-P' })).map(({ file_ref }) => file_ref)).toEqual(['CF-3']);
});

it('come with a name and leave with the last who bore it', async () => {
  const words = async () => council.db('name_words').whereIn('word', ['li', 'ng', 'newman']).orderBy('word').pluck('word');
  expect(await words()).toEqual(['li', 'ng']);
  council.register.change('CF-3-P', { name: 'Ann Newman' }).change('CF-1-P', { name: 'Anna Maria' });
  await council.night('2026-11-23');
  // Hannah is Li by a tab, which is no space: her name is one word.
  expect(await words()).toEqual(['newman']);
});
