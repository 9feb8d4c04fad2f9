/** What pages read instead of the whole register: figures of the night, a day that was compared once; and a download that breaks off. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

const REPORTS = ['/reports', '/reports/due', '/reports/forecast', '/reports/over-retained', '/reports/permanent'];

let council: Council;
let site: SiteUnderTest;
let khan: Browser;

beforeAll(async () => {
  council = await rehearsal();
  site = await siteOf(council);
  khan = await site.as('a.khan');
});

afterAll(async () => {
  await site.close();
  await council.close();
});

it('there are none before the first night, and pages and downloads say so', async () => {
  for (const address of REPORTS) {
    const { status, text } = await khan.open(address);
    expect([address, status, text]).toEqual([address, 200, expect.stringContaining('There are no figures yet: the first night counts')]);
  }
  const { status, text } = await khan.open('/reports/due.csv');
  expect([status, text]).toEqual([409, expect.stringContaining('There are no figures yet')]);
});

it('a hold on much of the register says what the last night counted, one on a file what is so now', async () => {
  for (let i = 1; i <= 60; i++) council.register.child(`CF-${i}`);
  await council.night('2026-11-22');
  const place = async (scope: string) =>
    (
      await council.done(
        ['hold', 'add', '--kind', 'inquiry', '--scope', scope, '--authority', 'x', '--review-on', '2027-01-01', '--json'],
        { as: 'a.khan' },
      )
    ).json<{
      hold: { id: number };
      covers: number;
    }>();
  const wide = await place('category:child_in_need');
  const narrow = await place('file:CF-7');
  expect([wide.covers, narrow.covers]).toEqual([60, 1]);
  expect((await khan.open(`/holds/${wide.hold.id}`)).text).toContain('60 files in the night of 22 November 2026, and what arrives later');
  expect((await khan.open(`/holds/${narrow.hold.id}`)).text).toContain('1 file now, and what arrives later');
});

it('a run names fifty of the files that it took off their lists, and says how many there are', async () => {
  const { withdrawn } = (await council.night('2026-11-23')).steps['recheck'] as { withdrawn: number };
  expect(withdrawn).toBe(60);
  const { html } = await khan.open('/runs');
  const run = /href="(\/runs\/\d+)"/.exec(html)?.[1] ?? '';
  const { text } = await khan.open(run);
  expect([text.match(/CF-\d+, list/g)?.length, text]).toEqual([50, expect.stringContaining('These are 50 of them.')]);
});

it('a day is compared with today once, for whoever asks, until a run changes the register', async () => {
  const kept = () => council.db('what_if').orderBy('id').pluck<number[]>('id');
  council.today = '2026-11-23';
  const [first, second] = await Promise.all([
    khan.send('GET', '/what-if?on=2030-01-01'),
    khan.send('GET', '/what-if/rules.csv?on=2030-01-01'),
  ]);
  expect([first.status, second.status]).toEqual([200, 200]);
  const once = await kept();
  expect(once).toHaveLength(1);
  await khan.send('GET', '/what-if?on=2030-01-01&show=earlier');
  expect(await kept()).toEqual(once);
  await council.night('2026-11-23');
  await khan.send('GET', '/what-if?on=2030-01-01');
  const anew = await kept();
  expect([anew.length, anew[0] === once[0]]).toEqual([1, false]);
});

it('a download that breaks off midway is in the log, by its name and without what it held', async () => {
  await council.db.raw('alter table quarantine rename to quarantine_away');
  try {
    await khan.send('GET', '/needs-data/rows.csv').catch((error: unknown) => error);
  } finally {
    await council.db.raw('alter table quarantine_away rename to quarantine');
  }
  expect(site.logged.filter(({ event }) => event === 'download.failed')).toEqual([
    {
      event: 'download.failed',
      about: { download: 'needs-data-rows-2026-11-23-rehearsal.csv', error: expect.stringContaining('42P01') as unknown },
    },
  ]);
});
