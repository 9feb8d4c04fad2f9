/** A person with a browser that has no JavaScript: cookies, links and forms over the site itself, without a network. */
import type { FastifyInstance } from 'fastify';
import { Secret, TOTP } from 'otpauth';
import { expect } from 'vitest';
import { SAMPLE_PEOPLE } from '../../jobs/cli/siteCommands.ts';
import { describeError } from '../../jobs/log.ts';
import type { Limits } from '../../reports/site/connections.ts';
import type { Site } from '../../reports/site/page.ts';
import { SECOND_FACTOR_FOR } from '../../rules/workflow.ts';
import { buildSite } from '../../reports/site/server.ts';
import { openArchiveStore } from '../../db/archiveStore.ts';
import { connect, type Database } from '../../db/connect.ts';
import type { Council } from '../setup/commands.ts';

/** What was answered. */
export interface Answered {
  status: number;
  headers: Record<string, unknown>;
  html: string;
  /** The words of the page, without marks. */
  text: string;
}

/** The site over a council's database as the role that commands work as. Time is the council's. */
export class SiteUnderTest {
  readonly council: Council;
  readonly app: FastifyInstance;
  readonly site: Site;
  readonly logged: { event: string; about: object }[];
  readonly #database: Database;
  #people = 0;

  constructor(council: Council, app: FastifyInstance, site: Site, logged: SiteUnderTest['logged'], database: Database) {
    this.council = council;
    this.app = app;
    this.site = site;
    this.logged = logged;
    this.#database = database;
  }

  /** Another person's browser. */
  browser(): Browser {
    return new Browser(this);
  }

  /** A browser in which that sample person is signed in, at an address of their own: the limit of requests is by address. */
  async as(name: string): Promise<Browser> {
    const browser = new Browser(this, `10.1.0.${++this.#people}`);
    await browser.open('/sign-in');
    const answered = await browser.submit('/sign-in/sample', { sample: name });
    expect(answered.status, `${name} signs in`).toBe(200);
    return browser;
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.#database.close();
  }
}

/** Builds the site over a council; `change` replaces parts of what it works with. */
export async function siteOf(council: Council, change: Partial<Site> = {}, limits?: Limits): Promise<SiteUnderTest> {
  const database = await connect({ databaseUrl: council.env['DATABASE_URL'] ?? null, ownerUrl: null, home: council.folder });
  const logged: SiteUnderTest['logged'] = [];
  const noted = (about: object, event: string) => void logged.push({ event, about });
  const site: Site = {
    db: database.db,
    today: () => council.today,
    coolingOffDays: 7,
    archive: {
      store: openArchiveStore(council.archive),
      documentRoot: council.documentRoot,
      on: true,
      traces: () => Promise.resolve({ roots: { documentRoot: council.documentRoot, archiveRoot: council.archive }, reported: [] }),
    },
    kind: 'rehearsal',
    samplePeople: SAMPLE_PEOPLE,
    origin: 'http://127.0.0.1:3000',
    openId: null,
    secondFactorFor: change.kind === 'live' ? SECOND_FACTOR_FOR : [],
    passwordWords: [],
    log: { info: noted, warn: noted, error: noted },
    describe: describeError,
    ...change,
  };
  return new SiteUnderTest(council, await buildSite(site, limits), site, logged, database);
}

const APPS = new Map<string, string>();

/** Signs somebody in by their password, and by an authenticator app where they have one or their role makes them set one up. */
export async function signInByPassword(browser: Browser, name: string, password: string): Promise<Answered> {
  await browser.open('/sign-in');
  const answered = await browser.submit('/sign-in', { user_name: name, password });
  if (browser.path === '/sign-in/factor') return browser.submit('/sign-in/factor', { code: await codeOf(browser.council, name) });
  return browser.path === '/me/factor' ? setUpApp(browser, name) : answered;
}

/** Sets up the authenticator app that the page shows. */
export async function setUpApp(browser: Browser, name: string): Promise<Answered> {
  const secret = /Key: <code class="site-secret">([A-Z2-7 ]*)</.exec(browser.page.html)?.[1] ?? '';
  APPS.set(`${browser.council.folder} ${name}`, secret.replaceAll(' ', ''));
  return browser.submit('/me/factor', { code: await codeOf(browser.council, name) });
}

/** What the person's app shows now. A test signs in more often than a person could, who waits for the next code. */
export async function codeOf(council: Council, name: string): Promise<string> {
  await council.db('accounts').where({ user_name: name }).update({ factor_step: 0 });
  return new TOTP({ secret: Secret.fromBase32(APPS.get(`${council.folder} ${name}`) ?? '') }).generate();
}

/** Gives every file of the register that names no document one, so that nobody is cautioned that it has none. */
export async function nameDocuments(council: Council): Promise<void> {
  const named = new Set(council.register.documents.map((document) => document['file_ref']));
  for (const ref of council.register.files.keys()) if (!named.has(ref)) await council.document(ref, `${ref}/letter.txt`);
}

/** One browser: what it holds is its cookies and the page it shows. */
export class Browser {
  readonly cookies = new Map<string, string>();
  page: Answered = { status: 0, headers: {}, html: '', text: '' };
  path = '';
  readonly #site: SiteUnderTest;
  readonly #remoteAddress: string;

  get council(): Council {
    return this.#site.council;
  }

  constructor(site: SiteUnderTest, remoteAddress = '127.0.0.1') {
    this.#site = site;
    this.#remoteAddress = remoteAddress;
  }

  /** Asks for a page, and follows where it leads on this site. */
  async open(path: string): Promise<Answered> {
    return this.#follow(await this.send('GET', path), path);
  }

  /** Sends a form of the page that is shown, with the secret it holds, and follows. A hidden field is sent as the page has it. */
  async submit(action: string, fields: Record<string, string | string[]> = {}): Promise<Answered> {
    const form = new RegExp(`<form[^>]*action="${action}"[^>]*>(.*?)</form>`, 's').exec(this.page.html)?.[1];
    if (form === undefined) throw new Error(`No form of ${this.path} goes to ${action}.`);
    const hidden = Object.fromEntries(
      [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, name = '', value = '']) => [name, value]),
    );
    return this.#follow(await this.send('POST', action, { ...hidden, ...fields }), action);
  }

  /** One request, as it is; nothing is followed. */
  async send(method: 'GET' | 'POST', path: string, fields: Record<string, string | string[]> = {}): Promise<Answered> {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
    const response = await this.#site.app.inject({
      method,
      url: path,
      remoteAddress: this.#remoteAddress,
      cookies: Object.fromEntries(this.cookies),
      ...(method === 'POST' ? { headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: body.toString() } : {}),
    });
    for (const { name, value } of response.cookies) {
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return { status: response.statusCode, headers: response.headers, html: response.body, text: wordsOf(response.body) };
  }

  async #follow(answered: Answered, path: string): Promise<Answered> {
    const to = answered.headers['location'];
    this.page = answered;
    this.path = path;
    return answered.status === 303 && typeof to === 'string' && to.startsWith('/') ? this.open(to) : answered;
  }
}

function wordsOf(html: string): string {
  return html
    .replace(/<head>.*<\/head>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ');
}
