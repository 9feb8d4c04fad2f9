/** A list of more files than a page shows: decided together without overturning anything, sorted, printed, and never losing the place. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { nameDocuments, siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

const FILES = 60;
/** These carry a caution. */
const CAUTIONED = [7, 55];

let council: Council;
let site: SiteUnderTest;
let jones: Browser;

beforeEach(async () => {
  council = await rehearsal();
  site = await siteOf(council);
  for (let place = 1; place <= FILES; place++)
    council.register.child(refAt(place), CAUTIONED.includes(place) ? { originals_held: 'yes' } : {}, {
      date_of_birth: `1990-01-${String(1 + (place % 5)).padStart(2, '0')}`,
    });
  await nameDocuments(council);
  await council.night(council.today);
  jones = await site.as('m.jones');
});

afterEach(async () => {
  await site.close();
  await council.close();
});

/** References run the other way than places do. */
function refAt(place: number): string {
  return `CF-${900 - place}`;
}

async function statuses(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status } of (await council.show(1)).items) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** Places on the page, in its order. */
function places(browser: Browser): number[] {
  return [...browser.page.html.matchAll(/href="\/lists\/1\/files\/(\d+)">CF-/g)].map(([, place]) => Number(place));
}

const KEEP = { decision: 'kept', keep_day: '31', keep_month: '3', keep_year: '2030', reason_code: 'claim' };

test('“all undecided” decides what is undecided at that moment, and a second press overturns nothing', async () => {
  const others = await site.as('m.jones');
  await jones.open('/lists/1');
  await jones.submit('/lists/1/decide', { which: 'all', ...KEEP });
  expect(await statuses()).toEqual({ kept: FILES });
  expect(jones.page.html).not.toContain('name="which"');

  await others.open('/lists/1?status=kept');
  const again = await others.submit('/lists/1/decide', { which: 'all', decision: 'approved' });
  expect([again.status, again.text]).toEqual([422, expect.stringContaining('is decided already. Nothing changed.')]);
  expect(again.html).toMatch(/href="#file"/);
  expect(again.html).toMatch(/id="file" tabindex="-1"/);
  expect(await statuses()).toEqual({ kept: FILES });
  await council.refused('decide 1 --approve --all', { as: 'm.jones' }, 'nothing_undecided', /nothing changed.*--files/s);
});

test('files without a caution are approved together, and the notice says which are left', async () => {
  await jones.open('/lists/1');
  expect(jones.page.text).toContain('All undecided files without an open caution (58), on every page');
  expect(jones.page.text).toContain('All undecided files of the list (60), on every page');
  await jones.submit('/lists/1/decide', { file: refAt(1), decision: 'referred', to_whom: 'Head of service', note: 'See the sister' });
  const { items } = await council.show(1);
  const left = items.flatMap(({ cautions }, i) => (cautions.length > 0 ? [i + 1] : []));
  const shown = await jones.submit('/lists/1/decide', { which: 'clean', decision: 'approved' });
  expect(shown.text).toContain(
    `57 files decided: approved. Left undecided, for each has a caution to be read by itself: numbers ${left.join(', ')}.`,
  );
  expect(await statuses()).toEqual({ approved: 57, referred: 1, pending: 2 });
  expect(shown.text).toContain('58 of 60');
  await jones.submit('/lists/1/decide', { which: 'clean', decision: 'approved' });
  expect(await statuses()).toEqual({ approved: 57, referred: 1, pending: 2 });
});

test('what is decided or refused on the second page, filtered and sorted, comes back to it', async () => {
  await jones.open('/lists/1?status=pending&sort=-file');
  const next = /href="([^"]*after=[^"]*)"/.exec(jones.page.html)?.[1]?.replaceAll('&amp;', '&') ?? '';
  await jones.open(next);
  const shown = places(jones);
  expect(shown).toHaveLength(10);
  const refs = new Map((await council.show(1)).items.map(({ file_ref }, i) => [i + 1, file_ref]));
  const [first = '', second = ''] = shown.map((place) => refs.get(place));

  const refused = await jones.submit('/lists/1/decide', { file: [first, second] });
  expect([refused.status, places(jones)]).toEqual([422, shown]);
  expect(refused.html.match(/name="file"[^>]* checked/g)).toHaveLength(2);
  await jones.submit('/lists/1/decide', { file: [first, second], decision: 'approved' });
  expect(jones.path).toBe(next);
  expect(places(jones)).toEqual(shown.slice(2));
  expect(await statuses()).toEqual({ approved: 2, pending: FILES - 2 });
  await jones.open('/lists/1?status=pending&after=60');
  expect(jones.page.html, 'an empty page leads back').toContain('href="/lists/1?status=pending"');
});

