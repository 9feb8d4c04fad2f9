/** Signing in: codes, passwords, lock-out, sessions that end in time, and people who are let go. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FREE_GUESSES, LONGEST_WAIT_MINUTES } from '../../db/guesses.ts';
import { ABSOLUTE_HOURS, IDLE_MINUTES, saveSession } from '../../db/sessions.ts';
import { sha256 } from '../../rules/digest.ts';
import { ownPath } from '../../reports/site/page.ts';
import { STRICT_REQUESTS_A_MINUTE } from '../../reports/site/routing.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { Browser, codeOf, signInByPassword, siteOf, type Answered, type SiteUnderTest } from './browsing.ts';

const PASSWORD = 'plain tractor violin';
const FAILED = 'The user name or the password is wrong, or too many wrong ones came from where you are.';

let council: Council;
let site: SiteUnderTest;

beforeEach(async () => {
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
  await council.done('lists');
  site = await siteOf(council, { kind: 'live', samplePeople: [], passwordWords: ['Puddlecombe'] });
});

afterEach(async () => {
  await site.close();
  await council.close();
});

/** The clock is the database's, which no test can set: so all that happened is put back by as much. */
async function minutesLater(minutes: number): Promise<void> {
  const earlier = `- make_interval(mins => ${minutes})`;
  await council.db.raw(
    `update sessions set started_at = started_at ${earlier}, last_seen_at = last_seen_at ${earlier}, proved_at = proved_at ${earlier}`,
  );
  await council.db.raw(`update guesses set wait_until = wait_until ${earlier}, last_at = last_at ${earlier}`);
}

/** The first admin, made on the command line, with a password chosen on the site. */
async function firstAdmin(): Promise<Browser> {
  const { code } = (await council.done('users add s.lee --role admin --json')).json<{ code: string }>();
  expect((await choose(code, PASSWORD)).text).toContain('Your user name is s.lee.');
  return signedIn('s.lee');
}

async function choose(code: string, password: string, again = password, address = '127.0.0.1'): Promise<Answered> {
  const browser = new Browser(site, address);
  await browser.open('/sign-in/code');
  return browser.submit('/sign-in/code', { code, password, password_again: again });
}

async function signIn(browser: Browser, name: string, password = PASSWORD): Promise<Answered> {
  return signInByPassword(browser, name, password);
}

async function signedIn(name: string, browser = site.browser()): Promise<Browser> {
  expect((await signIn(browser, name)).text).toContain(`Signed in as ${name}`);
  return browser;
}

/** The admin adds a person on the site. Returns their one-time code. */
async function add(admin: Browser, name: string, role: string): Promise<string> {
  await admin.open('/people');
  const { html, text } = await admin.submit('/people', { name, role });
  expect(text).toContain(`One-time code for ${name} alone.`);
  return /class="site-secret">([^<]*)</.exec(html)?.[1] ?? '';
}

