/** Needs data, Audit, Runs and Brakes: everything accounted for, by anybody who may read; and an authoriser lets the night go on. */
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordEvents } from '../../db/audit.ts';
import { systemClock, todayInLondon } from '../../jobs/clock.ts';
import { EVENT_WORDS } from '../../reports/site/eventWords.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { pastGuards } from '../setup/database.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

/** Events are recorded by the clock of the database, which is this machine's. */
const londonToday = () => todayInLondon(systemClock);

const SOMEBODY_SECRET = ['Invented NO-', 'Invented BAD', 'Shelf 14'];

let council: Council;
let site: SiteUnderTest;
let auditor: Browser;
let empty: string[];

beforeAll(async () => {
  council = await rehearsal();
  site = await siteOf(council, {
    samplePeople: [
      { name: 'm.jones', roles: ['records_manager'] },
      { name: 'a.khan', roles: ['authoriser'] },
      { name: 's.lee', roles: ['auditor'] },
    ],
  });
  auditor = await site.as('s.lee');
  empty = await Promise.all(['/needs-data', '/runs', '/brakes'].map(async (path) => (await auditor.send('GET', path)).text));
  for (let i = 10; i < 62; i++) council.register.child(`NO-${i}`, { location: 'Shelf 14' }, { date_of_birth: '' });
  for (let i = 10; i < 62; i++) council.register.child(`BAD-${i}`, { closed_on: 'soon', categories: 'nonsense' });
  council.register.child('CF-1', { opened_on: '2011-01-01' }).child('CF-2');
  await council.night('2026-11-22');
});

afterAll(async () => {
  await site.close();
  await council.close();
});

/** Every page of a long table, by its link to the next. */
async function leaf(browser: Browser, path: string): Promise<string[]> {
  const pages: string[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const { status, html } = await browser.send('GET', next);
    expect([next, status]).toEqual([next, 200]);
    pages.push(html);
    next = /<a[^>]*href="([^"]*)"[^>]*rel="next"/.exec(html)?.[1]?.replaceAll('&amp;', '&');
    expect(pages.length).toBeLessThan(20);
  }
  return pages;
}

describe('where there is nothing yet', () => {
  it('pages say so, and what to do', () => {
    expect(empty[0]).toContain('Nothing is missing.');
    expect(empty[1]).toContain('The scheduler runs the night');
    expect(empty[2]).toContain('No brake is on. Nights list and archive.');
  });
});

describe('needs data', () => {
  it('counts the files of each reason, contradictions apart, and the rows that were not read', async () => {
    const { text } = await auditor.open('/needs-data');
    expect(text).toMatch(/contradict each other What is wrong Files [^.]*the case was closed before it was opened\. 1 /);
    expect(text).toMatch(/Facts that are missing What is wrong Files Missing: a date of birth\. 52 /);
    expect(text).toContain('Download the 53 files without a date (CSV)');
    expect(text).toMatch(/files\.csv 52 /);
  });

  it('names every file of a reason, fifty a page, and every mistake of every row', async () => {
    const pages = await leaf(auditor, '/needs-data/files?reason=birth_unknown');
    const refs = pages.flatMap((html) => [...html.matchAll(/href="\/files\?ref=([^"]*)"/g)].map(([, ref = '']) => ref));
    expect(pages.length).toBe(2);
    expect(refs).toEqual(Array.from({ length: 52 }, (_, i) => `NO-${i + 10}`));

    const rows = (await leaf(auditor, '/needs-data/rows?source=files.csv')).flatMap((html) => [
      ...html.matchAll(/<th scope="row"[^>]*>files\.csv<\/th>\s*<td[^>]*>(\d+)<\/td>\s*<td[^>]*>(BAD-\d+)<\/td>\s*<td[^>]*>(\w+)<\/td>/g),
    ]);
    const stored = await council.db('quarantine').orderBy(['line', 'column_name']).select('line', 'ref', 'column_name');
    expect(stored.length).toBe(104);
    expect(rows.map(([, line, ref, column]) => ({ line: Number(line), ref, column_name: column }))).toEqual(stored);
  });

  it('is exported whole', async () => {
    const files = await auditor.send('GET', '/needs-data/files.csv');
    expect(files.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="needs-data-files-2026-11-22-rehearsal.csv"',
      'cache-control': 'no-store',
    });
    const rows = parse<Record<string, string>>(files.html, { columns: true });
    expect(rows.length).toBe(53);
    expect(rows[0]).toEqual({
      file_ref: 'CF-1',
      categories: 'child_in_need',
      kind: 'contradiction',
      reason: 'closed_before_opened',
      words: 'The facts contradict each other: the case was closed before it was opened.',
      since: '2026-11-22',
      as_of: '2026-11-22',
      rehearsal: 'yes',
    });
    const one = await auditor.send('GET', '/needs-data/files.csv?reason=closed_before_opened');
    expect(parse(one.html, { columns: true })).toEqual([rows[0]]);
    const rejected = parse<Record<string, string>>((await auditor.send('GET', '/needs-data/rows.csv')).html, { columns: true });
    expect(rejected.length).toBe(104);
    expect(rejected[0]).toMatchObject({ file: 'files.csv', reference: 'BAD-10', column: 'categories', rehearsal: 'yes' });
  });

  it('takes any address', async () => {
    for (const path of [
      '/needs-data/files?reason=nonsense&after=%01',
      '/needs-data/rows?source=%01',
      '/needs-data/rows?source=files.csv&afterSource=files.csv&afterLine=9999999999',
      '/needs-data/rows?source=a&source=b',
    ])
      expect([path, (await auditor.send('GET', path)).status]).toEqual([path, 200]);
  });
});

