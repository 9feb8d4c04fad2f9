/** Who gets what: every route times every role by the one table, what an auditor does not see, and the headers of every answer. */
import { connect as connectTo, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Route, SitePerson } from '../../reports/site/page.ts';
import { ROUTES } from '../../reports/site/routes.ts';
import { mayDo, PERMISSIONS, ROLES } from '../../rules/workflow.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { siteOf, type Browser, type SiteUnderTest } from './browsing.ts';

/** One for each role, by its name. */
const ONE_OF_EACH: SitePerson[] = ROLES.map((role) => ({ name: role, roles: [role] }));

let council: Council;
let site: SiteUnderTest;
const signedIn = new Map<string, Browser>();

beforeAll(async () => {
  council = await rehearsal();
  site = await siteOf(council, { samplePeople: ONE_OF_EACH });
  council.register.child('CF-1', { location: 'Shelf 14' }).child('CF-2');
  await council.document('CF-1', 'Jane letter.txt');
  await council.night('2026-11-20');
  council.register.change('CF-1-P', { name: 'Jane Renamed' }).change('CF-2', { last_entry_on: '2009-01-01', location: 'Shelf 15' });
  await council.night('2026-11-21');
  for (const { name } of ONE_OF_EACH) signedIn.set(name, await site.as(name));
});

afterAll(async () => {
  await site.close();
  await council.close();
});

/** A path that the route is asked by. */
function asked({ url }: Route): string {
  return url.replace(':list', '1').replace(':position', '1');
}