describe('a password', () => {
  it('is the person’s own: the admin hands on a code, which is good for one', async () => {
    const admin = await firstAdmin();
    const code = await add(admin, 'm.jones', 'records_manager');
    const weak = [
      ...['short', 'aaaaaaaaaaaaaaaa', 'm.jones m.jones 1', 'passwordpassword', '123456789012', 'Password1234', 'qwertyuiop123'],
      ...[
        'retention2026',
        'RecordsManager1',
        'Children&Families',
        'P@ssw0rdP@ssw0rd',
        'Puddlecombe2026',
        'jones-jones-2026',
        `${PASSWORD} ${'x'.repeat(200)}`,
      ],
    ];
    for (const [i, password] of weak.entries())
      expect([password, (await choose(code, password, password, `10.2.0.${i}`)).status]).toEqual([password, 422]);
    expect((await choose(code, PASSWORD, 'another one that differs')).text).toContain('The two passwords differ');
    expect((await choose(code, PASSWORD)).text).toContain('Your user name is m.jones.');
    expect((await choose(code, PASSWORD)).text).toContain('This code is unknown, was used already');
    expect((await choose('made-up', PASSWORD)).text).toContain('This code is unknown, was used already');
    await signedIn('m.jones');
    expect((await signIn(site.browser(), 'm.jones', `${PASSWORD}${' '.repeat(200)}`)).text).toContain(FAILED);

    const stored = JSON.stringify([
      await council.db('accounts'),
      await council.db('sessions'),
      await council.db('user_secrets'),
      await council.db('audit_events'),
    ]);
    expect([stored.includes(PASSWORD), stored.includes(code)]).toEqual([false, false]);
    expect(await council.db('accounts').pluck('password_hash')).toEqual(
      Array(2).fill(expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)),
    );
  });

  it(`slows whoever guesses after ${FREE_GUESSES} wrong ones, and never the person from elsewhere, who is told of it; without telling who has an account`, async () => {
    await firstAdmin();
    const said = new Set<string>();
    const guess = (password: string, address = '10.6.6.6') => signIn(new Browser(site, address), 's.lee', password);
    for (let i = 0; i < FREE_GUESSES; i++) said.add((await guess(`wrong ${i}`)).text.replace(/ wrong \d/, ''));
    said.add((await guess(PASSWORD)).text);
    said.add((await signIn(new Browser(site, '10.6.6.7'), 'n.obody', 'wrong')).text.replace('n.obody', 's.lee'));
    expect([...said]).toEqual([expect.stringContaining(FAILED)]);
    const owner = await signIn(new Browser(site, '10.6.6.8'), 's.lee');
    expect(owner.text).toContain('Signed in as s.lee');
    expect(owner.text).toMatch(
      new RegExp(`${FREE_GUESSES + 1} attempts to sign in as you failed since you last did, the last on .* from 10\\.6\\.6\\.6`),
    );
    expect((await guess(PASSWORD)).text).toContain(FAILED);
    await minutesLater(1);
    expect((await guess('wrong again')).text).toContain(FAILED);
    await minutesLater(1);
    expect((await guess(PASSWORD)).text, 'the wait doubles').toContain(FAILED);
    await minutesLater(1);
    expect((await guess(PASSWORD)).text).toContain('Signed in as s.lee');
  });

  it(`is never waited for longer than ${LONGEST_WAIT_MINUTES} minutes, and one network of IPv6 is one guesser`, async () => {
    await firstAdmin();
    for (let i = 0; i < 12; i++) {
      await signIn(new Browser(site, `2001:db8:1:2::${i + 1}`), 's.lee', 'wrong');
      await minutesLater(LONGEST_WAIT_MINUTES);
    }
    expect(await council.db('guesses').pluck('address')).toEqual(['2001:db8:1:2']);
    expect((await signIn(new Browser(site, '2001:db8:1:2:ffff::9'), 's.lee')).text).toContain('Signed in as s.lee');
  });

  it('is not guessed faster by many at once', async () => {
    await firstAdmin();
    const browsers = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const browser = new Browser(site, '10.0.0.1');
        await browser.open('/sign-in');
        return browser;
      }),
    );
    const [last, ...first] = browsers;
    await Promise.all(first.map((browser, i) => browser.submit('/sign-in', { user_name: 's.lee', password: `wrong ${i}` })));
    expect((await last?.submit('/sign-in', { user_name: 's.lee', password: PASSWORD }))?.text).toContain(FAILED);
    expect(await council.db('guesses').pluck('wrong')).toEqual([FREE_GUESSES]);
  });

  it(`is asked for ${STRICT_REQUESTS_A_MINUTE} times a minute at most, whoever it is said to be`, async () => {
    const statuses: number[] = [];
    const browser = site.browser();
    for (let i = 0; i <= STRICT_REQUESTS_A_MINUTE; i++) {
      await browser.open('/sign-in');
      statuses.push((await browser.submit('/sign-in', { user_name: `made.up.${i}`, password: 'wrong' })).status);
    }
    expect(statuses).toEqual([...Array<number>(STRICT_REQUESTS_A_MINUTE).fill(422), 429]);
    const elsewhere = new Browser(site, '10.0.0.9');
    await elsewhere.open('/sign-in');
    expect((await elsewhere.submit('/sign-in', { user_name: 'made.up', password: 'wrong' })).status).toBe(422);
  });
});

