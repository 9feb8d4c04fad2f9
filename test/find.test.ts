/** "Was there a file about me?": people of the register and of the archive, found by name and birth, each look-up in the audit. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rehearsal, type Council } from './setup/commands.ts';

interface Found {
  file_ref: string;
  where: string;
  person_ref: string;
}

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
  council.register
    .child('CF-1', { closed_on: '' }, { name: 'Zoë Łukasz-O’Brien', date_of_birth: '1998-04-17' })
    .child('CF-2', { closed_on: '' }, { name: 'ÉMILE Marlow', date_of_birth: '1998' })
    .child('CF-3', { closed_on: '' }, { name: 'Rose Marlow', date_of_birth: '' })
    .child('CF-4', {}, { name: 'Rose Marlow', date_of_birth: '1999-09-09' })
    .child('CF-5', { closed_on: '' }, { name: '100% _Real', date_of_birth: '2001-01-01' });
  await council.night('2026-11-22');
});

afterEach(() => council.close());

describe('by name', () => {
  it('takes no notice of letter case, accents, letters of other alphabets or kinds of apostrophe', async () => {
    for (const name of ['zoe', 'ZOË', "lukasz-o'brien", 'o’brien', 'kasz']) expect(await found('--name', name), name).toEqual(['CF-1']);
    for (const name of ['emile', 'Émile', 'ÉMILE']) expect(await found('--name', name), name).toEqual(['CF-2']);
    expect(await found('--name', 'marlow')).toEqual(['CF-2', 'CF-3', 'CF-4']);
  });

  it('finds the words of a name in any order', async () => {
    expect(await found('--name', 'marlow rose')).toEqual(['CF-3', 'CF-4']);
    expect(await found('--name', 'rose  marlowe')).toEqual([]);
  });

  it('takes no notice of apostrophes, hyphens, full stops and blanks inside a name, on either side', async () => {
    const spellings: [person: string, ...typed: string[]][] = [
      ['Sean O’Neill', 'ONEILL', 'O NEILL', "sean O'Neill"],
      ['Rita DSouza', 'D’Souza', 'd souza'],
      ['Annemarie Lyle', 'Anne Marie', 'ANNE\u2013MARIE'],
      ['Anne Marie Dent', 'annemarie', 'annema'],
      ['Ewan Mac Donald', 'macdonald', 'Mac-Donald'],
      ['Ian St. John', 'stjohn', 'John, St.'],
      ['Jan van-der Berg', 'vander', 'van derberg'],
      ['Li\u200b Fitz\u00a0William', "fitz'w"],
    ];
    for (const [i, [name]] of spellings.entries())
      council.register.child(`CF-${30 + i}`, { closed_on: '' }, { name, date_of_birth: '2003-03-03' });
    await council.night('2026-11-23');
    for (const [i, [, ...typed]] of spellings.entries())
      for (const name of typed) expect([name, ...(await found('--name', name))]).toContain(`CF-${30 + i}`);
    // A part that runs over a blank begins where a word begins: who asks is not to wade through strangers.
    expect(await found('--name', 'lyle-anne')).toEqual([]);
    expect(await found('--name', 'ndonald')).toEqual([]);
  });

  it('says how to look on where nothing is found, and asks for letters where there are none', async () => {
    const { stdout } = await council.done(['find', '--name', 'nobody'], { as: 'c.ward' });
    expect(stdout).toMatch(/a part of the name .* by the date of birth alone/);
    await council.refused(['find', '--name', "-'."], { as: 'c.ward' }, 'no_letters', /Type a part of the name, or the birth alone/);
  });

  it('takes % and _ for what they are', async () => {
    expect(await found('--name', '%')).toEqual(['CF-5']);
    expect(await found('--name', '_r')).toEqual(['CF-5']);
  });
});

describe('by birth', () => {
  it('takes a birth known in part for every day it may be', async () => {
    expect(await found('--born', '1998-04-17')).toEqual(['CF-1', 'CF-2']);
    expect(await found('--born', '17/04/1998')).toEqual(['CF-1', 'CF-2']);
    expect(await found('--born', '1998-04')).toEqual(['CF-1', 'CF-2']);
    expect(await found('--born', '1998-05')).toEqual(['CF-2']);
    expect(await found('--born', '1998')).toEqual(['CF-1', 'CF-2']);
  });

  it('with a name finds those of that name whose birth nobody recorded, too', async () => {
    expect(await found('--name', 'rose', '--born', '1999-09-09')).toEqual(['CF-3', 'CF-4']);
    expect(await found('--name', 'rose', '--born', '1970')).toEqual(['CF-3']);
  });
});

it('finds an archived file in the index, with its bag, and not in the register', async () => {
  await council.approveAndSign(1, '2026-11-22');
  await council.night('2026-11-30');
  const rows = (await council.done(['find', '--name', 'rose', '--born', '1999', '--json'], { as: 'c.ward' })).json();
  expect(rows).toEqual([
    expect.objectContaining({ file_ref: 'CF-3', where: 'register', bag_location: null }) as unknown,
    {
      file_ref: 'CF-4',
      where: 'archive',
      person_ref: 'CF-4-P',
      name: 'Rose Marlow',
      date_of_birth: '1999-09-09',
      categories: ['child_in_need'],
      rule: 'child-in-need',
      archived_on: '2026-11-30',
      adult_file_ref: null,
      bag_location: 'CF-4.zip',
      paper_moved_to: null,
    },
  ]);
});

it('leaves an event of every look-up: how many were found and what was given, never the values', async () => {
  await found('--name', 'Zoë', '--born', '1998-04-17');
  await found('--born', '1850');
  const events = await council
    .db('audit_events')
    .where({ event: 'person.looked_for' })
    .orderBy('seq')
    .select<{ actor: string; details: string }[]>('actor', 'details');
  expect(events.map(({ actor, details }) => [actor, JSON.parse(details) as unknown])).toEqual([
    ['c.ward', { by: ['name', 'born'], files: 1 }],
    ['c.ward', { by: ['born'], files: 0 }],
  ]);
});

it('needs a name or a birth, and never repeats what was typed', async () => {
  for (const wrong of [[], ['--name', ' '], ['--born', '1998-02-30']]) {
    const result = await council.retention(['find', ...wrong], { as: 'c.ward' });
    expect([result.exitCode, result.stdout, result.stderr.includes('1998-02-30')]).toEqual([2, '', false]);
  }
});

it('is for compliance alone', async () => {
  await council.done('users add m.jones --role records_manager');
  await council.refused('find --name rose', { as: 'm.jones' }, 'not_permitted', /role compliance/);
});

it('on a live database takes the person from the token', async () => {
  const live = await rehearsal({ RETENTION_REHEARSAL: '', COOLING_OFF_DAYS: '1' });
  try {
    live.today = new Date().toISOString().slice(0, 10);
    const admin = await token(live, 'j.admin', 'admin');
    const compliance = await token(live, 'c.ward', 'compliance', admin);
    const manager = await token(live, 'm.jones', 'records_manager', admin);
    live.register.child('CF-1', { closed_on: '' }, { name: 'Rose Marlow' });
    await live.writeExtract();
    expect((await live.retention(['nightly', '--import', live.extract])).exitCode).toBe(0);
    expect((await live.retention('find --name rose')).exitCode).toBe(2);
    expect((await live.retention('find --name rose', { as: 'c.ward', RETENTION_TOKEN: compliance })).exitCode).toBe(2);
    expect((await live.retention('find --name rose', { RETENTION_TOKEN: manager })).exitCode).toBe(1);
    const rows = (await live.done('find --name rose --json', { RETENTION_TOKEN: compliance })).json<Found[]>();
    expect(rows.map((row) => row.file_ref)).toEqual(['CF-1']);
    expect(await live.db('audit_events').where({ event: 'person.looked_for' }).pluck('actor')).toEqual(['c.ward']);
  } finally {
    await live.close();
  }
});

async function found(...criteria: string[]): Promise<string[]> {
  const rows = (await council.done(['find', ...criteria, '--json'], { as: 'c.ward' })).json<Found[]>();
  return [...new Set(rows.map((row) => row.file_ref))].sort();
}

async function token(live: Council, name: string, role: string, by?: string): Promise<string> {
  const { code } = (await live.done(`users add ${name} --role ${role} --json`, { RETENTION_TOKEN: by })).json<{ code: string }>();
  return (await live.done(`users enrol ${code} --json`)).json<{ token: string }>().token;
}