describe('the audit', () => {
  it('shows every event once, fifty a page, in words', async () => {
    const pages = await leaf(auditor, '/audit');
    const seen = pages.flatMap((html) =>
      [...html.matchAll(/<th scope="row"[^>]*>([\d,]+)<\/th>/g)].map(([, seq = '']) => Number(seq.replace(',', ''))),
    );
    const stored = await council.db('audit_events').orderBy('seq', 'desc').pluck<number[]>('seq');
    expect(seen).toEqual(stored);
    const events = await council.db('audit_events').distinct().pluck<string[]>('event');
    expect(events.filter((event) => !(event in EVENT_WORDS))).toEqual([]);
  });

  it('is filtered by person, event and day together, page by page', async () => {
    await recordEvents(
      council.db,
      'm.jones',
      'review.done',
      Array.from({ length: 51 }, (_, i) => ({ file: `RV-${i}` })),
    );
    await recordEvents(council.db, 'a.khan', 'review.done', [{ file: 'RV-other' }]);
    await recordEvents(council.db, 'm.jones', 'referral.closed', [{ file: 'RV-other' }]);
    const [year, month, date] = londonToday().split('-');
    const asked = `/audit?person=m.jones&event=review.done&day=${date}&month=${month}&year=${year}`;
    const pages = await leaf(auditor, asked);
    expect(pages.map((html) => html.match(/file: RV-\d+/g)?.length)).toEqual([50, 1]);
    expect(pages.join('')).not.toContain('RV-other');
    const first = pages[0] ?? '';
    expect(first).toMatch(/<option value="review.done" selected>/);
    expect(first).toContain('value="m.jones"');
    const none = await auditor.send('GET', '/audit?person=m.jones&event=review.done&day=1&month=1&year=2020');
    expect([none.status, none.text]).toEqual([200, expect.stringContaining('Nothing like that was recorded.')]);
  });

  it('takes a day for the day in London', async () => {
    const other = await rehearsal();
    const overOther = await siteOf(other);
    try {
      await recordEvents(other.db, 'service', 'review.done', [{ file: 'SUMMER-A' }, { file: 'SUMMER-B' }, { file: 'SUMMER-C' }]);
      await pastGuards(other.db, 'audit_events', async (trx) => {
        const at = (file: string, time: string) => trx('audit_events').where('details', 'like', `%${file}%`).update({ recorded_at: time });
        await at('SUMMER-A', '2026-07-01T22:59:59Z');
        await at('SUMMER-B', '2026-07-01T23:00:00Z');
        await at('SUMMER-C', '2026-07-02T23:00:00Z');
      });
      const jones = await overOther.as('m.jones');
      const { html, text } = await jones.open('/audit?day=2&month=7&year=2026');
      expect(html.match(/SUMMER-\w/g)).toEqual(['SUMMER-B']);
      expect(text).toContain('02/07/2026 00:00:00');
      expect((await jones.open('/audit/chain')).text).toContain('No night has followed the chain yet.');
      const chain = await jones.submit('/audit/chain');
      expect(chain.text).toContain('The chain is broken.');
      expect(chain.text).toMatch(/event \d+ was changed after it was recorded/);
    } finally {
      await overOther.close();
      await other.close();
    }
  });

  it('says at its field what is wrong with a filter or a head', async () => {
    const cases: [string, string, string][] = [
      ['/audit?day=31&month=2&year=2026', 'day', 'Enter a day that exists'],
      ['/audit?year=2026', 'day', 'Enter a day that exists'],
      ['/audit?person=%01', 'person', 'Enter a user name'],
      ['/audit?event=%01', 'event', 'Choose what happened'],
    ];
    for (const [path, field, words] of cases) {
      const { status, html, text } = await auditor.send('GET', path);
      expect([path, status, html.includes(`href="#${field}"`), html.includes(`id="${field}"`)]).toEqual([path, 422, true, true]);
      expect(text.split(words).length, path).toBeGreaterThan(2);
    }
    await auditor.open('/audit');
    const { status, html, text } = await auditor.submit('/audit/chain', { head: 'xyz' });
    expect([status, html.includes('href="#head"'), html.includes('value="xyz"')]).toEqual([422, true, true]);
    expect(text).toContain('Enter the head as a report prints it');
  });

  it('says of its chain what the last night found, for nobody waits for a million events', async () => {
    const { text } = await auditor.open('/audit/chain');
    expect(text).toContain('Whole Followed in the night of 22 November 2026: each of the');
    expect(text).toContain('reports noted are in their places.');
  });

  it('proves its chain, and whether a head of an older report is in it', async () => {
    const [run] = await council
      .db('runs')
      .where({ kind: 'nightly' })
      .select<{ counts: { report: { audit: { head: string } } } }[]>('counts');
    const { head } = run?.counts.report.audit ?? { head: '' };
    const whole = await auditor.submit('/audit/chain', { head: head.toUpperCase() });
    expect(whole.text).toContain('Whole Followed just now: each of the');
    expect(whole.text).toContain('The head that one report noted is in its place. The head you gave is in the chain.');
    const last = await council.db('audit_events').orderBy('seq', 'desc').first<{ hash: string }>('hash');
    expect(whole.html).toContain(last.hash);
    const other = await auditor.submit('/audit/chain', { head: `${'0'.repeat(63)}1` });
    expect(other.text).toContain('The chain is broken.');
    expect(other.text).toContain('The head you gave is not in this chain');
  });
});

