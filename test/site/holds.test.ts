/** Holds on the site: placed by a form, released by two people, paged by key, and without free text for an auditor. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addDays } from '../../rules/dates.ts';
import type { SitePerson } from '../../reports/site/page.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Answered, type SiteUnderTest } from './browsing.ts';

const PEOPLE: SitePerson[] = [
  { name: 'm.jones', roles: ['records_manager'] },
  { name: 'a.khan', roles: ['authoriser', 'compliance'] },
  { name: 's.lee', roles: ['auditor'] },
];
const POLICE = { kind: 'police', scope: 'file', file_ref: 'CF-1', authority: 'DI Archer, ref 77/26', ...day('22', '5', '2027') };

let council: Council;
let site: SiteUnderTest;

beforeEach(async () => {
  council = await rehearsal();
  site = await siteOf(council, { samplePeople: PEOPLE });
});

afterEach(async () => {
  await site.close();
  await council.close();
});

test('a hold is placed by a form, is in force at once, and its release takes two people', async () => {
  council.register.child('CF-1');
  await council.night(council.today);
  const jones = await site.as('m.jones');
  expect((await jones.open('/holds')).text).toContain('No hold is in force. Place one when');
  expect((await jones.open('/holds/place')).html).not.toMatch(/<input[^>]*type="radio"[^>]*checked/);
  expect((await jones.submit('/holds', POLICE)).text).toContain('Hold 1 is in force and covers 1 file.');
  expect(jones.page.text).toContain('Ordered by DI Archer, ref 77/26');
  expect((await council.explain('CF-1')).blocks).toContain('hold');

  const reasonless = await jones.submit('/holds/1/ask', { reason: ' ' });
  expectError(reasonless, 'reason', 'Say why the hold may be released');
  const asked = await jones.submit('/holds/1/ask', { reason: 'The trial of Rose Marlow ended' });
  expect(asked.text).toContain('It stays in force until another person confirms, through 22 December 2026');
  expect(asked.text).toContain('You asked, so another person confirms');
  expect(asked.html).not.toContain('action="/holds/1/confirm"');
  const own = await jones.send('POST', '/holds/1/confirm', { _csrf: secretOf(asked) });
  expectError(own, 'reason', 'You asked for the release of this hold, so another person must confirm it.', 409);
  await expectRefused('m.jones', 'own_request');

  const khan = await site.as('a.khan');
  expect((await khan.open('/holds?show=asked')).text).toContain('Hold 1 Police investigation File CF-1');
  expect((await khan.open('/holds/1')).text).toContain('The trial of Rose Marlow ended');
  await jones.open('/holds/1');
  await jones.submit('/holds/1/ask', { reason: 'Placed on the wrong file' });
  const stale = await khan.submit('/holds/1/confirm');
  expectError(stale, 'confirm', 'Somebody asked for the release anew after you opened this page. Nothing was released.', 409);
  expect(stale.text).toContain('Placed on the wrong file');
  expect((await council.explain('CF-1')).blocks).toContain('hold');

  expect((await khan.submit('/holds/1/confirm')).text).toContain('Hold 1 is released. It covered 1 file.');
  expect((await council.explain('CF-1')).blocks).not.toContain('hold');
  expect((await khan.open('/holds?show=released')).text).toContain('22/11/2026 by a.khan');
  expect(khan.page.text).toContain('In force (0) Due for review (0) Release to be confirmed (0)');
});

test('a second press of the button places no second hold, and another day or another word does', async () => {
  council.register.child('CF-1');
  await council.night(council.today);
  const jones = await site.as('m.jones');
  await jones.open('/holds/place');
  const form = jones.page;
  const both = await Promise.all([1, 2].map(() => jones.send('POST', '/holds', { _csrf: secretOf(form), ...POLICE })));
  expect(both.map(({ headers }) => headers['location'])).toEqual(['/holds/1', '/holds/1']);
  await jones.open('/holds/place');
  expect((await jones.submit('/holds', { ...POLICE, authority: 'DI Archer, ref 78/26' })).text).toContain('Hold 2 is in force');
  expect(await council.db('holds').pluck('id')).toEqual([1, 2]);
  expect(await council.db('audit_events').where({ event: 'hold.placed' })).toHaveLength(2);
});

test('what is wrong with the form is said at its fields, all at once, and what was typed stays', async () => {
  const jones = await site.as('m.jones');
  await jones.open('/holds/place');
  const empty = await jones.submit('/holds');
  for (const field of ['kind', 'scope', 'authority', 'review_day']) expectError(empty, field, '');
  const cases: [fields: Record<string, string>, field: string, words: string][] = [
    [{ file_ref: ' ' }, 'file_ref', 'Enter the reference of the file'],
    [{ scope: 'person' }, 'person_ref', 'Enter the reference of the person'],
    [{ scope: 'family' }, 'family_ref', 'Enter the reference of the family'],
    [{ scope: 'category' }, 'category_ref', 'Choose the category'],
    [{ scope: 'category', category_ref: 'made_up' }, 'category_ref', 'Choose the category'],
    [{ file_ref: 'x'.repeat(201) }, 'file_ref', 'at most 200 characters'],
    [{ authority: 'x'.repeat(1001) }, 'authority', 'at most 1000 characters'],
    [day('31', '2', '2027'), 'review_day', 'Enter the day on which it is reviewed'],
    [day('22', '11', '2026'), 'review_day', 'A hold is reviewed on a day to come; 22 November 2026 is not after'],
  ];
  for (const [change, field, words] of cases) {
    const fields: Record<string, string> = { ...POLICE, ...change };
    const answered = await jones.submit('/holds', fields);
    expectError(answered, field, words);
    expect(answered.html).toMatch(/value="police"[^>]*checked/);
    for (const name of ['authority', 'review_year']) expect(answered.html).toContain(`value="${fields[name] ?? ''}"`);
  }
  expect(await council.db('holds')).toEqual([]);

  const nothing = await jones.submit('/holds', POLICE);
  expect(nothing.text).toContain('Please note Hold 1 is in force. It matches nothing yet');
  for (const [scope, ref, shown] of [
    ['everything', '', 'Every file'],
    ['category', 'adoption', 'Category: Adoption'],
    ['person', 'P-1', 'Person P-1'],
    ['family', 'FAM-1', 'Family FAM-1'],
  ] as const) {
    await jones.open(`/holds/place?scope=${scope}&ref=${ref}`);
    expect(jones.page.html).toMatch(new RegExp(`value="${scope}"[^>]*checked`));
    expect((await jones.submit('/holds', { ...POLICE, scope, [`${scope}_ref`]: ref })).text).toContain(shown);
  }
  expect(await council.db('holds').orderBy('id').select('scope', 'scope_ref')).toEqual([
    { scope: 'file', scope_ref: 'CF-1' },
    { scope: 'everything', scope_ref: null },
    { scope: 'category', scope_ref: 'adoption' },
    { scope: 'person', scope_ref: 'P-1' },
    { scope: 'family', scope_ref: 'FAM-1' },
  ]);
});

test('a request lapses after 30 days; a hold that is due for review is still in force, and says what to do', async () => {
  const jones = await site.as('m.jones');
  await jones.open('/holds/place');
  await jones.submit('/holds', { ...POLICE, ...day('23', '11', '2026') });
  await jones.submit('/holds/1/ask', { reason: 'over' });
  let khan = await site.as('a.khan');
  const request = /name="request" value="([^"]*)"/.exec((await khan.open('/holds/1')).html)?.[1] ?? '';
  council.today = addDays(council.today, 31);
  khan = await site.as('a.khan');
  expect((await khan.open('/holds?show=due')).text).toContain('23/11/2026 Due In force, request for release lapsed');
  expect((await khan.open('/holds/1')).text).toContain('Its review is due. Ask who ordered it whether it is still needed.');
  expect(khan.page.html).not.toContain('action="/holds/1/confirm"');
  const late = await khan.send('POST', '/holds/1/confirm', { _csrf: secretOf(khan.page), request });
  expectError(late, 'reason', 'The request lapsed after 30 days. The hold stays in force.', 409);
  expect((await khan.open('/holds/99')).status).toBe(404);
  expect((await khan.open('/holds/no-number')).status).toBe(404);
});

test('many holds are paged by key, each once; those due for review by how long they are overdue', async () => {
  const rows = Array.from({ length: 120 }, (_, i) => ({
    kind: 'inquiry',
    scope: 'file',
    scope_ref: `CF-${i}`,
    authority: 'The inquiry',
    review_on: addDays('2026-11-01', (i * 37) % 20),
    placed_by: 'm.jones',
    placed_on: '2026-10-01',
  }));
  await council.done('lists');
  await council.db.batchInsert('holds', rows);
  const jones = await site.as('m.jones');
  const walk = async (show: string) => {
    const seen: number[] = [];
    for (let path: string | undefined = `/holds?show=${show}`; path !== undefined;) {
      const { html } = await jones.open(path);
      seen.push(...[...html.matchAll(/href="\/holds\/(\d+)"/g)].map(([, id]) => Number(id)));
      path = /href="([^"]*)" rel="next"/.exec(html)?.[1]?.replaceAll('&amp;', '&');
    }
    return seen;
  };
  expect(await walk('in_force')).toEqual(Array.from({ length: 120 }, (_, i) => 120 - i));
  const due = (await council.done('hold list --due --json')).json<{ id: number }[]>().map(({ id }) => id);
  expect([due.length, await walk('due')]).toEqual([120, due]);
});

test('an auditor reads holds without who ordered them and why they may go, and changes none', async () => {
  const jones = await site.as('m.jones');
  await jones.open('/holds/place');
  await jones.submit('/holds', POLICE);
  await jones.submit('/holds/1/ask', { reason: 'Rose Marlow agreed' });
  const lee = await site.as('s.lee');
  for (const path of ['/holds', '/holds/1', '/holds?show=asked']) {
    const { html, text } = await lee.open(path);
    expect(html).not.toMatch(/Archer|Rose Marlow|<form method="post" action="\/holds|\/holds\/place/);
    expect(text).toContain('Police investigation');
  }
  expect(lee.page.text).toContain('File CF-1');
  for (const path of ['/holds', '/holds/1/ask', '/holds/1/confirm'])
    expect((await lee.send('POST', path, { _csrf: secretOf(lee.page), ...POLICE, reason: 'x' })).status).toBe(403);
  await expectRefused('s.lee', 'not_permitted');
});

function day(dayOfMonth: string, month: string, year: string): Record<string, string> {
  return { review_day: dayOfMonth, review_month: month, review_year: year };
}

function expectError({ status, html, text }: Answered, field: string, words: string, expected = 422): void {
  expect([status, text]).toEqual([expected, expect.stringContaining(words)]);
  expect([field, html.includes(`href="#${field}"`), new RegExp(`id="${field}"`).test(html)]).toEqual([field, true, true]);
  expect(html).toMatch(new RegExp(`id="${field.replace(/^review_day$/, 'review')}-error"`));
}

function secretOf({ html }: Answered): string {
  return /name="_csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';
}

async function expectRefused(actor: string, why: string): Promise<void> {
  const last = await council
    .db('audit_events')
    .where({ event: 'refused' })
    .orderBy('seq', 'desc')
    .first<{ actor: string; details: string }>();
  expect([last.actor, (JSON.parse(last.details) as { why: string }).why]).toEqual([actor, why]);
}
