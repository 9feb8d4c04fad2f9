/** Sign-in by OpenID Connect against a real provider: code and PKCE, the sub as who it is, roles from a claim. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openProvider } from '../../reports/site/openId.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Answered, type Browser, type SiteUnderTest } from './browsing.ts';

const ORIGIN = 'http://127.0.0.1:3999';

let council: Council;
let server: Server;
let site: SiteUnderTest;
/** What the provider says of whoever signs in there. */
let claims: { sub: string; preferred_username?: string; roles: string[] };

beforeAll(async () => {
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
  await council.done('lists');
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'retention',
        client_secret: 'known to both alone',
        redirect_uris: [`${ORIGIN}/sign-in/openid/back`],
        post_logout_redirect_uris: [`${ORIGIN}/sign-in`],
      },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username', 'roles'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: () => ({ accountId: claims.sub, claims: () => claims }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return void answer(request, response);
    void signInThere(provider, request, response);
  });
  const settings = { issuer, clientId: 'retention', clientSecret: 'known to both alone', rolesClaim: 'roles', maxAge: 3600 };
  site = await siteOf(council, { kind: 'live', samplePeople: [], origin: ORIGIN, openId: await openProvider(settings, ORIGIN) });
});

beforeEach(() => {
  claims = { sub: 'b7d1', preferred_username: 'm.jones', roles: ['records_manager', 'something else'] };
});

afterAll(async () => {
  await site.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await council.close();
});

/** Whoever comes is signed in, and lets the site know. */
async function signInThere(
  provider: Provider,
  request: Parameters<Provider['interactionDetails']>[0],
  response: Parameters<Provider['interactionDetails']>[1],
): Promise<void> {
  const { params, grantId, session } = await provider.interactionDetails(request, response);
  const accountId = session?.accountId ?? claims.sub;
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId, clientId: String(params['client_id']) });
  grant?.addOIDCScope('openid profile');
  const consent = { grantId: await grant?.save() };
  await provider.interactionFinished(request, response, { login: { accountId }, consent });
}