describe('an attempt that fails', () => {
  const attempts = async () =>
    (await council.db('audit_events').where({ event: 'user.sign_in_failed' }).orderBy('seq').pluck<string[]>('details')).map(
      (details) => JSON.parse(details) as object,
    );

  it('is an event: the name where there is such a person, the address that the proxy names, never what was typed', async () => {
    const admin = await firstAdmin();
    const code = await add(admin, 'm.jones', 'records_manager');
    await signIn(site.browser(), 'S.Lee', 'wrong one');
    await signIn(new Browser(site, '10.9.8.7'), 'hunter2', 'hunter3');
    await choose('made-up code', PASSWORD);
    expect((await choose(code, PASSWORD)).text).toContain('Your user name is m.jones.');
    await choose(code, PASSWORD);
    await admin.open('/me');
    await admin.submit('/me/password', { password_now: 'wrong one', password: 'x', password_again: 'x' });
    const { headers, cookies } = await site.app.inject({ url: '/sign-in' });
    expect(headers['set-cookie']).toBeDefined();
    const csrf =
      /name="_csrf" value="([^"]*)"/.exec(
        (await site.app.inject({ url: '/sign-in', cookies: Object.fromEntries(cookies.map(({ name, value }) => [name, value])) })).body,
      )?.[1] ?? '';
    await site.app.inject({
      method: 'POST',
      url: '/sign-in',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': '203.0.113.9' },
      cookies: Object.fromEntries(cookies.map(({ name, value }) => [name, value])),
      payload: new URLSearchParams({ _csrf: csrf, user_name: 's.lee', password: 'wrong' }).toString(),
    });
    const here = { address: '127.0.0.1' };
    expect(await attempts()).toEqual([
      { by: 'password', why: 'sign_in_failed', user: 's.lee', ...here },
      { by: 'password', why: 'sign_in_failed', address: '10.9.8.7' },
      { by: 'code', why: 'code_unknown', ...here },
      { by: 'code', why: 'code_unknown', user: 'm.jones', ...here },
      { by: 'password', why: 'not_the_password', user: 's.lee', ...here },
      { by: 'password', why: 'sign_in_failed', user: 's.lee', address: '203.0.113.9' },
    ]);
    const kept = JSON.stringify([await council.db('audit_events'), site.logged]);
    expect(['hunter2', 'hunter3', 'wrong one', 'made-up', code].filter((typed) => kept.includes(typed))).toEqual([]);
  });

  it('is an event on the command line too: refused tokens and codes', async () => {
    const { code } = (await council.done('users add s.lee --role admin --json')).json<{ code: string }>();
    const { token } = (await council.done(['users', 'enrol', code, '--json'])).json<{ token: string }>();
    await council
      .db('user_secrets')
      .where({ kind: 'token' })
      .update({ expires_at: new Date(0) });
    expect((await council.retention('lists', { RETENTION_TOKEN: token })).exitCode).toBe(1);
    expect((await council.retention('users add m.jones --role auditor', { RETENTION_TOKEN: 'made-up' })).exitCode).toBe(1);
    expect((await council.retention(['users', 'enrol', code])).exitCode).toBe(1);
    expect(await attempts()).toEqual([
      { by: 'token', why: 'token_unknown', user: 's.lee' },
      { by: 'token', why: 'token_unknown' },
      { by: 'code', why: 'code_unknown', user: 's.lee' },
    ]);
  });
});

describe('an admin who lost what they had', () => {
  it('is let in by whoever owns the database, and everybody is told', async () => {
    const admin = await firstAdmin();
    await add(admin, 'n.patel', 'admin');
    const owner = { DATABASE_OWNER_URL: council.ownerUrl };
    const refused = await council.retention('users recover s.lee');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('set DATABASE_OWNER_URL')]);
    const itself = await council.retention('users recover s.lee', { DATABASE_OWNER_URL: council.env['DATABASE_URL'] });
    expect([itself.exitCode, itself.stderr]).toEqual([1, expect.stringContaining('must name the role that owns the tables')]);
    const nobody = await council.retention('users recover m.jones', owner);
    expect([nobody.exitCode, nobody.stderr]).toEqual([1, expect.stringContaining('Those there are: n.patel, s.lee')]);
    expect(await council.db('audit_events').where({ event: 'user.recovered' })).toEqual([]);

    const { code } = (await council.done('users recover S.Lee --json', owner)).json<{ code: string }>();
    expect((await site.browser().open('/sign-in')).text).toContain('whoever owns the database made a one-time code for an admin');
    expect((await admin.open('/people')).text, 'what they have works until the code is used').toContain('Signed in as s.lee');
    await choose(code, 'another tractor violin');
    expect((await admin.open('/people')).text).not.toContain('Signed in as');
    const browser = site.browser();
    await browser.open('/sign-in');
    await browser.submit('/sign-in', { user_name: 's.lee', password: 'another tractor violin' });
    expect(browser.path, 'the phone may be lost as well').toBe('/me/factor');
    expect(browser.page.text).toMatch(/whoever owns the database made a one-time code for s\.lee \(event \d+ of the audit\)/);
    expect((await site.browser().open('/sign-in')).text).not.toContain('whoever owns the database');
    expect((await signIn(site.browser(), 's.lee', 'another tractor violin')).text).not.toContain('whoever owns the database');
  });
});

