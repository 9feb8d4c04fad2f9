/** The morning's work as people do it in their browsers: one decides, another signs, and nothing clumsy does harm. */
import type { BrowserContext, Page, Request } from 'playwright-core';
import { expect } from 'vitest';
import type { Hand } from './browser.ts';
import type { Council } from './commands.ts';

/** Where, who and how. */
export interface Morning {
  council: Council;
  address: string;
  hand: Hand;
  /** A browser of their own for each person. */
  context(): Promise<BrowserContext>;
}

/** What is on each list of six: files with these numbers, the third with a caution. */
export const FILES_ON_A_LIST = 6;

/** Invents that many lists of six files about children in need, the oldest first. */
export async function inventLists(council: Council, lists: number): Promise<void> {
  for (let file = 0; file < lists * FILES_ON_A_LIST; file++) {
    const born = new Date(Date.UTC(1990, 0, 1 + file)).toISOString().slice(0, 10);
    const caution = file % FILES_ON_A_LIST === 2 ? { originals_held: 'yes' } : {};
    council.register.child(`CF-${100 + file}`, caution, { date_of_birth: born });
    await council.document(`CF-${100 + file}`, `CF-${100 + file}/referral.txt`);
  }
  await council.night(council.today, { LIST_SIZE: String(FILES_ON_A_LIST) });
}

/** The whole morning with one list: decided by m.jones, sent back and signed by a.khan. */
export async function liveThrough(morning: Morning, list: number): Promise<void> {
  const { council, hand } = morning;
  const refs = (await council.show(list)).items.map((item) => item.file_ref);
  const jones = await signIn(morning, 'm.jones');
  await decideAll(morning, jones, list, refs);
  await cannotSignOwn(morning, jones, list);

  const khan = await signIn(morning, 'a.khan');
  await hand.press(khan.getByRole('link', { name: `List ${list}`, exact: true }));
  await sees(khan, `I authorise disposal of the 4 files on list ${list}.`);
  await referInstead(morning, jones, list);
  await signs(morning, khan, list, 1);
  await sees(khan, 'This list changed after you opened it: 1 file is new to you. Nothing was signed.');
  expect((await council.lists()).find(({ id }) => id === list)?.state).toBe('for_sign_off');

  await hand.write(khan.getByLabel('Why it is sent back'), 'Ask about the brother');
  await hand.press(khan.getByRole('button', { name: 'Send back' }));
  await sees(khan, 'a.khan sent this list back: Ask about the brother.');
  await decideOne(morning, jones, list, 1, 'Approve disposal');
  await sees(jones, 'it waits for its signature');

  await khan.goto(`${morning.address}/lists/${list}/sign-off`);
  const sent = khan.waitForRequest((request) => request.method() === 'POST');
  await signs(morning, khan, list, 2);
  await seesSigned(khan, list);
  await pressedAgain(khan, await sent);
  expect((await council.lists()).find(({ id }) => id === list)).toMatchObject({ state: 'cooling_off', signed_by: 'a.khan' });
  await backDoesNoHarm(morning, jones, khan, list);
  const signatures = await council.db('audit_events').where({ event: 'list.signed_off' });
  expect(signatures.filter(({ details }) => (JSON.parse(details as string) as { list: number }).list === list)).toHaveLength(1);
  await Promise.all([jones.context().close(), khan.context().close()]);
}

/** A page on which that sample person is signed in, in a browser of their own. */
export async function signIn({ address, hand, context }: Omit<Morning, 'council'>, name: string): Promise<Page> {
  const page = await (await context()).newPage();
  await page.goto(address);
  await hand.choose(page.getByRole('radio', { name, exact: true }));
  await hand.press(page.getByRole('button', { name: 'Go on as this person' }));
  await page.getByRole('heading', { name: 'What waits for you' }).waitFor();
  return page;
}

