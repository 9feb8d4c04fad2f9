/** Bringing a file back on the site: asked by one person, confirmed by another who saw that very request. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SitePerson } from '../../reports/site/page.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

const PEOPLE: SitePerson[] = [
  { name: 'm.jones', roles: ['records_manager'] },
  { name: 'a.khan', roles: ['records_manager'] },
];
const ASK = { ref: 'CF-1', reason: 'claim 77/26', keep_day: '30', keep_month: '6', keep_year: '2027' };

let council: Council;
let site: SiteUnderTest;
let jones: Browser;
let khan: Browser;
let letter: string;

beforeEach(async () => {
  council = await rehearsal();
  council.register.child('CF-1').child('CF-2', { closed_on: '' });
  letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
  await council.night('2026-11-22');
  await council.approveAndSign(1, '2026-11-22');
  council.today = '2026-11-30';
  await council.night(council.today);
  expect(await council.bags()).toEqual(['CF-1.zip']);
  site = await siteOf(council, { samplePeople: PEOPLE });
  [jones, khan] = [await site.as('m.jones'), await site.as('a.khan')];
});

afterEach(async () => {
  await site.close();
  await council.close();
});

test('what is wrong with the form is said at its field, and what was typed stays', async () => {
  await jones.open('/restore');
  for (const [change, words] of [
    [{ ref: ' ' }, 'Enter the reference of the file'],
    [{ ref: 'CF-2' }, 'it is in the register'],
    [{ reason: ' ' }, 'Say why the file is needed again'],
    [{ keep_day: '31' }, 'Enter the last day on which it is kept'],
    [{ keep_year: '2026' }, 'is not after 30 November 2026'],
  ] as const) {
    const answered = await jones.submit('/restore', { ...ASK, ...change });
    expect([answered.status, answered.text]).toEqual([422, expect.stringContaining(words)]);
    expect(answered.html).toContain(`value="${'keep_year' in change ? change.keep_year : ASK.keep_year}"`);
  }
  expect(await council.db('restore_requests')).toEqual([]);
});

test('another person confirms the very request that was shown, and the file is back', async () => {
  await jones.open('/restore?ref=CF-1');
  expect((await jones.submit('/restore', ASK)).text).toContain('Asked for CF-1. It stays in the archive until another person confirms');
  expect(jones.page.text).toContain('Another person confirms');
  await jones.open('/restore/confirm?ref=CF-1');
  expect((await jones.submit('/restore/confirm')).text).toContain('You asked for it, so another person must confirm it.');

  expect((await khan.open('/restore')).text).toContain('claim 77/26');
  expect((await khan.open('/restore/confirm?ref=CF-1')).text).toContain('kept through 30 June 2027');
  await jones.open('/restore');
  await jones.submit('/restore', { ...ASK, reason: 'the wrong family asked' });
  expect((await khan.submit('/restore/confirm')).text).toContain('It was asked for anew after you opened this page.');
  expect(khan.page.text).toContain('the wrong family asked');

  const form = khan.page;
  expect((await khan.submit('/restore/confirm')).text).toContain('CF-1 is in the register again, and is kept through 30 June 2027.');
  expect(khan.path).toBe('/files?ref=CF-1');
  await council.expectAccounted();
  khan.page = form;
  expect((await khan.submit('/restore/confirm')).text).toContain('or another person has confirmed it');
});

test('another document in the place of one that comes back is left alone, and says what to do', async () => {
  await jones.open('/restore');
  await jones.submit('/restore', ASK);
  await mkdir(path.dirname(letter), { recursive: true });
  await writeFile(letter, 'somebody else’s');
  await khan.open('/restore/confirm?ref=CF-1');
  const refused = await khan.submit('/restore/confirm');
  expect([refused.status, refused.text]).toEqual([422, expect.stringContaining('Nothing was recorded.')]);
  expect(refused.text).toContain('Another file lies under the document root');
  expect(await council.db('case_files').pluck('file_ref')).toEqual(['CF-2']);
});
