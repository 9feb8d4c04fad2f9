/** Find and its letter where one person is recorded under two names, or was adopted: nothing merges what must stay apart. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Answered, type Browser, type SiteUnderTest } from './browsing.ts';

let council: Council;
let site: SiteUnderTest;
let khan: Browser;

beforeAll(async () => {
  council = await rehearsal();
  site = await siteOf(council);
  council.register
    .child('CF-1', {}, { name: 'Rose Bornas' })
    .child('CF-3', { subject_refs: 'CF-1-P', closed_on: '' })
    .child('AD-1', { categories: 'adoption', subject_refs: 'CF-1-P', adoption_order_on: '2005-05-01', closed_on: '2006-01-01' });
  await council.night('2026-11-20');
  await council.approveAndSign(1, '2026-11-20');
  council.today = '2026-11-28';
  await council.night('2026-11-28');
  council.register.change('CF-1-P', { name: 'Rose Adoptedas' });
  await council.night('2026-11-29');
  khan = await site.as('a.khan');
});

afterAll(async () => {
  await site.close();
  await council.close();
});

async function lookFor(name: string): Promise<Answered> {
  await khan.open('/find');
  return khan.submit('/find', { name });
}

it('shows each name, and files of an adoption, in a table of their own', async () => {
  const { html, text } = await lookFor('rose');
  const tables = [...html.matchAll(/<table.*?<\/table>/gs)].map(([table]) =>
    [...table.matchAll(/\b(?:CF|AD)-\d(?=<\/)/g)].map(([ref]) => ref).join(' '),
  );
  expect(tables.sort()).toEqual(['AD-1', 'CF-1', 'CF-3']);
  expect(text).toContain('Rose Adoptedas, born 2 January 2000 (CF-1-P), adoption');
  expect(text).toContain('Rose Bornas, born 2 January 2000 (CF-1-P)');
});

it('writes to nobody until a name is chosen, and then gives no other', async () => {
  await lookFor('rose');
  for (const addressee of [undefined, 'Rose Stranger']) {
    const refused = await khan.submit('/find/letter', { person: 'CF-1-P', ...(addressee ? { addressee } : {}) });
    expect([refused.status, refused.html]).toEqual([422, expect.stringContaining('href="#addressee-1"')]);
    expect(refused.html).toMatch(/id="addressee-1"[^>]*value="Rose (Bornas|Adoptedas)"/);
    expect(refused.html).not.toMatch(/name="addressee"[^>]* checked/);
  }
  const letter = await khan.submit('/find/letter', { person: 'CF-1-P', addressee: 'Rose Adoptedas' });
  expect(letter.text).toContain('Dear Rose Adoptedas Your question about whether there is a file about you');
  expect(letter.html).not.toContain('Bornas');
  expect(letter.text).toContain('We hold 2 files about you. You can ask for them.');
  expect(letter.text).toContain(
    'We held a file about you. It was moved to the archive on 28 November 2026, after the period our policy sets.',
  );
  expect(letter.text).toContain('reply to this letter');
});

it('asks for no name where there is one', async () => {
  await lookFor('bornas');
  expect(khan.page.html).not.toContain('name="addressee"');
  const letter = await khan.submit('/find/letter', { person: 'CF-1-P' });
  expect(letter.text).toContain('Dear Rose Bornas');
  expect(letter.html).not.toContain('Adoptedas');
});