describe('a session', () => {
  it('is a new one after signing in, kept by its hash, in a cookie that scripts cannot read', async () => {
    await firstAdmin();
    const browser = site.browser();
    await browser.open('/sign-in');
    const before = browser.cookies.get('retention') ?? '';
    await browser.submit('/sign-in', { user_name: 's.lee', password: PASSWORD });
    const csrf = /name="_csrf" value="([^"]*)"/.exec(browser.page.html)?.[1] ?? '';
    const answered = await browser.send('POST', '/sign-in/factor', { _csrf: csrf, code: await codeOf(council, 's.lee') });
    const after = browser.cookies.get('retention') ?? '';
    expect(answered.headers['set-cookie']).toMatch(/^retention=\S+; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(after).not.toBe(before);
    expect((await new Browser(site).open('/')).text).toContain('Sign in');
    const hashes = await council.db('sessions').pluck<string[]>('id_hash');
    expect([hashes.includes(sha256(after)), JSON.stringify(await council.db('sessions')).includes(after)]).toEqual([true, false]);
    const old = site.browser();
    old.cookies.set('retention', before);
    expect((await old.open('/people')).text).not.toContain('Signed in as');
  });

  it('is Secure, under a name that no other host can set, where people come over https', async () => {
    const secure = await siteOf(council, { kind: 'live', samplePeople: [], origin: 'https://retention.example' });
    try {
      const answered = await secure.app.inject({ url: '/sign-in', headers: { 'x-forwarded-proto': 'https' } });
      expect(answered.headers['set-cookie']).toMatch(/^__Host-retention=\S+; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
      expect(answered.headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
    } finally {
      await secure.close();
    }
  });

  it('survives a restart, and ends when it was idle or is old', async () => {
    await firstAdmin();
    const [idle, busy] = [await signedIn('s.lee'), await signedIn('s.lee')];
    await site.close();
    site = await siteOf(council, { kind: 'live', samplePeople: [] });
    const over = async (browser: Browser) => {
      const again = new Browser(site);
      for (const [name, value] of browser.cookies) again.cookies.set(name, value);
      return !(await again.open('/people')).text.includes('Signed in as s.lee');
    };
    await minutesLater(IDLE_MINUTES - 1);
    expect(await over(busy)).toBe(false);
    await minutesLater(1);
    expect([await over(idle), await over(busy)]).toEqual([true, false]);
    for (let minutes = IDLE_MINUTES; minutes < ABSOLUTE_HOURS * 60 - 20; minutes += 20) {
      await minutesLater(20);
      expect(await over(busy)).toBe(false);
    }
    await minutesLater(20);
    expect(await over(busy)).toBe(true);
  });

  it('ends with all others of the person at once, and no request under way revives it', async () => {
    await firstAdmin();
    const [one, other] = [await signedIn('s.lee'), await signedIn('s.lee')];
    await one.open('/me');
    expect((await one.submit('/me/sessions/end')).text, 'however lately they signed in').toContain('Is it still you?');
    expect((await one.submit('/me/sessions/end', { proof: 'wrong' })).status).toBe(422);
    expect((await one.submit('/me/sessions/end', { proof: PASSWORD })).text).toContain('You are signed out everywhere: 3 sessions ended');
    const secret = other.cookies.get('retention') ?? '';
    const { html } = await other.send('GET', '/people');
    expect(html).not.toContain('s.lee');
    await saveSession(council.db, secret, { userName: 's.lee' }, {});
    expect(await council.db('sessions').where({ user_name: 's.lee', ended_at: null })).toEqual([]);
  });

  it('ends by signing out', async () => {
    const admin = await firstAdmin();
    const cookie = admin.cookies.get('retention') ?? '';
    expect((await admin.submit('/sign-out')).text).toContain('You are signed out.');
    const thief = site.browser();
    thief.cookies.set('retention', cookie);
    expect((await thief.send('GET', '/people')).status).toBe(303);
  });
});

describe('after signing in', () => {
  it('leads to the page that was asked for, and to no other site', async () => {
    await firstAdmin();
    const browser = site.browser();
    await browser.open('/people?x=1');
    await browser.submit('/sign-in', { user_name: 's.lee', password: PASSWORD });
    await browser.submit('/sign-in/factor', { code: await codeOf(council, 's.lee') });
    expect(browser.path).toBe('/people?x=1');
    const elsewhere = [
      '//evil.example/',
      '/\\evil.example',
      '/\t/evil.example',
      'https://evil.example/',
      'javascript:alert(1)',
      'evil',
      '',
    ];
    expect(elsewhere.map(ownPath)).toEqual(elsewhere.map(() => '/'));
    expect(ownPath('/lists/12?status=pending#file')).toBe('/lists/12?status=pending#file');
  });
});

describe('people', () => {
  it('have the roles of this moment, and nothing once their account is closed', async () => {
    const admin = await firstAdmin();
    await choose(await add(admin, 'm.jones', 'records_manager'), PASSWORD);
    const jones = await signedIn('m.jones');
    await jones.open('/me');
    const made = await jones.submit('/me/tokens');
    const token = /class="site-secret">([^<]*)</.exec(made.html)?.[1] ?? '';
    await council.done('lists', { RETENTION_TOKEN: token });

    await council
      .db('users')
      .where({ name: 'm.jones' })
      .update({ roles: ['auditor'] });
    expect((await jones.open('/')).text).toContain('Signed in as m.jones');
    expect((await jones.send('GET', '/lists/1/sign-off')).status).toBe(403);

    await admin.open('/people');
    expect((await admin.submit('/people/close', { name: 'm.jones' })).text).toContain('The account m.jones is closed.');
    expect((await jones.open('/lists')).text).not.toContain('Signed in as');
    expect((await signIn(site.browser(), 'm.jones')).text).toContain(FAILED);
    expect((await council.retention('lists', { RETENTION_TOKEN: token })).exitCode).toBe(1);

    await admin.open('/people');
    const asked = await admin.submit('/people', { name: 'm.jones', role: 'auditor' });
    expect([asked.status, asked.text]).toEqual([422, expect.stringContaining('This account was closed.')]);
    expect(await council.db('users').where({ name: 'm.jones' }).pluck('roles')).toEqual([['auditor']]);
    const patel = await council.done(['users', 'enrol', await add(admin, 'n.patel', 'admin'), '--json']);
    const { html } = await admin.submit('/people', { name: 'm.jones', role: 'records_manager', reopen: 'yes' });
    await council.done('users confirm m.jones', { RETENTION_TOKEN: patel.json<{ token: string }>().token });
    await choose(/class="site-secret">([^<]*)</.exec(html)?.[1] ?? '', PASSWORD);
    await signedIn('m.jones');
    expect(await council.db('audit_events').where({ event: 'user.reopened' }).pluck('actor')).toEqual(['s.lee']);
  });

  it('are nobody new where roles are changed: a name that is not there makes no person', async () => {
    const admin = await firstAdmin();
    await admin.open('/people/roles?name=s.lee');
    const csrf = /name="_csrf" value="([^"]*)"/.exec(admin.page.html)?.[1] ?? '';
    expect((await admin.send('POST', '/people/roles', { _csrf: csrf, name: 'n.obody', role: 'auditor' })).status).toBe(404);
    expect(await council.db('users').pluck('name')).toEqual(['s.lee']);
  });

  it('take their own tokens back, and nobody else’s', async () => {
    const admin = await firstAdmin();
    await choose(await add(admin, 'm.jones', 'records_manager'), PASSWORD);
    const jones = await signedIn('m.jones');
    await jones.open('/me');
    const token = /class="site-secret">([^<]*)</.exec((await jones.submit('/me/tokens')).html)?.[1] ?? '';
    const [{ id }] = (await council.db('user_secrets').where({ kind: 'token' })) as [{ id: number }];
    await admin.open('/me');
    const csrf = /name="_csrf" value="([^"]*)"/.exec(admin.page.html)?.[1] ?? '';
    expect((await admin.send('POST', '/me/tokens/end', { _csrf: csrf, token: String(id) })).status).toBe(404);
    await council.done('lists', { RETENTION_TOKEN: token });
    expect((await jones.submit('/me/tokens/end')).text).toContain('The token is taken back.');
    expect((await council.retention('lists', { RETENTION_TOKEN: token })).exitCode).toBe(1);
  });

  it('always have an admin: the last one cannot become something else, nor close their own account', async () => {
    const admin = await firstAdmin();
    await admin.open('/people/roles?name=s.lee');
    const lost = await admin.submit('/people/roles', { role: 'auditor' });
    expect([lost.status, lost.text]).toEqual([422, expect.stringContaining('s.lee is the only admin')]);
    const csrf = /name="_csrf" value="([^"]*)"/.exec(admin.page.html)?.[1] ?? '';
    expect((await admin.send('POST', '/people/close', { _csrf: csrf, name: 's.lee' })).text).toContain(
      'You cannot close your own account.',
    );
    await admin.open('/people');
    const both = await admin.submit('/people', { name: 'm.jones', role: ['admin', 'auditor'] });
    expect([both.status, both.text]).toEqual([422, expect.stringContaining('the role admin goes with no other')]);
  });

  it('keep their name to themselves: adding it again is refused, other roles and a new code are given on a page of their own', async () => {
    const admin = await firstAdmin();
    await choose(await add(admin, 'm.jones', 'records_manager'), PASSWORD);
    const jones = await signedIn('m.jones');
    await admin.open('/people');
    const taken = await admin.submit('/people', { name: 'm.jones', role: 'auditor' });
    expect([taken.status, taken.text]).toEqual([422, expect.stringContaining('There is a person m.jones already.')]);
    expect((await jones.open('/me')).text).toContain('Records manager');

    expect((await admin.open('/people/roles?name=m.jones')).html).toMatch(/value="records_manager" checked/);
    expect((await admin.submit('/people/roles', { role: [] })).status).toBe(422);
    expect((await admin.submit('/people/roles', { role: 'auditor' })).text).toContain('One-time code for m.jones alone.');
    expect((await jones.open('/me')).text).not.toContain('Signed in as');
    expect(await council.db('users').where({ name: 'm.jones' }).pluck('roles')).toEqual([['auditor']]);
  });

  it('are signed out everywhere by an admin', async () => {
    const admin = await firstAdmin();
    await choose(await add(admin, 'm.jones', 'records_manager'), PASSWORD);
    const [one, other] = [await signedIn('m.jones'), await signedIn('m.jones')];
    await admin.open('/people');
    const ended = await admin.submit('/people/sessions/end', { name: 'm.jones' });
    expect(ended.text).toContain('m.jones is signed out everywhere: 2 sessions ended.');
    for (const browser of [one, other]) expect((await browser.open('/me')).text).not.toContain('Signed in as');
  });

  it('change their own password, knowing the old one, and are signed out elsewhere', async () => {
    await firstAdmin();
    const [here, there] = [await signedIn('s.lee'), await signedIn('s.lee')];
    await here.open('/me');
    const chosen = { password: 'seven quiet otters', password_again: 'seven quiet otters' };
    for (const [fields, words] of [
      [{ ...chosen, password_now: 'wrong' }, 'This is not your password'],
      [{ ...chosen, password_again: 'seven quiet otter', password_now: PASSWORD }, 'The two passwords differ.'],
      [{ password: 'short', password_again: 'short', password_now: PASSWORD }, 'A password has at least 12 characters.'],
    ] as const)
      expect((await here.submit('/me/password', fields)).text).toContain(words);
    expect((await here.submit('/me/password', { ...chosen, password_now: PASSWORD })).text).toContain('Your password is changed.');
    expect(here.page.text).toContain('Signed in as s.lee');
    expect((await there.open('/me')).text).not.toContain('Signed in as');
    expect((await signIn(site.browser(), 's.lee')).text).toContain(FAILED);
    expect((await signIn(site.browser(), 's.lee', 'seven quiet otters')).text).toContain('Signed in as s.lee');
  });

  it('of a rehearsal are sample people there alone: not on a live database', async () => {
    const browser = site.browser();
    expect((await browser.open('/sign-in')).text).not.toContain('in this rehearsal');
    const csrf = /name="_csrf" value="([^"]*)"/.exec(browser.page.html)?.[1] ?? '';
    expect((await browser.send('POST', '/sign-in/sample', { _csrf: csrf, sample: 's.lee' })).status).toBe(409);
  });
});
