/** Who is turned away at the door: names that are not the site's, forms of other sites, requests that never end, too many at once. */
import { connect as connectTo, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clearOldSessions } from '../../db/sessions.ts';
import { rehearsal, until, type Council } from '../setup/commands.ts';
import { freeze, waitingForLocks } from '../setup/frozen.ts';
import { siteOf, type SiteUnderTest } from './browsing.ts';

const CONNECTIONS = 8;
const limits = { requestTimeout: 400, checkedEvery: 50, connections: CONNECTIONS, connectionsOfAddress: 4 };

let council: Council;
let site: SiteUnderTest;
let port: number;

beforeAll(async () => {
  council = await rehearsal();
  site = await siteOf(council, {}, limits);
  await site.app.listen({ host: '127.0.0.1', port: 0 });
  port = (site.app.server.address() as AddressInfo).port;
});

afterAll(async () => {
  await site.close();
  await council.close();
});

describe('a request under another name than the site’s', () => {
  it.each(['evil.example', '127.0.0.1.evil.example:3000', 'localhost.evil.example', '[', '127.0.0.1@evil.example'])(
    'gets a plain page and no session: %j',
    async (host) => {
      const { statusCode, headers, body } = await site.app.inject({ url: '/sign-in', headers: { host } });
      expect([statusCode, headers['set-cookie'], headers['x-frame-options']]).toEqual([421, undefined, 'DENY']);
      expect(body).toContain('The site is at http://127.0.0.1:3000.');
    },
  );

  it.each(['127.0.0.1:3000', 'localhost:8080', '[::1]:3000'])(
    'is served under its own and under names of this machine: %s',
    async (host) => {
      expect((await site.app.inject({ url: '/sign-in', headers: { host } })).statusCode).toBe(200);
    },
  );
});

describe('a form that another site sends', () => {
  it.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { referer: 'https://evil.example/127.0.0.1:3000' },
  ])('is refused before the session is touched, so that nobody is signed out: %o', async (sent) => {
    const person = await site.as('m.jones');
    const answered = await site.app.inject({ method: 'POST', url: '/sign-out', headers: sent, payload: '' });
    expect([answered.statusCode, answered.headers['set-cookie']]).toEqual([403, undefined]);
    expect((await person.open('/')).text).toContain('m.jones');
    const about = { address: '127.0.0.1', method: 'POST', why: 'Another site sent this' };
    expect(site.logged).toContainEqual({ event: 'site.turned_away', about });
  });

  it('is taken of this site, by whichever of its names', async () => {
    for (const origin of ['http://127.0.0.1:3000', 'http://localhost:8080']) {
      const answered = await site.app.inject({
        method: 'POST',
        url: '/sign-out',
        headers: { origin, host: 'localhost:8080' },
        payload: '',
      });
      expect(answered.body).not.toContain('Another site sent this');
    }
  });
});

describe('whoever has no session', () => {
  it('leaves no row before a form is shown: neither asking for a page, nor for one that is not there, nor a refusal', async () => {
    const before = await council.db('sessions').count();
    for (const [method, path] of [
      ['GET', '/lists?rule=x'],
      ['GET', '/nothing-here'],
      ['POST', '/lists/1'],
      ['POST', '/sign-in'],
      ['GET', '/%ff'],
    ] as const) {
      const { headers } = await site.browser().send(method, path);
      expect(JSON.stringify(headers['set-cookie'] ?? '')).not.toMatch(/retention=/);
    }
    expect(await council.db('sessions').count()).toEqual(before);
    await site.browser().open('/sign-in');
    await council
      .db('sessions')
      .whereNull('user_name')
      .update({ last_seen_at: council.db.raw("now() - interval '11 minutes'") });
    await clearOldSessions(council.db);
    expect(await council.db('sessions').whereNull('user_name').count()).toEqual([{ count: 0 }]);
  });

  it('comes to the page that was asked for, once, though only the browser kept it', async () => {
    const browser = site.browser();
    await browser.open('/holds?show=released');
    await browser.submit('/sign-in/sample', { sample: 'm.jones' });
    expect(browser.path).toBe('/holds?show=released');
    await browser.open('/me');
    await browser.submit('/sign-out');
    await browser.submit('/sign-in/sample', { sample: 'm.jones' });
    expect(browser.path).toBe('/');
  });

  it('is slowed on pages that do not exist as on others', async () => {
    const flood = { url: '/nothing-here', remoteAddress: '10.9.9.9' };
    const statuses = new Map<number, number>();
    for (let i = 0; i < 620; i++) {
      const { statusCode } = await site.app.inject(flood);
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
    }
    expect([statuses.get(404), statuses.get(429)]).toEqual([600, 20]);
  });
});

