/** What a records manager does to single files and whole lists besides deciding: confirm, take off, cancel, close a referral. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SitePerson } from '../../reports/site/page.ts';
import { ROUTES } from '../../reports/site/routes.ts';
import { addDays } from '../../rules/dates.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

const PEOPLE: SitePerson[] = [
  { name: 'm.jones', roles: ['records_manager'] },
  { name: 's.lee', roles: ['auditor'] },
];

let council: Council;
let site: SiteUnderTest;
let jones: Browser;

beforeEach(async () => {
  council = await rehearsal();
  site = await siteOf(council, { samplePeople: PEOPLE });
  jones = await site.as('m.jones');
});

afterEach(async () => {
  await site.close();
  await council.close();
});

test('a date that became earlier is confirmed with a reason, once, and the next night lists the file', async () => {
  const facts = { categories: 'child_protection;child_in_care', closed_on: '2017-09-17' };
  council.register.child('CF-1', facts, { date_of_birth: '1999-09-17' });
  await council.night(council.today);
  council.register.change('CF-1', { categories: 'child_protection' });
  council.today = addDays(council.today, 1);
  await council.night(council.today);
  expect((await jones.open('/files?ref=CF-1')).html).toContain('href="/files/confirm?ref=CF-1"');
  expect((await jones.open('/files/confirm?ref=CF-1')).text).toContain('Somebody must confirm');
  const unsaid = await jones.submit('/files/confirm', { reason: ' ' });
  expect([unsaid.status, unsaid.text]).toEqual([422, expect.stringContaining('Say why the record is right')]);
  const done = await jones.submit('/files/confirm', { reason: 'closing note read' });
  expect(done.text).toContain('You confirmed the record of CF-1. It can be considered for disposal from 18 September 2024.');
  expect((await jones.open('/files/confirm?ref=CF-1')).text).toContain('There is nothing to confirm about CF-1.');
  expect(await council.db('confirmations').pluck('reason')).toEqual(['closing note read']);
  council.today = addDays(council.today, 1);
  await council.night(council.today);
  expect(await council.itemOf('CF-1')).toMatchObject({ status: 'pending' });
});

test('files are taken off a signed list with a reason, and what is wrong is said at its field', async () => {
  council.register.child('CF-1');
  council.register.child('CF-2');
  await council.night(council.today);
  await council.approveAndSign(1, council.today);
  const links = ['/lists/1/withdraw?file=CF-1', '/holds/place?scope=file&amp;ref=CF-1'].map(
    (href) => expect.stringContaining(`href="${href}"`) as string,
  );
  for (const link of links) expect((await jones.open('/lists/1/files/1')).html).toEqual(link);
  expect((await jones.open('/lists/1')).html).toContain('href="/lists/1/cancel"');
  expect((await jones.open('/lists/1/withdraw?file=CF-1')).html).toMatch(/<textarea[^>]*>CF-1<\/textarea>/);
  for (const [typed, words] of [
    [{ files: ' ', reason: 'claim 77/26' }, 'Enter the references of the files'],
    [{ files: 'CF-1', reason: ' ' }, 'Say why they come off'],
    [{ files: 'CF-1\nCF-9', reason: 'claim 77/26' }, 'CF-9'],
  ] as const) {
    const answered = await jones.submit('/lists/1/withdraw', typed);
    expect([answered.status, answered.text]).toEqual([422, expect.stringContaining(words)]);
    expect(answered.html).toContain(typed.files.trim());
  }
  const done = await jones.submit('/lists/1/withdraw', { files: 'CF-1\r\n\r\nCF-1', reason: 'claim 77/26' });
  expect(done.text).toContain('Taken off list 1: CF-1.');
  const items = await council.db('disposal_list_items').orderBy('file_ref').pluck('status');
  expect(items).toEqual(['withdrawn', 'approved']);
  await jones.open('/lists/1/withdraw');
  const again = await jones.submit('/lists/1/withdraw', { files: 'CF-1', reason: 'claim 77/26' });
  expect([again.status, again.text]).toEqual([422, expect.stringContaining('cannot be withdrawn any more')]);
});

test('a list is cancelled once, with a reason, and its files stay in the register', async () => {
  council.register.child('CF-1');
  await council.night(council.today);
  await jones.open('/lists/1/cancel');
  expect((await jones.submit('/lists/1/cancel', { reason: '' })).status).toBe(422);
  expect((await jones.submit('/lists/1/cancel', { reason: 'wrong rule' })).text).toContain('List 1 is cancelled.');
  expect((await jones.open('/lists/1/cancel')).text).toContain('List 1 is cancelled. It cannot be cancelled any more.');
  expect((await jones.open('/lists/1/withdraw')).text).toContain('Nothing can be taken off it any more.');
  expect(await council.db('case_files').pluck('file_ref')).toEqual(['CF-1']);
  expect((await council.lists()).map(({ state }) => state)).toEqual(['cancelled']);
});

test('a referral is shown with its note to who may read it, and is closed once', async () => {
  council.register.child('CF-1');
  await council.night(council.today);
  expect((await jones.open('/referrals')).text).toContain('No file is referred.');
  await council.done(['decide', '1', '--refer', '--note', 'to R. Patel', '--files', 'CF-1'], { asOf: council.today, as: 'm.jones' });
  await council.sign(1, council.today);
  const auditor = await site.as('s.lee');
  expect((await auditor.open('/referrals')).text).toContain('CF-1');
  expect(auditor.page.text).not.toContain('R. Patel');
  expect((await jones.open('/referrals')).text).toContain('to R. Patel');
  const stale = jones.page;
  expect((await jones.submit('/referrals/close')).text).toContain('The referral of CF-1 of 22/11/2026 is closed.');
  jones.page = stale;
  expect((await jones.submit('/referrals/close')).text).toContain('CF-1 has no open referral.');
});

test('a zero byte is refused in words at every address, never by a fault', async () => {
  const answers = new Set<number>();
  for (const { method, url } of ROUTES) {
    if (method !== 'GET' || url.includes(':')) continue;
    const { status, text } = await jones.open(`${url}?ref=a%00b`);
    expect(text, url).toContain('This cannot be stored');
    answers.add(status);
  }
  expect([...answers]).toEqual([422]);
});

test('home names what waits besides lists, what is overdue marked, each a link that leads there', async () => {
  council.register.child('CF-1', { originals_held: 'yes' });
  council.register.child('CF-2');
  council.register.child('CF-3', {}, { date_of_birth: '2015-01-02' });
  await council.night(council.today);
  expect((await jones.open('/')).text).not.toContain('Overdue: listed');
  await council.done(['hold', 'add', '--kind', 'police', '--scope', 'file:CF-3', '--authority', 'DI', '--review-on', '2026-11-23'], {
    asOf: council.today,
    as: 'm.jones',
  });
  await council.done(['decide', '1', '--refer', '--note', 'to R. Patel', '--files', 'CF-2'], { asOf: council.today, as: 'm.jones' });
  await council.done(['decide', '1', '--approve', '--acknowledge-cautions', '--files', 'CF-1'], { asOf: council.today, as: 'm.jones' });
  await council.sign(1, council.today);
  await council.db('disagreements').insert({ file_ref: 'CF-2', found_on: council.today, in_bulk: '{}', one_by_one: '{}' });
  council.today = addDays(council.today, 40);
  const { html, text } = await jones.open('/');
  for (const words of [
    '1 hold is due for review Overdue',
    '1 file has originals that should be back Overdue',
    '1 file is referred to somebody',
    '1 file on which our two calculations differ Overdue',
  ])
    expect(text).toContain(words);
  const links = [...html.matchAll(/<li><a class="govuk-link" href="([^"]+)">/g)].map(([, href = '']) => href);
  for (const href of links) expect([href, (await jones.open(href.replaceAll('&amp;', '&'))).status]).toEqual([href, 200]);
  expect((await jones.open('/brakes')).text).toContain('CF-2 , since 22 November 2026');
});

test('a list that waits for over thirty days is marked overdue', async () => {
  council.register.child('CF-1');
  await council.night(council.today);
  council.today = addDays(council.today, 30);
  expect((await jones.open('/')).text).not.toContain('Overdue');
  council.today = addDays(council.today, 1);
  expect((await jones.open('/')).text).toContain('Overdue: listed on 22/11/2026');
});