describe('the ledger and its brakes', () => {
  it('has each night in one line, and on its page every file and row accounted for', async () => {
    const { text } = await auditor.open('/runs');
    expect(text).toContain(
      'Night 1 22/11/2026 Ended well The night of 22 November 2026 ended well: 54 files, every one accounted for; 1 listed',
    );
    const run = await auditor.open('/runs/1');
    expect(run.text).toMatch(/Has a date 1 Waits for an event 0 Cannot be determined 53 Is kept permanently 0 In the register 54/);
    expect(run.text).toMatch(/files\.csv 106 54 0 0 0 52/);
    expect(run.text).toContain('1 file could be listed, 1 of them was put on list 1 .');
    for (const path of ['/runs/99', '/runs/0', '/runs/x', '/runs/99999999999']) expect((await auditor.send('GET', path)).status).toBe(404);
  });

  it('tells why something stopped, and an authoriser alone lets it go on, with a reason', async () => {
    council.register.change('CF-2', { last_entry_on: '2009-01-01' });
    await council.writeExtract();
    await council.retention(['import', council.extract], { asOf: '2026-11-23' });
    council.today = '2026-12-20';
    expect((await council.retention('nightly')).exitCode).toBe(3);
    auditor = await site.as('s.lee');
    const jones = await site.as('m.jones');
    const runs = await jones.open('/runs');
    expect(runs.text).toContain(
      'Listing and archiving have stopped. The last good extract, or the last successful night, is too old to go by.',
    );
    expect(runs.text).toContain('Not everything was done: it stopped.');
    const [night] = await council.db('runs').orderBy('id', 'desc').limit(1).pluck<number[]>('id');
    const [managers, auditors] = [await jones.send('GET', `/runs/${night}`), await auditor.send('GET', `/runs/${night}`)];
    for (const { text } of [managers, auditors]) {
      expect(text).toContain('Why it stopped The brake "stale" is on');
      expect(text).toContain('1 file taken off its list. CF-2, list 1 . Facts or documents changed after it was listed: last_entry_on');
    }
    expect((await jones.open('/runs?show=steps')).text).toContain('Import alone, for 23 November 2026, ended well.');

    const seen = await jones.open('/brakes');
    expect(seen.text).toContain('On Stale, since 20 December 2026');
    expect(seen.html).not.toContain('<form method="post" action="/brakes/');
    const khan = await site.as('a.khan');
    await khan.open('/brakes');
    const [brake] = await council.db('brakes').pluck<number[]>('id');
    const without = await khan.submit(`/brakes/${brake}/release`, { reason: ' \r\n' });
    expect([without.status, without.html, without.text]).toEqual([
      422,
      expect.stringContaining(`href="#reason-${brake}"`),
      expect.stringContaining('Say why it is safe to go on'),
    ]);
    expect((await khan.submit(`/brakes/${brake}/release`, { reason: 'see\u0001' })).status).toBe(422);
    const released = await khan.submit(`/brakes/${brake}/release`, { reason: 'The hospital moved; dates checked' });
    expect(released.text).toContain('The brake “stale” is released. The next night lists and archives again.');
    expect(released.text).toContain('20/12/2026 a.khan The hospital moved; dates checked');
    const shown = await auditor.open('/brakes');
    expect([shown.text.includes('The hospital moved'), shown.text.includes('given; not shown to you')]).toEqual([false, true]);
    expect(await council.db('brakes').select('released_by', 'released_on', 'reason')).toEqual([
      { released_by: 'a.khan', released_on: '2026-12-20', reason: 'The hospital moved; dates checked' },
    ]);
  });

  it('releases no other brake than the one that was read', async () => {
    council.today = '2027-01-20';
    expect((await council.retention('nightly')).exitCode).toBe(3);
    const khan = await site.as('a.khan');
    await khan.open('/brakes');
    const [old] = await council.db('brakes').whereNull('released_at').pluck<number[]>('id');
    await council.done(['brake', 'release', 'stale', '--reason', 'Looked at'], { as: 'a.khan', asOf: '2027-01-20' });
    expect((await council.retention('nightly', { asOf: '2027-02-20' })).exitCode).toBe(3);
    const stale = await khan.submit(`/brakes/${old}/release`, { reason: 'The first one is fine' });
    expect([stale.status, stale.text]).toEqual([409, expect.stringContaining('This brake is not on any more. Nothing more was released.')]);
    expect(await council.db('brakes').whereNull('released_at').pluck('name')).toEqual(['stale']);
    const last = await council.db('audit_events').orderBy('seq', 'desc').first<{ actor: string; event: string; details: string }>();
    expect([last.actor, last.event, JSON.parse(last.details)]).toEqual([
      'a.khan',
      'refused',
      { what: 'brake release', why: 'brake_is_off', brake: old },
    ]);
  });
});

it('shows an auditor no name and no place on any of these pages', async () => {
  auditor = await site.as('s.lee');
  const needsData = ['', '/files', '/rows', '/files.csv', '/rows.csv'].map((path) => `/needs-data${path}`);
  const paths = [...needsData, '/audit', '/runs', '/runs/1', '/brakes'];
  const pages = await Promise.all(paths.map((path) => auditor.send('GET', path)));
  expect(pages.filter(({ status }) => status !== 200)).toEqual([]);
  const html = pages.map((page) => page.html).join('');
  expect(SOMEBODY_SECRET.filter((secret) => html.includes(secret))).toEqual([]);
  expect(html).toContain('NO-10');
});
