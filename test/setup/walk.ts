/** Walks the site as people can: from every page without a parameter along the links, and looks at what each page shows. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { wrongWith } from './browser.ts';
import { PAGES, routeOf } from './routeOf.ts';

/** Forms that would end the walk; another test sends those. */
const ENDING = ['/sign-out', '/me/session/end', '/me/sessions/end'];

/** Where pictures of pages go: RETENTION_SCREENSHOTS, or a temporary folder, which is printed. */
export function pictureFolder(): string {
  const given = process.env['RETENTION_SCREENSHOTS'];
  const folder = given ? path.resolve(given) : mkdtempSync(path.join(tmpdir(), 'retention-screenshots-'));
  mkdirSync(folder, { recursive: true });
  console.info(`Pictures of every page are in ${folder}.`);
  return folder;
}

/** What was seen on one walk, of several people, and what was wrong with it. */
export class Walk {
  /** How many pages, or downloads, of each route. */
  readonly seen = new Map<string, number>();
  /** Forms that were sent as they stood, with what came of them. */
  readonly sent = new Map<string, number>();
  readonly wrong: string[] = [];
  readonly #address: string;
  readonly #folder: string;
  /** Where the pages led that each person saw. */
  readonly #led = new Map<string, string[]>();
  readonly #forms: { name: string; url: string; action: string; kind: string }[] = [];

  constructor(address: string, folder: string) {
    this.#address = address;
    this.#folder = folder;
  }

  /**
   * Goes from the routes without a parameter along the links, to one page of each route, in as many windows as are given. Routes
   * that somebody has seen are passed by, but for those that look otherwise to this person.
   */
  async as(name: string, windows: readonly Page[], otherwise: readonly string[] = []): Promise<void> {
    const done = new Set([...this.seen.keys()].filter((route) => !otherwise.includes(route)));
    const waiting = [...PAGES.filter((url) => !url.includes(':')), ...(this.#led.get(name) ?? [])];
    const known = new Set(waiting);
    const walkOn = async (page: Page): Promise<void> => {
      for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
        const route = routeOf(url);
        if (route === undefined || done.has(route)) continue;
        done.add(route);
        const { shown, links } = await this.visit(name, page, url);
        // Another address of it may show something.
        if (!shown) done.delete(route);
        const found = links.filter((link) => !known.has(link));
        for (const link of found) known.add(link);
        waiting.push(...found);
      }
    };
    await Promise.all(windows.map(walkOn));
    // What the last pages led to, after the other windows had nothing left to do.
    for (const page of windows) await walkOn(page);
  }

  /** Visits these addresses, in as many windows as are given. */
  async visitAll(name: string, windows: readonly Page[], urls: readonly string[]): Promise<void> {
    const waiting = [...urls];
    const goOn = async (page: Page): Promise<void> => {
      for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) await this.visit(name, page, url);
    };
    await Promise.all(windows.map(goOn));
  }

  /** Opens a page, looks at it, and says where it leads on this site; nothing is shown where it is not for this person, or elsewhere. */
  async visit(name: string, page: Page, url: string): Promise<{ shown: boolean; links: string[] }> {
    const answered = await page.context().request.get(`${this.#address}${url}`, { maxRedirects: 0 });
    const { location, 'content-type': type = 'text/html' } = answered.headers();
    if (answered.status() === 403 || location !== undefined) return { shown: false, links: location === undefined ? [] : [location] };
    const route = routeOf(url) ?? url;
    this.seen.set(route, (this.seen.get(route) ?? 0) + 1);
    if (answered.status() >= 500) this.wrong.push(`${name}: ${url} ${answered.status()}`);
    if (!type.startsWith('text/html')) return { shown: true, links: [] };
    await page.goto(`${this.#address}${url}`);
    await this.look(`${name}${url}`, page);
    await this.#noteForms(name, page, url);
    const links = await page.evaluate<string[]>(LINKS);
    this.#led.set(name, [...(this.#led.get(name) ?? []), ...links]);
    return { shown: true, links };
  }

  /** Looks at the page that is shown, and takes its picture. */
  async look(name: string, page: Page): Promise<void> {
    const picture = path.join(this.#folder, name.replaceAll(/\W+/g, '-').replace(/-$/, ''));
    this.wrong.push(...(await wrongWith(page, picture)).map((fault) => `${name}: ${fault}`));
  }

  /**
   * Sends each kind of form the person came by, once, as it stands. What is refused must be said at its field, and be fit for
   * everybody too.
   */
  async sendForms(name: string, page: Page): Promise<void> {
    for (const { url, action, kind } of this.#forms.filter((form) => form.name === name)) {
      if (this.sent.has(kind) || ENDING.includes(kind)) continue;
      this.sent.set(kind, 0);
      await page.goto(`${this.#address}${url}`);
      const button = page.locator(`form[method=post][action="${action}"]`).first().locator('button').first();
      // Another form sent before may have done what this one was for.
      if ((await button.count()) === 0) continue;
      const [answer] = await Promise.all([page.waitForResponse((response) => response.request().method() === 'POST'), button.click()]);
      const status = answer.status();
      await page.waitForLoadState();
      this.sent.set(kind, status);
      if (status >= 500) this.wrong.push(`${name}: ${kind} ${status}`);
      if (status < 400) continue;
      this.wrong.push(...(await page.evaluate<string[]>(LOST_ERRORS)).map((fault) => `${name}: ${kind} ${fault}`));
      await this.look(`${name}-sent${kind}`, page);
    }
  }

  async #noteForms(name: string, page: Page, url: string): Promise<void> {
    for (const action of await page.evaluate<string[]>(FORMS))
      this.#forms.push({ name, url, action, kind: routeOf(action, 'POST') ?? action });
  }
}

const LINKS = `[...document.querySelectorAll('a[href^="/"]')].map((link) => link.getAttribute('href'))`;

/** Where each form leads that has a button; it has none where the person may only read. */
const FORMS = `[...document.querySelectorAll('form[method=post]:has(button)')].map((form) => form.getAttribute('action'))`;

/** Errors of the summary whose link leads to nothing that can be filled in. */
const LOST_ERRORS = `[...document.querySelectorAll('.govuk-error-summary__list a')]
  .filter((link) => !document.getElementById(link.hash.slice(1)))
  .map((link) => 'no field ' + link.hash + ': ' + link.textContent)`;
