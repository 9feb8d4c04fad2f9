/** Reviews, and what is to do outside the computer: read, recorded by forms, refused in words, and followed by bag and sources. */
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SitePerson } from '../../reports/site/page.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { confirmedDoubt, forgetTwentyFirstBirthdays, OPENED_AS_AN_ADULT } from '../setup/disagreement.ts';
import { siteOf, type Answered, type Browser, type SiteUnderTest } from './browsing.ts';

const PEOPLE: SitePerson[] = [
  { name: 'm.jones', roles: ['records_manager'] },
  { name: 'a.khan', roles: ['authoriser', 'compliance'] },
  { name: 's.lee', roles: ['auditor'] },
];
const SAFEGUARDING = { categories: 'safeguarding_unit', opened_on: '1985-01-01', closed_on: '1990-03-01' };
const IN_CARE = { categories: 'child_in_care', opened_on: '1950-01-01', closed_on: '1960-01-01' };
const ADULT = { date_of_birth: '1945-03-04', known_to_adult_services: 'yes' };
const BAGGED = '2026-11-30';

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

describe('reviews', () => {
  it('are shown when due, recorded with a note, and refused without one or when somebody was first', async () => {
    council.register
      .child('SU/1 a', SAFEGUARDING, { date_of_birth: '1970-01-02' })
      .child('SU-2', SAFEGUARDING, { date_of_birth: '2008-11-22' });
    council.register.child('SU-3', SAFEGUARDING, { date_of_birth: '2008-11-21' });
    expect((await jones.open('/reviews')).text).toContain('No review is due');
    await council.night(council.today);
    const shown = await jones.open('/reviews');
    expect(shown.text).toContain('3 reviews are due, the longest overdue first.');
    expect(shown.text).toMatch(
      /SU\/1 a 02\/01\/1988 14,204 days Closed 01\/03\/1990 .*SU-3 21\/11\/2026 1 day .*SU-2 22\/11\/2026 Due today/,
    );

    await jones.open(hrefOf(shown, 'Record as done'));
    const wordless = await jones.submit('/reviews/done', { note: ' ', authorised_by: 'R. Patel' });
    expectError(wordless, 'note', 'Say what was removed, or that nothing was');
    expect(wordless.html).toContain('value="R. Patel"');
    const second = await site.as('m.jones');
    await second.open(hrefOf(shown, 'Record as done'));
    const done = await jones.submit('/reviews/done', { note: 'two copies of a school report', authorised_by: 'R. Patel' });
    expect(done.text).toContain('The review of SU/1 a that was due on 2 January 1988 is recorded as done.');
    expect(done.text).toContain('2 reviews are due');
    expect(await council.db('reviews_done')).toMatchObject([
      { file_ref: 'SU/1 a', note: 'two copies of a school report', authorised_by: 'R. Patel', done_by: 'm.jones' },
    ]);
    expect((await second.submit('/reviews/done', { note: 'again' })).text).toContain(
      'Nothing more was recorded. No review of that file is due.',
    );
    expect(await council.db('reviews_done')).toHaveLength(1);
    expect(await lastRefusal()).toEqual(['m.jones', 'no_review_due']);

    const lee = await site.as('s.lee');
    expect((await lee.open('/reviews')).html).not.toMatch(/R\. Patel|school report|reviews\/done/);
    expect(lee.page.text).toContain('A records manager records what was done.');
    expect((await lee.send('POST', '/reviews/done', { _csrf: secretOf(lee.page), ref: 'SU-2', note: 'x' })).status).toBe(403);
  });

  it('are paged by key, each once', async () => {
    for (let i = 0; i < 120; i++) council.register.child(`SU-${i}`, SAFEGUARDING, { date_of_birth: `19${70 + (i % 7)}-01-02` });
    await council.night(council.today);
    const seen: string[] = [];
    for (let at: string | undefined = '/reviews'; at !== undefined;) {
      const { html } = await jones.open(at);
      seen.push(...[...html.matchAll(/href="\/files\?ref=([^"]*)"/g)].map(([, ref = '']) => ref));
      at = /href="([^"]*)" rel="next"/.exec(html)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toEqual((await council.done('review list --json')).json<{ file_ref: string }[]>().map((review) => review.file_ref));
    expect(seen).toHaveLength(120);
  });
});

