/** What a provider of OpenID Connect vouches for counts only under its own signature, for this site, lately, and about an ordinary sub. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProvider } from '../../reports/site/openId.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { FOREIGN_KEY, ForgingProvider, OWN_KEY, signedBy, signedBySecret, type IdToken } from '../setup/forgingProvider.ts';
import { Browser, siteOf, type SiteUnderTest } from './browsing.ts';

const ORIGIN = 'http://127.0.0.1:3998';
const SECRET = 'known to both alone';
const MAX_AGE = 3600;
const REFUSED = 'Your organisation did not sign you in.';
const AUDITOR = { sub: 'a1', preferred_username: 'n.patel', roles: ['auditor'] };

const provider = new ForgingProvider();
let council: Council;
let site: SiteUnderTest;
let address = 0;

beforeAll(async () => {
  await provider.listen();
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
  await council.done('lists');
  const settings = { issuer: provider.issuer, clientId: 'retention', clientSecret: SECRET, rolesClaim: 'roles', maxAge: MAX_AGE };
  site = await siteOf(council, { kind: 'live', samplePeople: [], origin: ORIGIN, openId: await openProvider(settings, ORIGIN) });
});

afterAll(async () => {
  await site.close();
  await council.close();
  await provider.close();
});

const browser = () => new Browser(site, `10.3.0.${++address}`);
/** Changes claims and signs them with the provider's own key: what is refused then is what they say. */
const saying =
  (claims: object) =>
  (honest: IdToken): IdToken => ({ ...honest, claims: { ...honest.claims, ...claims }, signature: signedBy(OWN_KEY) });
const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds;

describe('an ID token', () => {
  it.each<[string, (honest: IdToken) => IdToken]>([
    ['is signed by a foreign key of the same kid', (honest) => ({ ...honest, signature: signedBy(FOREIGN_KEY) })],
    ['has an unknown kid', (honest) => ({ ...honest, header: { alg: 'RS256', kid: 'unknown' }, signature: signedBy(OWN_KEY) })],
    ['was changed after it was signed', (honest) => ({ ...honest, claims: { ...honest.claims, roles: ['admin'] } })],
    ['has no signature', (honest) => ({ ...honest, signature: () => '' })],
    ['says that it needs none', (honest) => ({ ...honest, header: { alg: 'none' }, signature: () => '' })],
    [
      'is signed with the shared secret',
      (honest) => ({ ...honest, header: { alg: 'HS256', kid: 'own' }, signature: signedBySecret(SECRET) }),
    ],
    ['is for another party, under one audience', saying({ azp: 'payroll' })],
    ['is for another party, under several audiences', saying({ aud: ['retention', 'payroll'], azp: 'payroll' })],
    ['names several audiences and no party', saying({ aud: ['retention', 'payroll'] })],
    ['tells of a sign-in of long ago', saying({ auth_time: ago(MAX_AGE + 60) })],
    ['does not tell when the person signed in', saying({ auth_time: undefined })],
    ['is about a sub with a zero byte', saying({ sub: 'a\0b' })],
    ['is about a sub with half a character', saying({ sub: 'a\ud800' })],
    ['is about a sub of 256 characters', saying({ sub: 'a'.repeat(256) })],
  ])('signs nobody in that %s', async (_what, forge) => {
    const refused = await provider.signIn(browser(), { ...AUDITOR, roles: ['auditor'] }, forge);
    expect([refused.status, refused.text]).toEqual([200, expect.stringContaining(REFUSED)]);
    expect(await council.db('users').pluck('name')).toEqual([]);
  });

  it('signs in whom it is about, for this party among several', async () => {
    const { text } = await provider.signIn(browser(), AUDITOR, saying({ aud: ['retention', 'payroll'], azp: 'retention' }));
    expect(text).toContain('Signed in as n.patel');
  });
});

it('gives nobody the name of the night, nor one that looks like it, whatever the provider calls them', async () => {
  for (const [sub, preferred_username] of [
    ['service', 'Service'],
    ['s3rvice', 'ser.vice'],
    ['openid_connect', '\0'],
  ]) {
    const { text } = await provider.signIn(browser(), { ...AUDITOR, sub, preferred_username });
    expect(text).toMatch(/Signed in as oidc-[0-9a-f]{16} /);
  }
  expect(await council.db('users').whereRaw("name !~ '^(oidc-.*|n.patel)$'").pluck('name')).toEqual([]);
});

describe('starting to sign in', () => {
  it.each([
    ['cross-site', 'https://other.example/'],
    ['same-site', undefined],
    [undefined, 'https://other.example/'],
  ])('from the page of another site (%s, %s) asks first', async (fetchSite, referer) => {
    const headers = { ...(fetchSite ? { 'sec-fetch-site': fetchSite } : {}), ...(referer ? { referer } : {}) };
    const { statusCode, body } = await site.app.inject({ url: '/sign-in/openid', headers });
    expect([statusCode, body]).toEqual([200, expect.stringContaining('Another site sent you here to sign in.')]);
    expect(body).toContain('href="/sign-in/openid"');
  });

  it.each([
    ['none', undefined],
    ['same-origin', `${ORIGIN}/sign-in`],
    [undefined, `${ORIGIN}/sign-in`],
  ])('from this site, or an address typed (%s, %s), goes on at once', async (fetchSite, referer) => {
    const headers = { ...(fetchSite ? { 'sec-fetch-site': fetchSite } : {}), ...(referer ? { referer } : {}) };
    const { statusCode, headers: answered } = await site.app.inject({ url: '/sign-in/openid', headers });
    expect([statusCode, answered.location]).toEqual([303, expect.stringContaining(`max_age=${MAX_AGE}`)]);
  });
});