describe('what people type', () => {
  const typed = 'Jane Example born 1.1.2010';
  const refused = async () => {
    const last = await council.db('audit_events').where({ event: 'refused' }).orderBy('seq', 'desc').first<{ details: string }>('details');
    return JSON.parse(last.details) as Record<string, unknown>;
  };

  it('as a reference stays out of the audit where nothing is called so, on the site and on the command line', async () => {
    const manager = await site.as('m.jones');
    await manager.open('/holds/place');
    const csrf = /name="_csrf" value="([^"]+)"/.exec(manager.page.html)?.[1] ?? '';
    await manager.send('POST', '/files/confirm', { _csrf: csrf, ref: typed, reason: 'x' });
    const unknown = { unknown: expect.stringMatching(/^[0-9a-f]{16}$/) as string, characters: typed.length };
    expect(await refused()).toMatchObject({ file: unknown });
    await council.retention(['confirm', typed, '--reason', 'x'], { as: 'm.jones' });
    expect(await refused()).toMatchObject({ file: unknown });
    const held = ['hold', 'add', '--kind', 'police', '--scope', `person:${typed}`, '--authority', 'X', '--review-on', '2027-05-01'];
    expect((await council.retention(held, { as: 'm.jones' })).exitCode).toBe(3);
    expect(await council.db('audit_events').where('details', 'like', '%Jane%')).toEqual([]);
  });

  it('is refused where it is longer than a reason, and nothing of it is kept', async () => {
    const manager = await site.as('m.jones');
    await manager.open('/holds/place');
    const csrf = /name="_csrf" value="([^"]+)"/.exec(manager.page.html)?.[1] ?? '';
    const answered = await manager.send('POST', '/holds', { _csrf: csrf, authority: 'x'.repeat(4001) });
    expect([answered.status, answered.text]).toEqual([422, expect.stringContaining('longer than 4,000 characters')]);
    const long = await council.retention(['confirm', 'CF-1', '--reason', 'x'.repeat(4001)], { as: 'm.jones' });
    expect([long.exitCode, long.stderr]).toEqual([2, expect.stringContaining('longer than 4,000 characters')]);
  });

  it('or names in one event is cut on the page of the audit, and shown whole by itself', async () => {
    const files = Array.from({ length: 400 }, (_, i) => `CF-${i}`);
    await council.db('audit_events').insert({ actor: 'service', event: 'archived.differs', details: JSON.stringify({ files }) });
    const auditor = await site.as('a.khan');
    const listed = await auditor.open('/audit');
    const [, whole = ''] = /href="(\/audit\/events\/\d+)"/.exec(listed.html) ?? [];
    expect(listed.text).not.toContain('CF-399');
    expect((await auditor.open(whole)).text).toContain('CF-399');
    expect((await auditor.open('/audit/events/999999')).status).toBe(404);
  });
});

describe('what takes long or tells much', () => {
  it('has the whole chain followed for one person at a time', async () => {
    const [one, other] = [await site.as('m.jones'), await site.as('a.khan')];
    for (const browser of [one, other]) await browser.open('/audit');
    const frozen = await freeze(council, 'lock table runs in access exclusive mode');
    const first = one.submit('/audit/chain');
    await until(async () => (await waitingForLocks(council)) === 1, 'the first check waits');
    const second = await other.submit('/audit/chain');
    expect([second.status, second.text]).toEqual([422, expect.stringContaining('Somebody is having the chain checked just now')]);
    await frozen.letGo();
    expect((await first).status).toBe(200);
    await other.open('/audit');
    expect((await other.submit('/audit/chain')).status).toBe(200);
  });

  it('keeps twenty days of what if, and lets the one asked first go', async () => {
    const browser = await site.as('m.jones');
    for (let day = 1; day <= 22; day++) await browser.open(`/what-if?on=2027-01-${String(day).padStart(2, '0')}`);
    const kept = await council.db('what_if').orderBy('on_day').pluck<string[]>('on_day');
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([20, '2027-01-03', '2027-01-22']);
  });

  it('looks up thirty people a minute for one person, from whatever address, and says so in the log', async () => {
    const browsers = [await site.as('a.khan'), await site.as('a.khan')];
    const statuses: number[] = [];
    for (let i = 0; i < 32; i++) {
      const browser = browsers[i % 2] ?? site.browser();
      await browser.open('/find');
      statuses.push((await browser.submit('/find', { name: 'nobody' })).status);
    }
    expect([statuses.filter((status) => status === 200).length, statuses.slice(30)]).toEqual([30, [429, 429]]);
    expect(site.logged).toContainEqual({ event: 'find.too_often', about: expect.objectContaining({ user: 'a.khan' }) as unknown });
  });
});

describe('connections', () => {
  it('end where a request is not whole in time, with a page that says so', async () => {
    const socket = connectTo(port, '127.0.0.1');
    socket.write(
      'POST /sign-in HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\nu',
    );
    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 .*This request cannot be read/s);
  });

  it('of people who are signed in stay, however many others are held open', async () => {
    const person = await site.as('m.jones');
    const cookie = [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const worker = await opened();
    worker.write(`GET / HTTP/1.1\r\nhost: localhost\r\ncookie: ${cookie}\r\n\r\n`);
    await until(() => Promise.resolve(worker.bytesRead > 0), 'the first page came');
    const others: Socket[] = [];
    for (let i = 0; i < 3 * CONNECTIONS; i++) others.push(await opened());
    await until(() => Promise.resolve(others.filter(({ destroyed }) => !destroyed).length <= CONNECTIONS), 'the oldest gave way');
    await pause(50);
    expect([worker.destroyed, others.at(-1)?.destroyed]).toEqual([false, false]);
    const before = worker.bytesRead;
    worker.write(`GET /lists HTTP/1.1\r\nhost: localhost\r\ncookie: ${cookie}\r\nconnection: close\r\n\r\n`);
    await until(() => Promise.resolve(worker.destroyed || worker.readableEnded), 'the second page came');
    expect(worker.bytesRead).toBeGreaterThan(before);
    for (const socket of others) socket.destroy();
  });
});

/** A connection on which nothing was asked yet. */
async function opened(): Promise<Socket> {
  const socket = connectTo(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await new Promise((connected) => socket.once('connect', connected));
  return socket;
}