describe('a transfer and its paper', () => {
  it('are recorded one after the other; bag and sources follow', async () => {
    const letter = await waits({ medium: 'both' });
    const shown = await jones.open('/outside');
    expect(shown.text).toContain('Transfers to be received (1)');
    expect(shown.text).toContain('CF-1 30/11/2026 List 1 Child in Care: 75 years after DOB Record the receipt');
    await jones.open('/outside/receipt?ref=CF-1');
    const named = await jones.submit('/outside/receipt', { adult_file_ref: 'Rose Marlow' });
    expectError(named, 'adult_file_ref', 'it must not be a name');
    expect(named.html).toContain('value="Rose Marlow"');
    expect((await jones.submit('/outside/receipt', { adult_file_ref: 'AS-77' })).text).toContain(
      'Recorded for CF-1. It waits for its paper now. List 1 is in progress.',
    );
    expect([await council.bags(), await readdir(path.join(council.archive, 'transfer'))]).toEqual([['CF-1.zip'], []]);
    await expect(access(letter)).resolves.toBeUndefined();

    expect((await jones.open('/outside')).text).toContain(
      'CF-1 30/11/2026 List 1 Child in Care: 75 years after DOB AS-77 Record where it went',
    );
    await jones.open('/outside/paper?ref=CF-1');
    expectError(await jones.submit('/outside/paper', { moved_to: ' ' }), 'moved_to', 'Say where the paper is now');
    const done = await jones.submit('/outside/paper', { moved_to: 'Adult Services, room 3' });
    expect(done.text).toContain('Recorded for CF-1. It is transferred. List 1 is complete. 1 source document removed.');
    expect(done.text).toContain('No file waits for its paper.');
    await expect(access(letter)).rejects.toThrow('ENOENT');
    expect(await council.db('paper_moves').pluck('moved_to')).toEqual(['Adult Services, room 3']);
    expect((await jones.open('/outside/paper?ref=CF-1')).text).toContain('That file does not wait for this.');
    await council.expectAccounted();
  });

  it('are not recorded against a hold, a brake, a damaged bag, with archiving off, or twice; each says why at the field', async () => {
    const letter = await waits(OPENED_AS_AN_ADULT);
    const receive = async (browser = jones) => {
      await browser.open('/outside/receipt?ref=CF-1');
      return browser.submit('/outside/receipt', { adult_file_ref: 'AS-77' });
    };
    await council.done(['hold', 'add', ...HOLD], { asOf: BAGGED, as: 'm.jones' });
    expectError(await receive(), 'adult_file_ref', 'CF-1 stays where it is, and nothing was recorded: it is blocked now: hold.');
    expect(jones.page.html).toContain('value="AS-77"');
    expect(await lastRefusal()).toEqual(['m.jones', 'not_free']);
    await council.done('hold release 1 --reason over', { asOf: BAGGED, as: 'm.jones' });
    await council.done('hold release 1 --confirm', { asOf: BAGGED, as: 'a.khan' });

    const off = await siteOf(council, { samplePeople: PEOPLE, archive: { ...site.site.archive, on: false } });
    try {
      expectError(await receive(await off.as('m.jones')), 'adult_file_ref', 'Archiving is switched off, so nothing was recorded.');
    } finally {
      await off.close();
    }
    const bag = path.join(council.archive, 'transfer', 'CF-1.zip');
    const whole = await readFile(bag);
    await writeFile(bag, 'rubbish');
    expectError(await receive(), 'adult_file_ref', 'Nothing was recorded. The bag transfer/CF-1.zip is damaged');
    await writeFile(bag, whole);

    await council.db('determinations').where({ file_ref: 'CF-1' }).update({ review_on: '2090-01-01' });
    expectError(await receive(), 'adult_file_ref', 'Facts or schedule changed since the last compute');
    await council.done('compute', { asOf: BAGGED });
    await forgetTwentyFirstBirthdays(council);
    expect((await receive()).text).toContain('Please note CF-1 stays where it is, and nothing was recorded: our two calculations');
    expectError(await receive(), 'adult_file_ref', 'A brake is on, so nothing is archived and nothing was recorded.');
    expect(await council.db('transfer_receipts')).toEqual([]);
    await expect(access(letter)).resolves.toBeUndefined();
    expect(await council.itemOf('CF-1')).toMatchObject({ status: 'waiting_for_receipt' });
  });

  it('stay recorded when the bag cannot find its place yet, which is said; somebody who comes second records nothing', async () => {
    await waits();
    await jones.open('/outside/receipt?ref=CF-1');
    const second = await site.as('m.jones');
    await second.open('/outside/receipt?ref=CF-1');
    await mkdir(path.join(council.archive, 'CF-1.zip'));
    const received = await jones.submit('/outside/receipt', { adult_file_ref: 'AS-77' });
    expect(received.text).toContain(
      'Please note Recorded for CF-1. It is transferred. List 1 is complete. 1 source document removed. Its bag',
    );
    const late = await second.submit('/outside/receipt', { adult_file_ref: 'AS-78' });
    expect([late.status, late.text]).toEqual([404, expect.stringContaining('moved to the archive')]);
    expect(await council.db('transfer_receipts').pluck('adult_file_ref')).toEqual(['AS-77']);
  });
});