describe('every route', () => {
  it('refuses each role without its permission, and says which role it takes', async () => {
    const wrong: string[] = [];
    let refused = 0;
    for (const route of ROUTES) {
      const { needs } = route;
      if (needs === 'anyone' || needs === 'signed_in') continue;
      for (const role of ROLES) {
        const browser = signedIn.get(role);
        if (!browser) throw new Error(`Nobody is ${role}.`);
        const csrf = await secretOf(browser);
        const { status, text } = await browser.send(route.method, asked(route), { _csrf: csrf });
        const allowed = mayDo([role], needs);
        if (!allowed) refused++;
        const told = text.includes(PERMISSIONS[needs].map((one) => one.replace('_', ' ')).join(' or '));
        if (allowed ? status === 403 : status !== 403 || !told) wrong.push(`${role}: ${route.method} ${route.url} ${status}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(15);
  });

  it('sends who is not signed in to sign in, and does nothing', async () => {
    const before = await council.db('audit_events').count();
    for (const route of ROUTES.filter(({ needs }) => needs !== 'anyone')) {
      const answered = await site.browser().send(route.method, asked(route));
      expect([route.url, answered.status, answered.headers['location']]).toEqual([route.url, 303, '/sign-in']);
    }
    expect(await council.db('audit_events').count()).toEqual(before);
  });

  it('takes no form without its secret, nor with that of another session', async () => {
    const other = await secretOf(signedIn.get('auditor') ?? site.browser());
    for (const route of ROUTES.filter(({ method }) => method === 'POST')) {
      for (const fields of [{}, { _csrf: other }, { _csrf: 'made-up' }]) {
        const browser = signedIn.get('records_manager') ?? site.browser();
        const { status, text } = await browser.send('POST', asked(route), fields);
        expect([route.url, status, text]).toEqual([route.url, 403, expect.stringContaining('This page was open too long')]);
      }
    }
    expect(await council.db('disposal_list_items').whereNotNull('decided_by')).toEqual([]);
  });

  it('answers with headers that keep it from caches, frames, scripts and other sites', async () => {
    const admin = signedIn.get('records_manager') ?? site.browser();
    for (const path of ['/', '/lists', '/files?ref=CF-1', '/nowhere', '/lists/99', '/sign-in']) {
      const { headers, html } = await admin.send('GET', path);
      expect(headers, path).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy':
          "default-src 'none';script-src 'self';style-src 'self';img-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin',
      });
      expect(html, path).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+="/);
      expect(html, path).toContain('Nothing here is the real register.');
      expect(html, path).not.toMatch(/crown|gov\.uk/i);
    }
  });

  it('of the assets may be kept for a year, and brings no typeface of GOV.UK', async () => {
    const { html } = await site.browser().send('GET', '/sign-in');
    const assets = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]*)"/g)].map(([, path = '']) => path);
    expect(assets.length).toBeGreaterThan(3);
    for (const path of assets) {
      const { status, headers, html: content } = await site.browser().send('GET', path);
      expect([path, status, headers['cache-control']]).toEqual([path, 200, 'public, max-age=31536000, immutable']);
      expect(headers['set-cookie']).toBeUndefined();
      expect(content).not.toMatch(/GDS Transport|@font-face|url\(\/assets/);
    }
  });
});

describe('what is not there, and what goes wrong', () => {
  it('is a page in words', async () => {
    const browser = signedIn.get('records_manager') ?? site.browser();
    expect(await browser.send('GET', '/nowhere')).toMatchObject({ status: 404, text: expect.stringContaining('Page not found') as string });
    expect(await browser.send('GET', '/lists/99')).toMatchObject({
      status: 404,
      text: expect.stringContaining('no disposal list 99') as string,
    });
    expect(await browser.send('GET', '/files?ref=XX-1')).toMatchObject({
      status: 404,
      text: expect.stringContaining('no file XX-1') as string,
    });
  });

  it('is no fault where a number is larger than any that the database counts', async () => {
    const browser = signedIn.get('records_manager') ?? site.browser();
    for (const path of ['/lists/9999999999', '/lists/1/files/9999999999', '/holds/9999999999', '/runs/9999999999'])
      expect([path, (await browser.send('GET', path)).status]).toEqual([path, 404]);
    for (const path of ['/lists?after=9999999999', '/audit?before=9999999999', '/holds?after=9999999999', '/lists/1?after=9999999999'])
      expect([path, (await browser.send('GET', path)).status]).toEqual([path, 200]);
  });

  it('is chosen first where an address leaves out what it is about', async () => {
    const [manager, admin] = [signedIn.get('records_manager') ?? site.browser(), signedIn.get('admin') ?? site.browser()];
    expect((await manager.open('/files/confirm')).text).toContain('Choose the file to confirm.');
    expect((await admin.open('/people/roles')).text).toContain('Choose whose roles to change.');
  });

  it('without details where it is our own fault', async () => {
    const broken = await siteOf(council, {
      samplePeople: ONE_OF_EACH,
      today: () => 'no-day',
    });
    try {
      const browser = signedIn.get('records_manager') ?? site.browser();
      const answered = await broken.app.inject({ method: 'GET', url: '/', cookies: Object.fromEntries(browser.cookies) });
      expect(answered.statusCode).toBe(500);
      expect(answered.body).toContain('There is a problem with this site');
      expect(answered.body).not.toMatch(/no-day|select |knex|node_modules/);
      const failed = broken.logged.filter(({ event }) => event === 'site.failed') as { about: { number: string } }[];
      expect([failed.length, answered.body.includes(failed[0]?.about.number ?? 'no number')]).toEqual([1, true]);
    } finally {
      await broken.close();
    }
  });
});

describe('a fault', () => {
  const INSIDE = /select |insert |permission denied|ECONNREFUSED|connection|knex|127\.0\.0|node_modules|sessions|audit_events/i;

  /** Each has the site's own page and headers, says nothing of the cause, and has a number that the log has too. */
  async function expectOwnPages(broken: SiteUnderTest, asked: [method: 'GET' | 'POST', url: string, status: number][], cookies = {}) {
    for (const [method, url, status] of asked) {
      broken.logged.length = 0;
      const { statusCode, body, headers } = await broken.app.inject({ method, url, cookies });
      const html = body.replace(/<head>.*<\/head>/s, '');
      expect([url, statusCode, html]).toEqual([url, status, expect.stringContaining('Go to the home page')]);
      expect([url, INSIDE.exec(html)?.[0]]).toEqual([url, undefined]);
      expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'x-frame-options': 'DENY', 'cache-control': 'no-store' });
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      if (status < 500) continue;
      const failed = broken.logged.flatMap(({ event, about }) => (event === 'site.failed' ? [about as { number: string }] : []));
      expect([url, failed.map(({ number }) => html.includes(`the number ${number}`))]).toEqual([url, [true]]);
    }
  }

  it('of the database being away is 503, before and after signing in', async () => {
    const lost = await siteOf(council, { samplePeople: ONE_OF_EACH });
    await lost.site.db.destroy();
    const cookies = Object.fromEntries(signedIn.get('auditor')?.cookies ?? []);
    await expectOwnPages(
      lost,
      [
        ['GET', '/sign-in', 503],
        ['GET', '/lists', 503],
      ],
      cookies,
    );
    await expectOwnPages(lost, [
      ['GET', '/sign-in', 503],
      ['GET', '/nowhere', 404],
    ]);
    await lost.app.close();
  });

  it('of a right that was taken away shows no statement, wherever it strikes', async () => {
    const broken = await siteOf(council, { samplePeople: ONE_OF_EACH });
    const role = new URL(council.env['DATABASE_URL'] ?? '').username;
    const cookies = Object.fromEntries(signedIn.get('admin')?.cookies ?? []);
    for (const [right, asked] of [
      [
        'insert on sessions',
        [
          ['GET', '/sign-in', 500],
          ['GET', '/nowhere', 404],
        ],
      ],
      [
        'update on sessions',
        [
          ['GET', '/people', 500],
          ['GET', '/sign-in', 500],
        ],
      ],
      ['select on users', [['GET', '/people', 500]]],
    ] as const) {
      await council.db.raw(`revoke ${right} from ${role}`);
      try {
        await expectOwnPages(broken, asked as never, right === 'insert on sessions' ? {} : cookies);
      } finally {
        await council.db.raw(`grant ${right} to ${role}`);
      }
    }
    await broken.close();
  });

  it('of an address that cannot be read is the site’s own page as well', async () => {
    await expectOwnPages(site, [
      ['GET', '/%ff', 400],
      ['GET', '/lists/%e0%a4', 400],
      ['GET', `/lists/${'1'.repeat(501)}`, 414],
    ]);
  });

  it('of what is no request is answered on the socket, with the same page', async () => {
    const open = await siteOf(council, { samplePeople: ONE_OF_EACH });
    await open.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = open.app.server.address() as AddressInfo;
    try {
      for (const [sent, status] of [
        ['NONSENSE\r\n\r\n', 400],
        [`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
      ] as const) {
        const socket = connectTo(port, '127.0.0.1');
        socket.write(sent);
        expect(await text(socket)).toMatch(
          new RegExp(`^HTTP/1.1 ${status} [^]*content-security-policy: default-src 'none'[^]*This request cannot be read`),
        );
      }
    } finally {
      await open.close();
    }
  });
});

