/** The second factor, being asked again, sessions and tokens: on a live database whose people have passwords. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MOST_TOKENS } from '../../db/tokens.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { liveNight } from '../setup/liveCouncil.ts';
import { Browser, codeOf, setUpApp, signInByPassword, siteOf, type SiteUnderTest } from './browsing.ts';

const PASSWORD = 'plain tractor violin';

let council: Council;
let site: SiteUnderTest;
let admin: { RETENTION_TOKEN: string };
let address = 0;

beforeEach(async () => {
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
  admin = { RETENTION_TOKEN: await tokenOf('s.lee', 'admin', '') };
  site = await siteOf(council, { kind: 'live', samplePeople: [] });
});

afterEach(async () => {
  await site.close();
  await council.close();
});

const codeFor = async (name: string, role: string, token: string) =>
  (await council.done(`users add ${name} --role ${role} --json`, { RETENTION_TOKEN: token })).json<{ code: string }>().code;

async function tokenOf(name: string, role: string, token = admin.RETENTION_TOKEN): Promise<string> {
  const code = await codeFor(name, role, token);
  return (await council.done(['users', 'enrol', code, '--json'])).json<{ token: string }>().token;
}

const browser = () => new Browser(site, `10.4.0.${++address}`);

/** A person with a password, signed in. */
async function person(name: string, role: string): Promise<Browser> {
  const code = await codeFor(name, role, admin.RETENTION_TOKEN);
  const chosen = browser();
  await chosen.open('/sign-in/code');
  await chosen.submit('/sign-in/code', { code, password: PASSWORD, password_again: PASSWORD });
  const signedIn = browser();
  expect((await signInByPassword(signedIn, name, PASSWORD)).text).toContain(`Signed in as ${name}`);
  return signedIn;
}

/** All that is remembered of sessions was a while ago; the clock is the database's, which no test can set. */
async function minutesLater(minutes: number): Promise<void> {
  const earlier = `- make_interval(mins => ${minutes})`;
  await council.db.raw(`update sessions set started_at = started_at ${earlier}, proved_at = proved_at ${earlier}`);
  await council.db.raw(`update guesses set wait_until = wait_until ${earlier}, last_at = last_at ${earlier}`);
}

async function makeToken(who: Browser): Promise<string> {
  await who.open('/me');
  return /class="site-secret">([^<]*)</.exec((await who.submit('/me/tokens')).html)?.[1] ?? '';
}

const refused = async (token: string) => (await council.retention('lists', { RETENTION_TOKEN: token })).exitCode === 1;

