/** The words by which people are found: those of the names there are and no others, and the same answer as looking at every name. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findFiles, type LookedFor } from '../db/find.ts';
import { plainLetters } from '../rules/letters.ts';
import { rehearsal, type Council } from './setup/commands.ts';

const ANYBODY = { name: 'c.ward', roles: null };
const NAMES = ['Zoë Łukasz-O’Brien', 'ANNA MARIA Li', 'Hannah\tLi', 'Ann  Ng', 'Straße', '㎏ Ｗide', 'An', 'Mc Neil', 'Mary Ann O’Neil'];

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

/** Files found by looking at each name and birth, letter by letter, without the database. */
function lookedAt({ name, born }: LookedFor): string[] {
  const parts = name === null ? [] : plainLetters(name.replace(/[-'’]/g, '')).split(' ');
  return NAMES.map((full, i) => ({ ref: `CF-${i}`, words: wordsOf(full), birth: i % 2 === 0 ? null : `199${i}-02` }))
    .filter(({ words }) => parts.every((part) => words.some((word, i) => word.includes(part) || words.slice(i).join('').startsWith(part))))
    .filter(({ birth }) => born === null || (birth === null ? name !== null : birth.startsWith(born) || born.startsWith(birth)))
    .map(({ ref }) => ref);
}

function wordsOf(name: string): string[] {
  return plainLetters(name)
    .split(/[-'’\s]+/u)
    .filter((word) => word !== '');
}

const PARTS = [
  'mcneil',
  'maryanno',
  'annon',
  'neil',
  'o neil',
  'an',
  'n',
  'nn',
  'li',
  'ng',
  'zoe',
  "z-o'b",
  'strasse',
  'ss',
  'kg',
  'wide',
  'anna li',
  'li an',
  'x',
  '%',
  '_',
];
const BIRTHS = [null, '1991', '1991-02', '1991-02-17', '1993-03'];

it('find whom looking at every name finds, by any part and birth', async () => {
  const wrong: string[] = [];
  for (const name of [null, ...PARTS]) {
    for (const born of BIRTHS) {
      if (name === null && born === null) continue;
      const found = await council.db.transaction((trx) => findFiles(trx, { name, born }, ANYBODY));
      const [by, at] = [found.map(({ file_ref }) => file_ref).sort(), lookedAt({ name, born })];
      if (by.join() !== at.join()) wrong.push(`${name} ${born}: ${by.join()} instead of ${at.join()}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(lookedAt({ name: 'an', born: null })).toHaveLength(5);
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
  // Hannah, whose name has a tab in it, is Li too.
  expect(await words()).toEqual(['li', 'newman']);
  council.register.change('CF-2-P', { name: 'Hannah' });
  await council.night('2026-11-24');
  expect(await words()).toEqual(['newman']);
});

it('are looked into one by one where more than a thousand of them hold a part', async () => {
  const many = Array.from({ length: 1001 }, (_, i) => `MANY-${i}`);
  const letters = (i: number) => String(i).replace(/\d/g, (digit) => 'abcdefghij'.charAt(Number(digit)));
  for (const [i, ref] of many.entries())
    council.register.people.set(ref, { person_ref: ref, name: `Quor${letters(i)}\u2019n ${i === 7 ? 'Van Tassel' : 'Other'}` });
  council.register.child('CF-MANY', { closed_on: '', subject_refs: many.join(';') });
  await council.night('2026-11-25');
  const found = async (name: string) =>
    (await council.db.transaction((trx) => findFiles(trx, { name, born: null }, ANYBODY))).map(({ person_ref }) => person_ref);
  expect((await found('quor')).sort()).toEqual([...many].sort());
  for (const name of ['quor tassel', 'VANT quor', 'Tassel, QUORHN']) expect(await found(name)).toEqual(['MANY-7']);
  expect(await found('quor tasselx')).toEqual([]);
});