async function decideAll(morning: Morning, page: Page, list: number, refs: string[]): Promise<void> {
  const { hand, address } = morning;
  await hand.press(page.getByRole('link', { name: `List ${list}`, exact: true }));
  await hand.press(page.getByRole('link', { name: refs[0] ?? '', exact: true }));
  await sees(page, 'All other Children’s files, Child in Need: 25 years from DOB of child');
  await sees(page, 'referral.txt');
  await hand.press(page.getByRole('link', { name: `List ${list}`, exact: true }));

  await page.getByRole('heading', { name: `List ${list}` }).waitFor();
  for (const place of [0, 1, 4]) await hand.choose(page.getByRole('checkbox', { name: `File ${refs[place] ?? ''}`, exact: true }));
  await hand.choose(page.getByRole('radio', { name: 'Those ticked on this page' }));
  await hand.choose(page.getByRole('radio', { name: 'Approve disposal' }));
  await hand.press(page.getByRole('button', { name: 'Decide these files' }));
  await sees(page, '3 files decided: approved.');

  await hand.press(page.getByRole('link', { name: refs[2] ?? '', exact: true }));
  await page.getByRole('heading', { name: `File ${refs[2] ?? ''}` }).waitFor();
  await hand.choose(page.getByRole('radio', { name: 'Approve disposal' }));
  await hand.press(page.getByRole('button', { name: 'Decide, and on to the next' }));
  await hand.press(page.getByRole('link', { name: 'Tick each caution you have read and dealt with' }));
  expect(await page.locator(':focus, :target').count()).toBeGreaterThan(0);
  await hand.choose(page.getByRole('checkbox', { name: 'Original documents are on this file.' }));
  await hand.press(page.getByRole('button', { name: 'Decide, and on to the next' }));
  await sees(page, `File 3 of list ${list}: approved.`);
  expect(page.url()).toBe(`${address}/lists/${list}/files/4`);

  await hand.choose(page.getByRole('radio', { name: 'Keep it longer' }));
  await hand.write(page.getByLabel('Day', { exact: true }), '31');
  await hand.write(page.getByLabel('Month', { exact: true }), '3');
  await hand.write(page.getByLabel('Year', { exact: true }), '2030');
  await hand.pick(page.getByLabel('Why it is kept'), 'A claim against the council');
  await hand.press(page.getByRole('button', { name: 'Decide, and on to the next' }));
  await sees(page, `File 4 of list ${list}: kept.`);

  await decideOne(morning, page, list, 6, 'Refer to a named person', 'To the head of adoption', 2);
  await sees(page, 'Every file of the list is decided: it waits for its signature.');
  const { items } = await morning.council.show(list);
  expect(items.map((item) => item.status)).toEqual(['approved', 'approved', 'approved', 'kept', 'approved', 'referred']);
}

async function referInstead(morning: Morning, jones: Page, list: number): Promise<void> {
  await decideOne(morning, jones, list, 1, 'Refer to a named person', 'To the head of service');
  await sees(jones, `File 1 of list ${list}: referred.`);
}

/** `presses` above one: an unsteady finger. */
async function decideOne(
  { hand, address }: Morning,
  page: Page,
  list: number,
  place: number,
  decision: string,
  note = '',
  presses = 1,
): Promise<void> {
  await page.goto(`${address}/lists/${list}/files/${place}`);
  await hand.choose(page.getByRole('radio', { name: decision }));
  if (note !== '') await hand.write(page.getByLabel('To whom'), note);
  await hand.press(page.getByRole('button', { name: 'Decide, and on to the next' }), presses);
}

async function cannotSignOwn({ hand }: Morning, page: Page, list: number): Promise<void> {
  await hand.press(page.getByRole('button', { name: 'Sign off or send back' }));
  await sees(page, `You cannot sign this list: you decided 6 of its files.`);
  expect(await page.getByRole('button', { name: `Sign off list ${list}` }).count()).toBe(0);
}

async function signs({ hand }: Morning, page: Page, list: number, presses: number): Promise<void> {
  await hand.write(page.getByLabel('Type the number of this list to sign it'), String(list));
  await hand.press(page.getByRole('button', { name: `Sign off list ${list}` }), presses);
}

async function seesSigned(page: Page, list: number): Promise<void> {
  await page.getByRole('heading', { name: `List ${list}`, exact: true }).waitFor();
  await sees(page, 'You authorised disposal of 4 files. Nothing happens before 30 November 2026.');
}

/** Without JavaScript a browser may send a form twice: then the second answer says what the first did. */
async function pressedAgain(page: Page, sent: Request): Promise<void> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answered = await page.context().request.post(sent.url(), { data: sent.postData() ?? '', headers });
  expect([answered.status(), await answered.text()]).toEqual([200, expect.stringContaining('You authorised disposal of 4 files.')]);
}

/** Old pages, come back to after the signature, can neither sign nor decide. */
async function backDoesNoHarm({ council, hand }: Morning, jones: Page, khan: Page, list: number): Promise<void> {
  const before = await council.show(list);
  await khan.goBack();
  await sees(khan, 'This list does not wait for a signature');
  expect(await khan.getByRole('button', { name: `Sign off list ${list}` }).count()).toBe(0);
  await jones.goBack();
  const decide = jones.getByRole('button', { name: 'Decide, and on to the next' });
  // A browser may show the page it has: then what it sends is refused.
  if ((await decide.count()) > 0) {
    await hand.choose(jones.getByRole('radio', { name: 'Approve disposal' }));
    await hand.press(decide);
    await sees(jones, 'This list is not being decided any more');
  }
  expect(await council.show(list)).toEqual(before);
}

async function sees(page: Page, words: string): Promise<void> {
  await page.getByText(words).first().waitFor();
}
