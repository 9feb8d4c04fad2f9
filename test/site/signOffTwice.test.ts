/** Signing and sending back where the page is old or the button is pressed twice: the second answer says what the first did, and every error leads somewhere. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Answered, type Browser, type SiteUnderTest } from './browsing.ts';

let council: Council;
let site: SiteUnderTest;
let khan: Browser;

beforeEach(async () => {
  council = await rehearsal();
  site = await siteOf(council);
  council.register.child('CF-1').child('CF-2');
  await council.night(council.today);
  khan = await site.as('a.khan');
});

afterEach(async () => {
  await site.close();
  await council.close();
});

const by = (as: string) => ({ as, asOf: council.today });

/** Sends that form of the page twice as it is shown, and answers the second. */
async function twice(browser: Browser, action: string, fields: Record<string, string>): Promise<Answered> {
  const shown = browser.page;
  await browser.submit(action, fields);
  browser.page = shown;
  return browser.submit(action, fields);
}

/** Every error of the summary leads to something that takes the focus. */
function expectReached(answered: Answered, status: number, words: string): void {
  expect([answered.status, answered.text]).toEqual([status, expect.stringContaining(words)]);
  const led = [...answered.html.matchAll(/<a href="#([^"]*)"/g)].map(([, id = '']) => id).filter((id) => id !== 'main-content');
  expect(led.length).toBeGreaterThan(0);
  for (const id of led) expect(answered.html).toMatch(new RegExp(`<(input|textarea|select)[^>]*id="${id}"|id="${id}" tabindex="-1"`));
}

test('a second press of “send back” says what the first did; with another reason nothing was done', async () => {
  await council.done('decide 1 --approve --all', by('m.jones'));
  const shown = await khan.open('/lists/1/sign-off');
  const again = await twice(khan, '/lists/1/send-back', { reason: 'Ask about the brother ' });
  expect([again.status, again.text]).toEqual([200, expect.stringContaining('List 1 is sent back. Its decisions stand')]);
  expect(again.text).not.toContain('There is a problem');
  khan.page = shown;
  expectReached(await khan.submit('/lists/1/send-back', { reason: 'Another' }), 422, 'It was not sent back.');
});

test('where nothing is disposed of, that is what is signed, and a second press says so again', async () => {
  await council.done('decide 1 --keep-until 2030-01-01 --reason claim --all', by('m.jones'));
  const page = await khan.open('/lists/1/sign-off');
  expect(page.text).toContain('No file of list 1 is disposed of. I agree that 2 files are kept longer and 0 files referred.');
  expect(page.text).not.toMatch(/I authorise disposal|Nothing happens before/);
  const again = await twice(khan, '/lists/1/sign-off', { number: '1' });
  expect(again.text).toContain('Signed. 2 files are kept and 0 referred; none is disposed of.');
});

test('errors of an old page lead to what took the place of its form', async () => {
  await council.done('decide 1 --approve --all', by('b.osei'));
  const jones = await site.as('m.jones');
  const signing = await jones.open('/lists/1/sign-off');
  const deciding = await jones.open('/lists/1');
  const file = await jones.open('/lists/1/files/1');
  await council.done('decide 1 --approve --files CF-1', by('m.jones'));
  jones.page = signing;
  expectReached(
    await jones.submit('/lists/1/sign-off', { number: '1' }),
    409,
    'm.jones cannot sign list 1, having decided 1 of its files.',
  );

  await council.sign(1, council.today);
  jones.page = signing;
  expectReached(await jones.submit('/lists/1/sign-off', { number: '1' }), 409, 'This list does not wait for a signature any more.');
  jones.page = deciding;
  const late = { file: 'CF-1', decision: 'approved' };
  expectReached(await jones.submit('/lists/1/decide', late), 422, 'This list is not being decided any more');
  jones.page = file;
  expectReached(await jones.submit('/lists/1/files/1', late), 422, 'This list is not being decided any more');
});