describe('originals', () => {
  it('are shown by when they go back, and what became of them is recorded once', async () => {
    const held = { originals_held: 'yes' };
    council.register.child('CF-1', held).child('CF-2', held, { date_of_birth: '2015-01-02' }).child('CF-3', held, { date_of_birth: '' });
    council.register.child('CF-4', { ...held, categories: 'adoption', adoption_order_on: '2010-05-04' }).child('CF-5', held);
    await council.night(council.today);
    const shown = await jones.open('/outside');
    expect(shown.text).toMatch(
      /Originals to go back \(3\) .*CF-4 04\/05\/2010 Overdue The adoption order .*CF-1 02\/01\/2018 Overdue The 18th birthday/,
    );
    expect((await jones.open('/outside?what=originals_later')).text).toMatch(/CF-2 02\/01\/2033 The 18th birthday .*CF-3 No day known/);

    const record = async (ref: string, fields: Record<string, string>) => {
      await jones.open(`/outside/originals?ref=${ref}`);
      return jones.submit('/outside/originals', fields);
    };
    expectError(await record('CF-1', { to: 'in person' }), 'outcome', 'Choose what became of the originals');
    expect(jones.page.html).toContain('value="in person"');
    expectError(await record('CF-1', { outcome: 'returned' }), 'to', 'Say who has the originals now');
    expectError(await record('CF-1', { outcome: 'not_traced', to: 'x' }), 'note', 'Say how the person was looked for');
    expectError(await record('CF-1', { outcome: 'given', to: 'x' }), 'outcome', 'the register has no adoption order for this file');
    expect((await record('CF-1', { outcome: 'returned', to: 'in person' })).text).toContain('Recorded for CF-1. The caution stays until');
    await jones.open('/outside/originals?ref=CF-4');
    const form = jones.page;
    for (const words of ['Recorded for CF-4.', 'Nothing more was recorded.']) {
      jones.page = form;
      expect((await jones.submit('/outside/originals', { outcome: 'given', to: 'by courier' })).text).toContain(words);
    }
    await record('CF-5', { outcome: 'not_traced', note: 'two letters came back' });
    expect(await council.db('originals').orderBy('id').select('file_ref', 'outcome', 'handed_to', 'note')).toEqual([
      { file_ref: 'CF-1', outcome: 'returned', handed_to: 'in person', note: null },
      { file_ref: 'CF-4', outcome: 'given', handed_to: 'by courier', note: null },
      { file_ref: 'CF-5', outcome: 'not_traced', handed_to: null, note: 'two letters came back' },
    ]);
    expect((await jones.open('/outside?what=originals')).text).toContain('No originals have to go back now.');
    expect((await jones.open('/outside/originals?ref=CF-1')).text).toContain('That file does not wait for this.');
  });
});

