/** The page of one file: its whole story in plain words, free text for those who see names, and no two names of one person. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openArchiveStore } from '../../db/archiveStore.ts';
import { verifyBag } from '../../db/bag.ts';
import type { SitePerson } from '../../reports/site/page.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type SiteUnderTest } from './browsing.ts';

const PEOPLE: SitePerson[] = [
  { name: 'm.jones', roles: ['records_manager'] },
  { name: 's.lee', roles: ['auditor'] },
];
const ADOPTION = { categories: 'adoption', adoption_order_on: '1900-05-01', opened_on: '1900-01-01', closed_on: '1905-01-01' };

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

test('the birth name and the adoptive name of a child meet on no page and in no explanation', async () => {
  council.register
    .child('AD-1', { ...ADOPTION, adoption_order_on: '2005-05-01', opened_on: '2004-01-01' }, { name: 'Rose Bornas' })
    .child('CN-1', { subject_refs: 'AD-1-P' })
    .child('CN-2', {}, { name: 'Lily Other' });
  await council.night('2026-11-20');
  council.register.change('AD-1-P', { name: 'Anna Adoptedas' }).change('CN-2-P', { name: 'Lily Married' });
  await council.night('2026-11-21');
  const jones = await site.as('m.jones');
  for (const ref of ['AD-1', 'CN-1']) {
    const { html, text } = await jones.open(`/files?ref=${ref}`);
    expect(html).not.toMatch(/Bornas|Adoptedas/);
    expect(text).toContain('AD-1-P, born 2 January 2000');
    expect(text).toContain('The name changed on 21/11/2026 (AD-1-P).');
    expect(text).toContain('Their names are not shown');
    const told = [await council.done(`explain ${ref}`), await council.done(`explain ${ref} --json`)].map(({ stdout }) => stdout).join('');
    expect(told).toContain('The name changed on 21/11/2026');
    expect(told).not.toMatch(/Bornas|Adoptedas/);
  }
  const other = await jones.open('/files?ref=CN-2');
  expect(other.text).toContain('CN-2-P, Lily Married, born');
  expect(other.html).not.toContain('Lily Other');
});

test.each([
  ['by a rule of adoptions', ADOPTION, { date_of_birth: '1899-05-01' }],
  [
    'by a rule of children in care',
    { categories: 'adoption;child_in_care', adoption_order_on: '1946-01-01', opened_on: '1945-01-01', closed_on: '1958-01-01' },
    { date_of_birth: '1940-05-01', date_of_death: '1980-01-01' },
  ],
])('names stay off the other files of somebody whose adoption file was archived, %s', async (_how, facts, person) => {
  council.register.child('AD-1', facts, { name: 'Anna Adoptedas', ...person }).child('CN-1', { subject_refs: 'AD-1-P', closed_on: '' });
  await council.night('2026-11-20');
  await council.approveAndSign((await council.itemOf('AD-1')).list, '2026-11-20');
  council.today = '2026-11-28';
  await council.night('2026-11-28');
  expect(await council.db('case_files').pluck('file_ref')).toEqual(['CN-1']);
  const jones = await site.as('m.jones');
  expect((await jones.open('/files?ref=CN-1')).html).not.toContain('Adoptedas');
});

test('the bag of a file keeps the values of what changed, which pages do not show', async () => {
  council.register.child('CF-1', {}, { name: 'Lily Other' });
  await council.night('2026-11-20');
  council.register.change('CF-1-P', { name: 'Lily Married' });
  await council.night('2026-11-21');
  const [list] = await council.lists('for_decision');
  await council.approveAndSign(list?.id ?? 0, '2026-11-21');
  await council.night('2026-11-29');
  const { records } = await verifyBag(openArchiveStore(council.archive), 'CF-1.zip');
  expect(records['facts']).toMatchObject({
    changes: [{ on: '2026-11-21', kind: 'person', ref: 'CF-1-P', field: 'name', old_value: 'Lily Other', new_value: 'Lily Married' }],
  });
});

test('everything that was done with a file is on its page, what people wrote only for those who see names', async () => {
  const by = (as: string, asOf: string) => ({ as, asOf });
  council.register.child('CF-1', { family_ref: 'FAM-7', originals_held: 'yes', withdrawn_on: '2008-02-01', location: 'Shelf 14' });
  await council.night('2026-11-20');
  await council.done(
    ['decide', '1', '--keep-until', '2026-11-22', '--reason', 'claim', '--note', 'Ask Ms Archer', '--files', 'CF-1'],
    by('m.jones', '2026-11-20'),
  );
  await council.sign(1, '2026-11-20');
  council.register.change('CF-1', { last_entry_on: '2010-01-02', categories: 'child_in_need;financial' });
  await council.night('2026-11-23');
  await council.done(['decide', '2', '--refer', '--note', 'Ms Grant decides', '--files', 'CF-1'], by('m.jones', '2026-11-23'));
  await council.sign(2, '2026-11-23');
  await council.done('referral close CF-1', by('m.jones', '2026-11-24'));
  const hold = ['hold', 'add', '--kind', 'police', '--scope', 'file:CF-1', '--authority', 'DI Archer', '--review-on', '2027-05-01'];
  await council.done(hold, by('m.jones', '2026-11-24'));
  await council.done(['hold', 'release', '1', '--reason', 'Trial of Ms Archer ended'], by('m.jones', '2026-11-25'));
  await council.done('hold release 1 --confirm', by('a.khan', '2026-11-25'));
  await council.done(['originals', 'returned', 'CF-1', '--to', 'Ms Archer, by hand'], by('m.jones', '2026-11-25'));
  const asked = { file_ref: 'CF-1', list_id: 1, keep_until: '2027-01-31', reason: 'Ms Archer asks', asked_by: 'm.jones' };
  await council.db('restore_requests').insert({ ...asked, asked_on: '2026-11-25' });
  const done = { file_ref: 'CF-1', review_on: '2018-01-02', done_by: 'm.jones', done_on: '2026-11-25', note: 'Removed Ms Archer’s notes' };
  await council.db('reviews_done').insert(done);
  council.today = '2026-11-26';
  await council.night('2026-11-26');

  const words = [
    'Opened 01/01/2004',
    'Closed 01/01/2010',
    'Family FAM-7',
    'Last entry 02/01/2010',
    'Application withdrawn 01/02/2008',
    'Last entry: 02/01/2010, before that not known.',
    'Categories: child in need, financial, before that child in need.',
    'Decided: kept by m.jones 20 November 2026 List 1.',
    'Kept longer by m.jones 20 November 2026 Through 22/11/2026. A claim against the council.',
    'Its list was signed off by a.khan 20 November 2026 List 1.',
    'Referred to a person by m.jones 23 November 2026 List 2.',
    'The referral was closed by m.jones 24 November 2026',
    'Hold 1 was placed by m.jones 24 November 2026 Police investigation.',
    'Hold 1 was released by a.khan 25 November 2026 Police investigation.',
    'Original documents by m.jones 25 November 2026 Returned to the person.',
    'Safeguarding Unit review done by m.jones 25 November 2026 It was due on 02/01/2018.',
    'Bringing it back from the archive was asked for by m.jones 25 November 2026 Through 31/01/2027.',
    'Put on a disposal list 26 November 2026 List 3.',
  ];
  const free = ['Ask Ms Archer', 'Ms Grant decides', 'DI Archer', 'Trial of Ms Archer ended', 'Ms Archer, by hand', 'Ms Archer asks'];
  const [jones, lee] = [await site.as('m.jones'), await site.as('s.lee')];
  const told = await jones.open('/lists/3/files/1');
  expect(told.text).toMatch(/Decided: kept by m\.jones 20 November 2026 at \d\d:\d\d List 1\./);
  const text = told.text.replaceAll(/ at \d\d:\d\d/g, '');
  expect([...words, ...free, 'Removed Ms Archer', 'Shelf 14'].filter((said) => !text.includes(said))).toEqual([]);
  expect(text).not.toMatch(/last entry on|\d{4}-\d\d-\d\d/);
  const auditor = await lee.open('/lists/3/files/1');
  expect(words.filter((said) => !auditor.text.replaceAll(/ at \d\d:\d\d/g, '').includes(said))).toEqual([]);
  expect(auditor.text).not.toMatch(/Archer|Grant|Shelf/);
});

test('what was done on one day is told in the order in which the audit has it', async () => {
  const day = council.today;
  const by = (as: string) => ({ as, asOf: day });
  council.register.child('CF-1');
  await council.night(day);
  const hold = ['hold', 'add', '--kind', 'police', '--scope', 'person:CF-1-P', '--authority', 'DI Archer', '--review-on', '2027-05-01'];
  await council.done(hold, by('m.jones'));
  await council.done('decide 1 --refer --note x --files CF-1', by('m.jones'));
  await council.done('hold release 1 --reason over', by('m.jones'));
  await council.done('hold release 1 --confirm', by('a.khan'));
  await council.done('decide 1 --approve --files CF-1', by('b.osei'));
  council.register.change('CF-1', { closed_on: '2011-01-01' });
  council.register.change('CF-1-P', { date_of_birth: '2000-02-02' });
  await council.writeExtract();
  for (const step of [['import', council.extract], ['compute'], ['recheck']]) await council.done(step, { asOf: day });
  await council.done(hold, by('m.jones'));
  const { html } = await (await site.as('m.jones')).open('/files?ref=CF-1');
  const labels = [...html.matchAll(/moj-timeline__title">([^<]+)</g)].map(([, label = '']) => label);
  expect(labels.reverse()).toEqual([
    'Put on a disposal list',
    'Hold 1 was placed',
    'Decided: referred',
    'Hold 1 was released',
    'Decided: approved',
    'A fact changed',
    'A fact changed',
    'The date changed',
    'Taken off its list',
    'Hold 2 was placed',
  ]);
  const history = (await council.done('explain CF-1 --json', { asOf: day })).json<{ history: { time: string | null }[] }>().history;
  expect(history.map(({ time }) => time)).toEqual([1, 2, 3].map(() => expect.stringMatching(/^\d\d:\d\d$/) as string));
});

test('a death that brings the date forward is said with both years', async () => {
  council.register.child(
    'CC-1',
    { categories: 'child_in_care', opened_on: '1995-01-01', closed_on: '2005-01-01' },
    {
      date_of_birth: '1990-01-02',
      date_of_death: '2005-01-01',
    },
  );
  await council.night('2026-11-20');
  const jones = await site.as('m.jones');
  const { text } = await jones.open('/files?ref=CC-1');
  expect(text).toContain('The recorded death brings the date forward from 2065 to 2020. Check the certificate.');
});

test('a period that is over says the day it ended on when something stands in the way', async () => {
  council.register.child('CF-1', { closed_on: '' });
  await council.night('2026-11-20');
  const jones = await site.as('m.jones');
  expect((await jones.open('/files?ref=CF-1')).text).toContain(
    'The period of this file ended on 2 January 2025, but something stands in the way.',
  );
});