test('is sorted by links, either way, through every page, and says how', async () => {
  const { items } = await council.show(1);
  const byFile = items.map(({ file_ref }, i) => ({ file_ref, place: i + 1 })).sort((a, b) => (a.file_ref < b.file_ref ? -1 : 1));
  await jones.open('/lists/1?sort=file');
  expect(jones.page.html).toMatch(/aria-sort="ascending"><a class="govuk-link" href="\/lists\/1\?sort=-file"/);
  // Seen as well as told: by an arrow at the one column that sorts.
  expect(jones.page.html.match(/[▲▼]/g)).toEqual(['▲']);
  const first = places(jones);
  await jones.open(/href="([^"]*after=[^"]*)"/.exec(jones.page.html)?.[1]?.replaceAll('&amp;', '&') ?? '');
  expect([...first, ...places(jones)]).toEqual(byFile.map(({ place }) => place));
  await jones.open(/href="([^"]*before=[^"]*)"/.exec(jones.page.html)?.[1]?.replaceAll('&amp;', '&') ?? '');
  expect(places(jones)).toEqual(first);
  await jones.open('/lists/1?sort=-kept_until');
  expect(places(jones)[0]).toBe(FILES);
  await jones.open('/lists/1?sort=name;drop');
  expect(places(jones)[0]).toBe(1);
});

test('says how far it is, and goes on with the first that is undecided, on and back by a key too', async () => {
  await jones.open('/lists/1');
  await jones.submit('/lists/1/decide', { file: (await council.show(1)).items.slice(0, 2).map(({ file_ref }) => file_ref), ...KEEP });
  expect(jones.page.text).toContain('2 of 60');
  expect(jones.page.html).toMatch(/href="\/lists\/1\/files\/3"[^>]*>\s*Go on with the first undecided file/);
  const file = await jones.open('/lists/1/files/3');
  expect(file.text).toContain('2 of 60 decided, 58 to go.');
  expect(file.html).toMatch(/href="\/lists\/1\/files\/4"[^>]*accesskey="n"/);
  expect(file.html).toMatch(/href="\/lists\/1\/files\/2"[^>]*accesskey="p"/);
  expect(file.html.indexOf('accesskey="n"')).toBeLessThan(file.html.indexOf('Decide, and on to the next'));
  expect(file.text).toContain('N for “Next file of the list”');
});

test('is printed whole, with the day, the digest and who decided', async () => {
  await jones.open('/lists/1');
  await jones.submit('/lists/1/decide', { which: 'clean', decision: 'approved' });
  const paper = await jones.open('/lists/1/print');
  const { digest, items } = await council.show(1);
  expect(items.filter(({ file_ref }) => !paper.text.includes(file_ref))).toEqual([]);
  expect(paper.text).toContain('As it stood on 22 November 2026, all 60 files.');
  expect(paper.text).toContain(`Decided so far: m.jones (58 files). Digest of the list: ${digest}`);
  expect(paper.text).toMatch(/Overdue by Closed Cautions/);
  expect(paper.text).toContain('01/01/2010');
});

test('all lists say what is done, how old they are and who decides, and are sorted by links', async () => {
  const missing = { categories: 'missing_person', notified_on: '1940-05-01', opened_on: '1940-05-01', closed_on: '1941-05-01' };
  council.register.child('MP-1', missing, { date_of_birth: '1930-05-01' });
  await council.night('2026-11-23');
  council.today = '2026-11-25';
  await jones.open('/lists/1');
  await jones.submit('/lists/1/decide', { which: 'clean', decision: 'approved' });
  const shown = await jones.open('/lists');
  expect(shown.text).toContain('Move to the archive For decision 60 22/11/2026 3 m.jones');
  const order = (html: string) => [...html.matchAll(/>List (\d+)</g)].map(([, id]) => Number(id));
  expect(order(shown.html)).toEqual([2, 1]);
  const oldest = await jones.open('/lists?sort=listed');
  expect(order(oldest.html)).toEqual([1, 2]);
  expect(oldest.html).toMatch(/aria-sort="ascending"><a class="govuk-link" href="\/lists\?sort=-listed"/);
  expect(order((await jones.open('/lists?sort=-rule')).html)).toEqual([2, 1]);
});
