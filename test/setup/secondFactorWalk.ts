/** Sets up a second factor in a real browser, and looks at each page on the way: choosing a password, the QR code, recovery codes, a code, being asked again. */
import type { Page } from 'playwright-core';
import { Secret, TOTP } from 'otpauth';
import type { Council } from './commands.ts';
import type { Walk } from './walk.ts';

const NAME = 'o.reed';
const PASSWORD = 'plain tractor violin';

/** A records manager of a rehearsal, who is new. */
export async function setUpSecondFactor(walk: Walk, council: Council, address: string, page: Page): Promise<void> {
  const { code } = (await council.done(`users add ${NAME} --role records_manager --json`)).json<{ code: string }>();
  await walk.visit('nobody', page, '/sign-in/code');
  await fill(page, { '#code': code, '#password': PASSWORD, '#password_again': PASSWORD }, 'Choose this password');
  await signIn(page, address);
  await walk.visit(NAME, page, '/me/factor');
  const secret = (await page.locator('code.site-secret').innerText()).replaceAll(' ', '');
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  await fill(page, { '#code': totp.generate() }, 'Set up the app');
  await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
  await walk.look('recovery-codes', page);
  await walk.visit(NAME, page, '/me');
  await fill(page, {}, 'Sign out everywhere');
  await page.getByRole('heading', { name: 'Is it still you?' }).waitFor();
  await walk.look('is-it-still-you', page);
  await fill(page, { '#proof': 'not the password' }, 'Sign out everywhere');
  await walk.look('it-is-somebody-else', page);
  await fill(page, { '#proof': PASSWORD }, 'Sign out everywhere');
  await signIn(page, address);
  await walk.visit('halfway', page, '/sign-in/factor');
}

async function signIn(page: Page, address: string): Promise<void> {
  await page.goto(`${address}/sign-in`);
  await fill(page, { '#user_name': NAME, '#password': PASSWORD }, 'Sign in');
}

async function fill(page: Page, fields: Record<string, string>, button: string): Promise<void> {
  for (const [field, text] of Object.entries(fields)) await page.fill(field, text);
  await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.getByRole('button', { name: button, exact: true }).click(),
  ]);
  await page.waitForLoadState();
}
