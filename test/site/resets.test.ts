/** Resetting an account: whoever makes the code could become its owner, so it takes two for those who sign or manage people, and the owner is told. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rehearsal, type Council } from '../setup/commands.ts';
import { Browser, setUpApp, signInByPassword, siteOf, type Answered, type SiteUnderTest } from './browsing.ts';

const PASSWORD = 'plain tractor violin';
const TAKES_TWO = /takes a second admin to confirm it/;

let council: Council;
let site: SiteUnderTest;
let lee: { RETENTION_TOKEN: string };
let address = 0;

beforeEach(async () => {
  council = await rehearsal({ RETENTION_REHEARSAL: '' });
  const code = await codeFor('s.lee', 'admin', '');
  lee = { RETENTION_TOKEN: (await council.done(['users', 'enrol', code, '--json'])).json<{ token: string }>().token };
  site = await siteOf(council, { kind: 'live', samplePeople: [] });
});

afterEach(async () => {
  await site.close();
  await council.close();
});

async function codeFor(name: string, role: string, token = lee.RETENTION_TOKEN): Promise<string> {
  return (await council.done(`users add ${name} --role ${role} --json`, { RETENTION_TOKEN: token })).json<{ code: string }>().code;
}

const browser = () => new Browser(site, `10.5.0.${++address}`);

async function choose(code: string, recovery_code = ''): Promise<Answered> {
  const who = browser();
  await who.open('/sign-in/code');
  return who.submit('/sign-in/code', { code, recovery_code, password: PASSWORD, password_again: PASSWORD });
}

/** A person with a password, signed in. */
async function person(name: string, role: string): Promise<Browser> {
  expect((await choose(await codeFor(name, role))).text).toContain(`Your user name is ${name}.`);
  const who = browser();
  expect((await signInByPassword(who, name, PASSWORD)).text).toContain(`Signed in as ${name}`);
  return who;
}

describe('the account of somebody who signs, or manages people', () => {
  it('is reset by two admins: one makes the code, another confirms it', async () => {
    const jones = await person('m.jones', 'records_manager');
    const patel = await person('n.patel', 'admin');
    const made = await council.done('users add m.jones --role records_manager', lee);
    expect(made.stdout).toMatch(TAKES_TWO);
    const code = /alone: (\S+)/.exec(made.stdout)?.[1] ?? '';
    const alone = await choose(code);
    expect([alone.status, alone.text]).toEqual([422, expect.stringMatching(TAKES_TWO)]);
    const enrolled = await council.retention(['users', 'enrol', code]);
    expect([enrolled.exitCode, enrolled.stderr]).toEqual([1, expect.stringMatching(TAKES_TWO)]);
    expect((await jones.open('/me')).text).toMatch(/s\.lee made a one-time code for you on .*, which was not used yet/);
    expect((await jones.open('/')).text).not.toContain('s.lee made a one-time code');

    const own = await council.retention('users confirm m.jones', lee);
    expect([own.exitCode, own.stderr]).toEqual([1, expect.stringContaining('Another admin must confirm it')]);
    await patel.open('/people');
    expect((await patel.submit('/people/confirm', { name: 'm.jones' })).text).toContain('The code for m.jones is confirmed.');
    expect((await choose(code)).text).toContain('Your user name is m.jones.');
    const back = browser();
    const told = (await signInByPassword(back, 'm.jones', PASSWORD)).text;
    expect(told).toMatch(/s\.lee made a one-time code for you on .*, confirmed by n\.patel, which was used on/);
    expect((await back.open('/me')).text).toMatch(/Made by s\.lee on .*, confirmed by n\.patel: used/);
    const events = await council
      .db('audit_events')
      .whereIn('event', ['user.code_made', 'user.code_confirmed', 'user.code_used'])
      .orderBy('seq')
      .select<{ actor: string; event: string; details: string }[]>('actor', 'event', 'details');
    expect(events.slice(-3).map(({ actor, event, details }) => [actor, event, JSON.parse(details) as object])).toEqual([
      ['s.lee', 'user.code_made', { user: 'm.jones', takes_two: true }],
      ['n.patel', 'user.code_confirmed', { user: 'm.jones', made_by: 's.lee' }],
      ['m.jones', 'user.code_used', { user: 'm.jones', made_by: 's.lee' }],
    ]);
  });

  it('is reset with a recovery code of its owner as well, and then has no second factor any more', async () => {
    const khan = await person('a.khan', 'authoriser');
    await khan.open('/me');
    const recovery = /site-secret">([A-Z2-7-]{29})</.exec((await khan.submit('/me/recovery-codes')).html)?.[1] ?? '';
    const code = await codeFor('a.khan', 'authoriser');
    expect((await choose(code, recovery.replace(/^./, 'A').replace(/.$/, 'B'))).text).toMatch(TAKES_TWO);
    expect((await choose(code, recovery)).text).toContain('Your user name is a.khan.');
    const again = browser();
    await again.open('/sign-in');
    await again.submit('/sign-in', { user_name: 'a.khan', password: PASSWORD });
    expect(again.path).toBe('/me/factor');
    await setUpApp(again, 'a.khan');
    expect((await again.open('/lists')).status).toBe(200);
  });

  it('is not reset by one who first takes the role away', async () => {
    await person('m.jones', 'records_manager');
    await codeFor('m.jones', 'auditor');
    expect((await choose(await codeFor('m.jones', 'auditor'))).text).toMatch(TAKES_TWO);
    await person('n.patel', 'admin');
    expect((await choose(await codeFor('n.patel', 'admin'))).text).toMatch(TAKES_TWO);
  });
});

it('one admin resets the account of somebody who only ever reads, and their own', async () => {
  await person('v.orr', 'auditor');
  expect((await choose(await codeFor('v.orr', 'auditor'))).text).toContain('Your user name is v.orr.');
  expect((await choose(await codeFor('s.lee', 'admin'))).text).toContain('Your user name is s.lee.');
  const own = browser();
  await signInByPassword(own, 's.lee', PASSWORD);
  await own.open('/me');
  lee = { RETENTION_TOKEN: /class="site-secret">([^<]*)</.exec((await own.submit('/me/tokens')).html)?.[1] ?? '' };
  await choose(await codeFor('s.lee', 'admin'));
  const next = browser();
  await next.open('/sign-in');
  await next.submit('/sign-in', { user_name: 's.lee', password: PASSWORD });
  expect(next.path, 'who resets their own account keeps their second factor').toBe('/sign-in/factor');
});
