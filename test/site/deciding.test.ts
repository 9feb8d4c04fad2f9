/** Deciding and signing on the site, by forms alone: what is refused says so at its field, and keeps what was typed. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { nameDocuments, siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

let council: Council;
let site: SiteUnderTest;

beforeEach(async () => {
  council = await rehearsal();
  site = await siteOf(council);
});

afterEach(async () => {
  await site.close();
  await council.close();
});

/** A list of three files about children in need, of which the second carries a caution. */
async function threeFiles(): Promise<number> {
  council.register.child('CF-1').child('CF-2', { originals_held: 'yes' }).child('CF-3');
  await council.document('CF-1', 'CF-1/referral.txt');
  await nameDocuments(council);
  await council.night(council.today);
  const [list] = await council.lists('for_decision');
  return list?.id ?? 0;
}

async function decideOne(browser: Browser, list: number, position: number, fields: Record<string, string | string[]>): Promise<void> {
  await browser.open(`/lists/${list}/files/${position}`);
  const answered = await browser.submit(`/lists/${list}/files/${position}`, fields);
  expect(answered.status, answered.text).toBe(200);
}

test('a list is decided by one person and signed by another', async () => {
  const list = await threeFiles();
  const jones = await site.as('m.jones');
  expect(jones.page.text).toContain(
    `List ${list} : All other Children’s files, Child in Need: 25 years from DOB of child, 3 files undecided`,
  );
  const shown = await jones.open(`/lists/${list}`);
  expect(shown.html.match(/<input[^>]*type="(checkbox|radio)"[^>]*checked/g)).toBeNull();

  const together = await jones.submit(`/lists/${list}/decide`, { file: ['CF-1', 'CF-3'], which: 'ticked', decision: 'approved' });
  expect(together.text).toContain('2 files decided: approved.');
  const why = await jones.open(`/lists/${list}/files/2`);
  expect(why.text).toContain('This file can be considered for disposal from 3 January 2025.');
  expect(why.text).not.toContain('This file cannot be disposed of');
  await decideOne(jones, list, 2, { caution: ['originals_held'], decision: 'approved' });
  expect(jones.page.text).toContain(`File 2 of list ${list}: approved. Every file of the list is decided: it waits for its signature.`);
  const own = await jones.open(`/lists/${list}/sign-off`);
  expect(own.text).toContain('You cannot sign this list: you decided 3 of its files.');
  expect(own.html).not.toContain(`action="/lists/${list}/sign-off"`);

  const khan = await site.as('a.khan');
  expect(khan.page.text).toContain(
    `To sign off List ${list} : All other Children’s files, Child in Need: 25 years from DOB of child, 3 files, decided by m.jones`,
  );
  const page = await khan.open(`/lists/${list}/sign-off`);
  expect(page.text).toContain(`I authorise disposal of the 3 files on list ${list}. I decided none of them.`);
  expect(page.text).toContain('1 file: Original documents are on this file. Return them first. Acknowledged by m.jones.');
  const mistyped = await khan.submit(`/lists/${list}/sign-off`, { number: String(list + 1) });
  expect([mistyped.status, mistyped.html]).toEqual([422, expect.stringContaining('href="#number"')]);
  const signed = await khan.submit(`/lists/${list}/sign-off`, { number: String(list) });
  expect(signed.text).toContain('You authorised disposal of 3 files. Nothing happens before 30 November 2026. To stop it, place a hold');
  expect(await council.lists()).toMatchObject([{ id: list, state: 'cooling_off', signed_by: 'a.khan', cooling_off_days: 7 }]);
});

test('a page that is stale signs nothing, and says how many files are new', async () => {
  const list = await threeFiles();
  const jones = await site.as('m.jones');
  await decideOne(jones, list, 2, { decision: 'referred', to_whom: 'The head of adoption' });
  await jones.open(`/lists/${list}`);
  await jones.submit(`/lists/${list}/decide`, { which: 'all', decision: 'approved' });
  const khan = await site.as('a.khan');
  await khan.open(`/lists/${list}/sign-off`);
  await decideOne(jones, list, 1, { decision: 'kept', keep_day: '31', keep_month: '3', keep_year: '2030', reason_code: 'claim' });

  const stale = await khan.submit(`/lists/${list}/sign-off`, { number: String(list) });
  expect([stale.status, stale.text]).toEqual([
    409,
    expect.stringContaining('This list changed after you opened it: 1 file is new to you. Nothing was signed.'),
  ]);
  expect((await council.lists())[0]?.state).toBe('for_sign_off');
  const signed = await khan.submit(`/lists/${list}/sign-off`, { number: String(list) });
  expect(signed.text).toContain('You authorised disposal of 1 file. Nothing happens before 30 November 2026.');
  expect(signed.text).toContain('1 file is kept and 1 referred; they are not affected.');
});