describe('an authoriser or admin with a password', () => {
  it('gets nothing before a second factor is set up, and then comes in by both', async () => {
    const code = await codeFor('a.khan', 'authoriser', admin.RETENTION_TOKEN);
    const khan = browser();
    await khan.open('/sign-in/code');
    await khan.submit('/sign-in/code', { code, password: PASSWORD, password_again: PASSWORD });
    await khan.submit('/sign-in', { user_name: 'a.khan', password: PASSWORD });
    expect([khan.path, khan.page.text]).toEqual(['/me/factor', expect.stringContaining('Your role needs it.')]);
    expect(khan.page.html).toContain('<svg');
    for (const path of ['/', '/lists', '/me', '/audit']) expect((await khan.send('GET', path)).headers['location']).toBe('/me/factor');
    expect((await khan.submit('/me/factor', { code: '000000' })).status).toBe(422);
    const codes = [...(await setUpApp(khan, 'a.khan')).html.matchAll(/site-secret">([A-Z2-7-]{29})</g)].map(([, one = '']) => one);
    expect(new Set(codes).size).toBe(8);
    expect((await khan.open('/lists')).status).toBe(200);
    const kept = JSON.stringify([await council.db('user_secrets'), await council.db('audit_events')]);
    expect(codes.filter((one) => kept.includes(one) || kept.includes(one.replaceAll('-', '')))).toEqual([]);

    const next = browser();
    await next.open('/sign-in');
    expect((await next.submit('/sign-in', { user_name: 'a.khan', password: PASSWORD })).text).toContain('Enter a code');
    expect((await next.send('GET', '/lists')).headers['location']).toBe('/sign-in');
    const now = await codeOf(council, 'a.khan');
    expect((await next.submit('/sign-in/factor', { code: now })).text).toContain('Signed in as a.khan');

    const again = browser();
    const halfway = async () => {
      await again.open('/sign-in');
      return again.submit('/sign-in', { user_name: 'a.khan', password: PASSWORD });
    };
    await halfway();
    expect((await again.submit('/sign-in/factor', { code: now })).text, 'a code is good once').toContain('was used before');
    expect((await again.submit('/sign-in/factor', { code: (codes[0] ?? '').toLowerCase().replaceAll('-', ' ') })).text).toContain(
      'Signed in as',
    );
    await again.submit('/sign-out');
    await halfway();
    expect((await again.submit('/sign-in/factor', { code: codes[0] ?? '' })).text, 'so is a recovery code').toContain('was used before');
    await council
      .db('accounts')
      .where({ user_name: 'a.khan' })
      .update({ password_set_at: new Date(0) });
    expect((await again.submit('/sign-in/factor', { code: codes[1] ?? '' })).text, 'another password since').toContain('Begin again.');
  });

  it('is guessed at slowly, from wherever', async () => {
    await person('a.khan', 'authoriser');
    for (let i = 0; i < 5; i++) {
      const guesser = browser();
      await guesser.open('/sign-in');
      await guesser.submit('/sign-in', { user_name: 'a.khan', password: PASSWORD });
      await guesser.submit('/sign-in/factor', { code: `00000${i}` });
    }
    const late = browser();
    expect((await signInByPassword(late, 'a.khan', PASSWORD)).text).toContain('This is not right');
    await minutesLater(1);
    expect((await signInByPassword(late, 'a.khan', PASSWORD)).text).toContain('Signed in as a.khan');
  });

  it('is who the setting says: nobody, or others', async () => {
    await site.close();
    site = await siteOf(council, { kind: 'live', samplePeople: [], secondFactorFor: ['auditor'] });
    expect((await (await person('a.khan', 'authoriser')).open('/lists')).status).toBe(200);
    const auditor = await person('n.patel', 'auditor');
    expect(auditor.page.text).toContain('Your recovery codes');
  });
});

it('signing asks who it is again after ten minutes, for the password or a code', async () => {
  council.register.child('CF-1').child('CF-2', { categories: 'child_protection' });
  await liveNight(council);
  const jones = { RETENTION_TOKEN: await tokenOf('m.jones', 'records_manager') };
  const khan = await person('a.khan', 'authoriser');
  for (const [list, proof] of [
    [1, () => Promise.resolve(PASSWORD)],
    [2, () => codeOf(council, 'a.khan')],
  ] as const) {
    await council.done(`decide ${list} --approve --all --acknowledge-cautions`, jones);
    await khan.open(`/lists/${list}/sign-off`);
    await minutesLater(11);
    const url = `/lists/${list}/sign-off`;
    expect((await khan.submit(url, { number: String(list) })).text).toContain('Is it still you?');
    expect((await khan.submit(url, { proof: 'somebody else' })).status).toBe(422);
    expect((await council.db('disposal_lists').where({ id: list }).pluck('signed_by'))[0]).toBeNull();
    expect((await khan.submit(url, { proof: await proof() })).text).toContain('You authorised disposal of 1 file.');
  }
});

describe('a token for the command line', () => {
  it('is made after the password alone, five at most, and its last use is shown', async () => {
    const jones = await person('m.jones', 'records_manager');
    await minutesLater(11);
    await jones.open('/me');
    expect((await jones.submit('/me/tokens')).text).toContain('Is it still you?');
    expect(await council.db('user_secrets').where({ user_name: 'm.jones', kind: 'token' })).toEqual([]);
    const made = await jones.submit('/me/tokens', { proof: PASSWORD });
    const token = /class="site-secret">([^<]*)</.exec(made.html)?.[1] ?? '';
    expect(made.text).toContain('never used');
    await council.done('lists', { RETENTION_TOKEN: token });
    expect((await jones.open('/me')).text).toMatch(/last used \d+ \w+ \d{4} at \d\d:\d\d/);
    for (let i = 1; i < MOST_TOKENS; i++) expect(await refused(await makeToken(jones))).toBe(false);
    await jones.open('/me');
    expect((await jones.submit('/me/tokens')).text).toContain(`You have ${MOST_TOKENS} tokens`);
  });

  it('ends with another password, a sign-out everywhere by the person or an admin, and a lost role', async () => {
    let jones = await person('m.jones', 'records_manager');
    const ends: Record<string, () => Promise<unknown>> = {
      password: () =>
        jones.submit('/me/password', { password_now: PASSWORD, password: 'seven quiet otters', password_again: 'seven quiet otters' }),
      everywhere: () => jones.submit('/me/sessions/end').then(() => jones.submit('/me/sessions/end', { proof: 'seven quiet otters' })),
      admin: async () => {
        const lee = browser();
        const code = await codeFor('s.lee', 'admin', admin.RETENTION_TOKEN);
        await lee.open('/sign-in/code');
        await lee.submit('/sign-in/code', { code, password: PASSWORD, password_again: PASSWORD });
        await signInByPassword(lee, 's.lee', PASSWORD);
        admin = { RETENTION_TOKEN: await makeToken(lee) };
        await lee.open('/people');
        await lee.submit('/people/sessions/end', { name: 'm.jones' });
      },
      role: () => council.done('users add m.jones --role auditor', admin),
    };
    for (const [what, end] of Object.entries(ends)) {
      const token = await makeToken(jones);
      expect([what, await refused(token)]).toEqual([what, false]);
      await end();
      expect([what, await refused(token)]).toEqual([what, true]);
      jones = browser();
      await signInByPassword(jones, 'm.jones', 'seven quiet otters');
    }
  });
});

it('sessions are listed with where and when they began, and each can be ended', async () => {
  const here = await person('m.jones', 'records_manager');
  const there = browser();
  await signInByPassword(there, 'm.jones', PASSWORD);
  const { text, html } = await here.open('/me');
  expect(text).toMatch(/Here, from 10\.4\.0\.\d+: since .* last seen .* Elsewhere, from 10\.4\.0\.\d+: since/);
  const ids = [...html.matchAll(/name="session" value="([0-9a-f]{64})"/g)].map(([, id = '']) => id);
  const [stranger] = await council.db('sessions').whereNull('user_name').pluck<string[]>('id_hash');
  const other = ids[text.indexOf('Here') < text.indexOf('Elsewhere') ? 1 : 0] ?? '';
  expect((await here.submit('/me/session/end', { session: stranger ?? 'none' })).status).toBe(404);
  await here.open('/me');
  expect((await here.submit('/me/session/end', { session: other })).text).toContain('The session is ended.');
  expect((await there.open('/me')).text).not.toContain('Signed in as');
  expect((await here.open('/me')).text).toContain('Signed in as m.jones');
});