describe('removals the source system owes', () => {
  it('are shown until an extract is without them, and marked when they changed', async () => {
    council.register.child('CF-1').child('CF-2');
    await council.night(council.today);
    await council.approveAndSign(1, council.today);
    await council.night(BAGGED);
    council.register.change('CF-2', { closed_on: '2010-01-02' });
    await council.night('2026-12-01');
    council.today = '2026-12-01';
    jones = await site.as('m.jones');
    const shown = await jones.open('/outside');
    expect(shown.text).toContain('Removals the source system owes (2)');
    expect(shown.text).toMatch(
      /CF-1 30\/11\/2026 01\/12\/2026 01\/12\/2026 The same .*CF-2 30\/11\/2026 01\/12\/2026 01\/12\/2026 Changed Find out why/,
    );
    council.register.files.delete('CF-1');
    await council.night('2026-12-02');
    expect((await jones.open('/outside')).text).toContain('Removals the source system owes (1)');
  });
});

describe('an auditor', () => {
  it('reads what waits, without where paper went, and records nothing', async () => {
    await waits({ medium: 'both', originals_held: 'yes', location: 'Shelf 14' });
    await council.done('transfer received CF-1 --as-file AS-77', { asOf: BAGGED, as: 'm.jones' });
    const lee = await site.as('s.lee');
    for (const what of ['receipts', 'paper', 'originals', 'originals_later', 'removals']) {
      const { status, html } = await lee.open(`/outside?what=${what}`);
      expect([status, html]).toEqual([200, expect.not.stringMatching(/Invented|Shelf|letter|Record (the|where|what)/)]);
    }
    expect((await lee.open('/outside?what=paper')).text).toContain('CF-1 30/11/2026 List 1 Child in Care: 75 years after DOB AS-77');
    expect(lee.page.text).toContain('A records manager records it.');
    for (const to of ['receipt', 'paper', 'originals']) {
      expect((await lee.send('GET', `/outside/${to}?ref=CF-1`)).status).toBe(403);
      expect((await lee.send('POST', `/outside/${to}`, { _csrf: secretOf(lee.page), ref: 'CF-1', moved_to: 'attic' })).status).toBe(403);
    }
    expect(await council.db('paper_moves')).toEqual([]);
    expect(await lastRefusal()).toEqual(['s.lee', 'not_permitted']);
  });
});

const HOLD = ['--kind', 'police', '--scope', 'file:CF-1', '--authority', 'DI Archer', '--review-on', '2027-05-01'];

/** CF-1 with a letter, approved, signed and bagged: it waits for a receipt. Returns where the letter lies. */
async function waits(facts: Record<string, string> = {}): Promise<string> {
  council.register.child('CF-1', { ...IN_CARE, ...facts }, ADULT);
  const letter = await council.document('CF-1', 'CF-1/letter.txt', 'Dear child');
  await council.night(council.today);
  if (facts === OPENED_AS_AN_ADULT) await confirmedDoubt(council, 'CF-1', council.today);
  await council.approveAndSign(1, council.today);
  await council.night(BAGGED);
  council.today = BAGGED;
  // Sessions of eight days ago are over.
  jones = await site.as('m.jones');
  return letter;
}

function expectError({ status, html, text }: Answered, field: string, words: string): void {
  expect([status, text]).toEqual([422, expect.stringContaining(words)]);
  expect([field, html.includes(`href="#${field}"`), html.includes(`id="${field}"`), html.includes(`id="${field}-error"`)]).toEqual([
    field,
    true,
    true,
    true,
  ]);
}

/** Where the first link with those words leads. */
function hrefOf({ html }: Answered, words: string): string {
  return new RegExp(`href="([^"]*)">${words}`).exec(html)?.[1] ?? '';
}

function secretOf({ html }: Answered): string {
  return /name="_csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';
}

async function lastRefusal(): Promise<string[]> {
  const last = await council
    .db('audit_events')
    .where({ event: 'refused' })
    .orderBy('seq', 'desc')
    .first<{ actor: string; details: string }>();
  return [last.actor, (JSON.parse(last.details) as { why: string }).why];
}