/** Goes to the provider and through it; returns the path by which it sends the browser back. */
async function throughProvider(browser: Browser): Promise<string> {
  const left = await browser.send('GET', '/sign-in/openid');
  const jar = new Map<string, string>();
  let to = String(left.headers['location']);
  for (let hops = 0; !to.startsWith(ORIGIN); hops++) {
    if (hops > 10) throw new Error(`The provider leads nowhere: ${to}`);
    const response = await fetch(to, {
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      jar.set(name, value);
    }
    to = new URL(response.headers.get('location') ?? '/lost', to).href;
  }
  return to.slice(ORIGIN.length);
}

async function signIn(browser: Browser): Promise<Answered> {
  return browser.open(await throughProvider(browser));
}

test('a person is the sub: the name may change, and somebody else of that name is somebody else', async () => {
  expect((await signIn(site.browser())).text).toContain('Signed in as m.jones');
  expect(await council.db('users')).toMatchObject([{ name: 'm.jones', roles: ['records_manager'], added_by: 'openid_connect' }]);

  claims = { sub: 'b7d1', preferred_username: 'm.jones-smith', roles: ['records_manager', 'authoriser'] };
  expect((await signIn(site.browser())).text).toContain('Signed in as m.jones');
  claims = { sub: 'c9e2', preferred_username: 'm.jones', roles: ['auditor'] };
  expect((await signIn(site.browser())).text).toContain('Signed in as c9e2');
  expect(await council.db('users').orderBy('name').select('name', 'roles')).toEqual([
    { name: 'c9e2', roles: ['auditor'] },
    { name: 'm.jones', roles: ['records_manager', 'authoriser'] },
  ]);
});

test('without a role of ours nobody comes in, nor after an admin closed the account', async () => {
  claims = { sub: 'd0f3', preferred_username: 'a.khan', roles: ['payroll'] };
  expect((await signIn(site.browser())).text).toContain('your organisation gave you no role here');
  claims.roles = ['admin', 'auditor'];
  expect((await signIn(site.browser())).text).toContain('An admin sees no files');
  expect(await council.db('users').where({ name: 'a.khan' })).toEqual([]);

  claims.roles = ['authoriser'];
  expect((await signIn(site.browser())).text).toContain('Signed in as a.khan');
  await council.db('accounts').where({ user_name: 'a.khan' }).update({ closed_at: new Date() });
  expect((await signIn(site.browser())).text).toContain('An admin closed your account here.');
});

test('who comes back without a role loses what they had here: sessions and tokens', async () => {
  claims = { sub: 'e1a4', preferred_username: 'm.jones-leaver', roles: ['records_manager'] };
  const before = site.browser();
  await signIn(before);
  await before.open('/me');
  const token = /class="site-secret">([^<]*)</.exec((await before.submit('/me/tokens')).html)?.[1] ?? '';
  await council.done('lists', { RETENTION_TOKEN: token });

  claims.roles = ['payroll'];
  expect((await signIn(site.browser())).text).toContain('your organisation gave you no role here');
  expect((await before.open('/me')).text).not.toContain('Signed in as');
  expect((await council.retention('lists', { RETENTION_TOKEN: token })).exitCode).toBe(1);
});

test('a token acts by the roles of the last sign-in: for thirty days, and not a moment after one is withdrawn', async () => {
  claims = { sub: 'a3c6', preferred_username: 'n.patel', roles: ['records_manager', 'authoriser'] };
  const before = site.browser();
  const token = async () => {
    await signIn(before);
    await before.open('/me');
    return /class="site-secret">([^<]*)</.exec((await before.submit('/me/tokens')).html)?.[1] ?? '';
  };
  const first = await token();
  const account = () => council.db('accounts').where({ user_name: 'n.patel' });
  await account().update({ signed_in_at: council.db.raw("now() - interval '31 days'") });
  const stale = await council.retention('lists', { RETENTION_TOKEN: first });
  expect([stale.exitCode, stale.stderr]).toEqual([1, expect.stringContaining('Sign in on the site once')]);
  await signIn(before);
  await council.done('lists', { RETENTION_TOKEN: first });

  claims.roles = ['records_manager'];
  await signIn(site.browser());
  expect((await council.retention('lists', { RETENTION_TOKEN: first })).exitCode).toBe(1);
  expect((await before.open('/me')).text).not.toContain('Signed in as');
});

test('what needs a fresh sign-in leads to the provider for one, and back', async () => {
  claims = { sub: 'b4d7', preferred_username: 'o.reed', roles: ['records_manager'] };
  const reed = site.browser();
  await signIn(reed);
  await reed.open('/me');
  await council.db('sessions').update({ proved_at: council.db.raw("now() - interval '11 minutes'") });
  const asked = await reed.submit('/me/tokens');
  expect(asked.html).toContain('href="/sign-in/openid?again=%2Fme"');
  expect(asked.html).not.toContain('name="proof"');
  const left = await reed.send('GET', '/sign-in/openid?again=%2Fme');
  expect(left.headers['location']).toMatch(/max_age=600.*prompt=login|prompt=login.*max_age=600/);
  await signIn(reed);
  expect(reed.path).toBe('/me');
  expect((await reed.submit('/me/tokens')).html).toMatch(/class="site-secret">[^<]+</);
});

test('people and their roles are the organisation’s to change', async () => {
  claims = { sub: 'f2b5', preferred_username: 's.lee', roles: ['admin'] };
  const admin = site.browser();
  await signIn(admin);
  const page = await admin.open('/people');
  expect(page.text).toContain('People come from your organisation’s accounts');
  expect(page.html).not.toContain('action="/people"');
  expect((await admin.open('/people/roles?name=s.lee')).text).toContain('Change them there.');
});

test('an answer for another window, a used one, or one without its state signs nobody in', async () => {
  const [one, other] = [site.browser(), site.browser()];
  const answer = await throughProvider(one);
  expect((await other.open(answer)).text).toContain('Signing in took too long, or began in another window.');
  const forOther = await throughProvider(other);
  expect((await one.open(forOther)).text).toContain('Your organisation did not sign you in.');
  expect((await one.open(answer)).text).toContain('Signing in took too long');
  const third = site.browser();
  expect((await third.open((await throughProvider(third)).replace(/state=[^&]*/, 'state=made-up'))).text).toContain('did not sign you in');
});

test('local accounts are off, and signing out leads to the provider', async () => {
  const browser = site.browser();
  const page = await browser.open('/sign-in');
  expect(page.html).not.toContain('name="password"');
  const csrf = /name="_csrf" value="([^"]*)"/.exec((await signIn(browser)).html)?.[1] ?? '';
  expect((await browser.send('POST', '/sign-in', { _csrf: csrf, user_name: 'm.jones', password: 'x' })).status).toBe(409);
  const out = await browser.send('POST', '/sign-out', { _csrf: csrf });
  expect([out.status, out.headers['location']]).toEqual([303, expect.stringContaining('/session/end?')]);
  expect(out.headers['content-security-policy']).toContain(`form-action 'self' ${new URL(String(out.headers['location'])).origin}`);
  expect((await browser.send('GET', '/me')).status).toBe(303);
});