test('a list is sent back with a reason', async () => {
  const list = await threeFiles();
  const jones = await site.as('m.jones');
  for (const position of [1, 2, 3]) await decideOne(jones, list, position, { caution: ['originals_held'], decision: 'approved' });
  const khan = await site.as('a.khan');
  await khan.open(`/lists/${list}/sign-off`);
  const without = await khan.submit(`/lists/${list}/send-back`, { reason: '  ' });
  expect([without.status, without.html]).toEqual([422, expect.stringContaining('href="#reason"')]);
  const sent = await khan.submit(`/lists/${list}/send-back`, { reason: 'Ask about the brother' });
  expect(sent.text).toContain('a.khan sent this list back: Ask about the brother.');
  expect((await council.lists())[0]?.state).toBe('for_decision');
});

test('what is wrong with a form is said at its field and in the summary, and what was typed stays', async () => {
  const list = await threeFiles();
  const jones = await site.as('m.jones');
  await jones.open(`/lists/${list}`);
  const action = `/lists/${list}/decide`;
  const cases: [fields: Record<string, string | string[]>, field: string, words: string][] = [
    [{ decision: 'approved' }, 'file', 'Tick the files that are decided'],
    [{ file: 'CF-1' }, 'decision', 'Choose what is decided'],
    [{ file: 'CF-1', which: 'all', decision: 'approved' }, 'which', 'You ticked files and chose all of them'],
    [
      { file: 'CF-1', decision: 'kept', keep_day: '31', keep_month: '2', keep_year: '2030', reason_code: 'claim' },
      'keep_day',
      'Enter the day',
    ],
    [
      { file: 'CF-1', decision: 'kept', keep_day: '1', keep_month: '2', keep_year: '2020', reason_code: 'claim' },
      'keep_day',
      'a day to come',
    ],
    [{ file: 'CF-1', decision: 'kept', keep_day: '1', keep_month: '2', keep_year: '2030' }, 'reason_code', 'Choose why it is kept'],
    [
      { file: 'CF-1', decision: 'kept', keep_day: '1', keep_month: '2', keep_year: '2030', reason_code: 'other' },
      'note',
      'what the reason is',
    ],
    [{ file: 'CF-1', decision: 'referred' }, 'to_whom', 'to whom it is referred'],
    [{ file: ['CF-1', 'CF-2'], decision: 'approved' }, 'file', 'cautions that nobody acknowledged'],
    [{ which: 'all', decision: 'approved' }, 'file', 'cautions that nobody acknowledged'],
  ];
  const wrong: string[] = [];
  for (const [fields, field, words] of cases) {
    const { status, html, text } = await jones.submit(action, fields);
    const said = html.includes(`href="#${field}"`) && new RegExp(`id="${field}"`).test(html) && text.split(words).length >= 3;
    const ticked = [fields['file'] ?? []].flat().filter((ref) => ref !== 'CF-2' && !new RegExp(`value="${ref}"[^>]*checked`).test(html));
    const kept = (fields['keep_year'] ?? '') === '' || html.includes(`value="${String(fields['keep_year'])}"`);
    if (status !== 422 || !said || ticked.length > 0 || !kept) wrong.push(`${JSON.stringify(fields)}: ${status} ${text}`);
  }
  expect(wrong).toEqual([]);
  expect((await council.show(list)).items.map((item) => item.status)).toEqual(['pending', 'pending', 'pending']);

  await jones.open(`/lists/${list}/files/2`);
  const unread = await jones.submit(`/lists/${list}/files/2`, { decision: 'approved' });
  expect([unread.status, unread.text]).toEqual([422, expect.stringContaining('Tick each caution you have read')]);
});

test('where the rule asks for it each file is decided by itself, and no page names the next one', async () => {
  for (const ref of ['AD-1', 'AD-2'])
    council.register.child(
      ref,
      { categories: 'adoption', adoption_order_on: '1900-05-01', opened_on: '1900-01-01', closed_on: '1905-01-01' },
      { date_of_birth: '1899-05-01' },
    );
  await nameDocuments(council);
  await council.night(council.today);
  const [list] = await council.lists('for_decision');
  const id = list?.id ?? 0;
  const jones = await site.as('m.jones');
  const shown = await jones.open(`/lists/${id}`);
  expect(shown.text).toContain('each file of this list is appraised by itself');
  expect(shown.html).not.toContain('type="checkbox"');
  const forced = await jones.submit(`/lists/${id}/decide`, { file: ['AD-1'], decision: 'approved' });
  expect([forced.status, forced.text]).toEqual([422, expect.stringContaining('Open a file to decide it. Nothing was decided.')]);

  const first = await jones.open(`/lists/${id}/files/1`);
  expect(first.text).toContain('File AD-1');
  expect(first.html).not.toContain('AD-2');
  const cautions = [...first.html.matchAll(/name="caution"[^>]*value="([^"]*)"/g)].map(([, value = '']) => value);
  const next = await jones.submit(`/lists/${id}/files/1`, { caution: cautions, decision: 'approved' });
  expect(jones.path).toBe(`/lists/${id}/files/2`);
  expect(next.text).toContain('File AD-2');
  expect(next.html).not.toContain('AD-1');
});
