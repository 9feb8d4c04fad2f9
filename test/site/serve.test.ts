/** `retention serve` as a process: where it listens, who it lets in, and that it ends when it is told to. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rehearsal, until, type Council, type Spawned } from '../setup/commands.ts';

let council: Council;

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(() => council.close());

async function served(argv: string[]): Promise<{ process: Spawned; address: string }> {
  const process = council.spawn(['serve', '--port', '0', ...argv]);
  const address = await until(
    () => /The site is at (\S+?)[,.]? /.exec(process.said.stdout)?.[1],
    `the site is there: ${process.said.stderr}`,
  );
  return { process, address };
}

test('it listens on this machine alone, says where and that it rehearses, and ends on SIGTERM', async () => {
  const { process, address } = await served(['--as-of', '2030-05-01']);
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(process.said.stdout).toContain('REHEARSAL: nothing here is the real register.');
  const page = await fetch(`${address}/sign-in`);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Today is 1 May 2030.')]);
  process.child.kill('SIGTERM');
  expect(await process.exit).toMatchObject({ exitCode: 0 });
  await expect(fetch(`${address}/sign-in`)).rejects.toThrow();
});

test('it lets other machines in only behind https, and then without sample people', async () => {
  const open = await council.retention('serve --port 0 --host 0.0.0.0');
  expect([open.exitCode, open.stderr]).toEqual([2, expect.stringContaining('Set SITE_URL to the https address that people use')]);
  for (const [url, why] of [
    ['http://retention.example', 'over anything but https'],
    ['https://retention.example/path', 'Leave out /path'],
    ['https://m.jones@retention.example', 'without a user name'],
    ['retention.example', 'SITE_URL must look like https://retention.example.'],
  ] as const) {
    const wrong = await council.retention('serve --port 0', { SITE_URL: url });
    expect([url, wrong.exitCode, wrong.stderr]).toEqual([url, 2, expect.stringContaining(why)]);
  }
  const process = council.spawn(['serve', '--port', '0', '--host', '127.0.0.1'], {
    SITE_URL: 'https://Retention.Example/',
    LOG_LEVEL: 'info',
  });
  const port = await until(() => /"address":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(process.said.stderr)?.[1], 'the site is there');
  expect(process.said.stdout).toContain('The site is at https://retention.example.');
  const page = await fetch(`http://127.0.0.1:${port}/sign-in`, { headers: { 'x-forwarded-proto': 'https' } });
  expect(page.headers.get('set-cookie')).toContain('; Secure; ');
  expect(await page.text()).not.toContain('m.jones');

  // A proxy that does not say https: no browser gets a cookie, and no form is known again.
  const asProxied = await fetch(`http://127.0.0.1:${port}/sign-in`);
  expect(await asProxied.text()).toMatch(/Nobody can sign in yet[.] .*X-Forwarded-Proto: https/);
  const tried = await fetch(`http://127.0.0.1:${port}/sign-in`, { method: 'POST', body: new URLSearchParams({ user_name: 'm.jones' }) });
  expect([tried.status, await tried.text()]).toEqual([403, expect.stringContaining('X-Forwarded-Proto: https')]);
  expect(process.said.stderr).toMatch(/X-Forwarded-Proto: https.*"msg":"site[.]proxy"/);
  process.child.kill('SIGINT');
  expect(await process.exit).toMatchObject({ exitCode: 0 });
});

test('the settings of OpenID Connect go together', async () => {
  const result = await council.retention('serve --port 0', { OIDC_ISSUER: 'https://login.example' });
  expect([result.exitCode, result.stderr]).toEqual([
    2,
    expect.stringContaining('OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together'),
  ]);
});