it('each request is a line of the log: method, pattern of the route, status, time and user, never an address', async () => {
  const logging = await siteOf(council, { samplePeople: ONE_OF_EACH });
  const cookies = Object.fromEntries(signedIn.get('records_manager')?.cookies ?? []);
  for (const url of ['/files?ref=CF-1', '/lists/1/files/1']) await logging.app.inject({ url, cookies });
  await logging.app.inject({ url: '/CF-1/Jane' });
  await logging.close();
  const lines = logging.logged.filter(({ event }) => event === 'site.request').map(({ about }) => about);
  const line = { method: 'GET', ms: expect.any(Number) as unknown, user: 'records_manager', status: 200 };
  expect(lines).toEqual([
    { ...line, route: '/files', address: '127.0.0.1' },
    { ...line, route: '/lists/:list/files/:position', address: '127.0.0.1' },
    { ...line, route: '', status: 404, user: null, address: '127.0.0.1' },
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/CF-1|Jane/);
});

describe('an auditor', () => {
  it('reads no names, notes, document names or locations, which a records manager reads', async () => {
    const secrets = ['Jane Renamed', 'Jane letter.txt', 'Shelf 14', 'Shelf 15'];
    const paths = ['/files?ref=CF-1', '/files?ref=CF-2', '/lists', '/lists/1', '/lists/1/files/1', '/'];
    const told = async (role: string) => {
      const browser = signedIn.get(role) ?? site.browser();
      const answers = await Promise.all(paths.map((path) => browser.send('GET', path)));
      return answers.map(({ html }) => html).join('');
    };
    const [manager, auditor] = [await told('records_manager'), await told('auditor')];
    expect(secrets.filter((secret) => !manager.includes(secret))).toEqual([]);
    expect(secrets.filter((secret) => auditor.includes(secret))).toEqual([]);
    expect(manager + auditor, 'an earlier name is for nobody').not.toContain('Invented CF-1');
    expect(auditor).toContain('The name changed on 21/11/2026 (CF-1-P).');
    expect(auditor).toContain('Last entry: 01/01/2009, before that not known.');
  });
});

async function secretOf(browser: Browser): Promise<string> {
  const { html } = await browser.send('GET', '/me');
  return /name="_csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';
}
