/** A real Chromium before the real site: people with a mouse, or with a keyboard alone, and what is wrong with a page they see. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import packed from '@sparticuz/chromium';
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core';

/** The browser comes inside a package, so that nothing is installed. It runs as root too, without its own sandbox, on our pages alone. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Nothing on a busy machine takes as long; without it a page that never comes would take the test's own time. */
const LONGEST_WAIT = 20_000;

const DESK = { width: 1280, height: 900 };

/** Where pages are looked at: on a telephone (or a desk at 400 %), at 200 %, which has half as many pixels to a side, and at a desk. */
const SIZES = [
  { name: 'narrow', width: 320, height: 720, zoomed: false },
  { name: '200 %', width: 640, height: 450, zoomed: true },
  { name: 'desk', ...DESK, zoomed: false },
];

export interface Chromium {
  /** Another person's browser: with cookies, and an address, of its own. */
  context(options?: { script?: boolean }): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** Unpacks Chromium into a folder of its own, which goes when it is closed, and starts it. */
export async function startChromium(): Promise<Chromium> {
  const folder = await mkdtemp(path.join(tmpdir(), 'retention chromium '));
  const browser = await launch(folder).catch(async (error: unknown) => {
    await rm(folder, { recursive: true });
    throw error;
  });
  let contexts = 0;
  return {
    async context({ script = true } = {}) {
      contexts++;
      const context = await browser.newContext({
        javaScriptEnabled: script,
        viewport: DESK,
        // The site counts attempts by address, and believes a proxy on this machine.
        extraHTTPHeaders: { 'X-Forwarded-For': `192.0.2.${contexts}` },
      });
      context.setDefaultTimeout(LONGEST_WAIT);
      return context;
    },
    async close() {
      await browser.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function launch(folder: string): Promise<Browser> {
  const executablePath = await unpackedInto(folder);
  // The machine's own typefaces, and where it has none those of the package.
  const fonts = path.join(folder, 'fonts.conf');
  const folders = ['/usr/share/fonts', '/usr/local/share/fonts', path.join(folder, 'fonts')].map((name) => `<dir>${name}</dir>`).join('');
  await writeFile(fonts, `<?xml version="1.0"?><fontconfig>${folders}<cachedir>${path.join(folder, 'cache')}</cachedir></fontconfig>`);
  return chromium.launch({ executablePath, args: FLAGS, env: { ...process.env, FONTCONFIG_FILE: fonts } });
}

/** The package unpacks to the folder for temporary files, wherever that is at the moment. */
async function unpackedInto(folder: string): Promise<string> {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  try {
    return await packed.executablePath();
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
}

/** How somebody uses a page. Each waits until what it needs is there. */
export interface Hand {
  /** Follows a link or presses a button, so many times at once. */
  press(what: Locator, times?: number): Promise<void>;
  /** Ticks a box or chooses a radio. */
  choose(what: Locator): Promise<void>;
  write(field: Locator, text: string): Promise<void>;
  /** Chooses in a list by the words of the choice. */
  pick(field: Locator, words: string): Promise<void>;
}

/** Somebody with a mouse. */
export const MOUSE: Hand = {
  press: (what, times = 1) => what.click({ clickCount: times }),
  choose: (what) => what.check(),
  write: (field, text) => field.fill(text),
  async pick(field, words) {
    await field.selectOption({ label: words });
  },
};

/** Somebody who has no mouse: everything is reached by Tab, in the order of the page, and the focus is always to be seen. */
export const KEYBOARD: Hand = {
  async press(what, times = 1) {
    await reach(what);
    await Promise.all(Array.from({ length: times }, () => what.page().keyboard.press('Enter')));
  },
  async choose(what) {
    const page = what.page();
    const kind = await what.getAttribute('type');
    if (kind !== 'radio') {
      await reach(what);
      return page.keyboard.press('Space');
    }
    const group = page.locator(`input[type=radio][name="${(await what.getAttribute('name')) ?? ''}"]`);
    await reach(group);
    if (await isFocused(what)) return page.keyboard.press('Space');
    for (let left = await group.count(); left > 0 && !(await isFocused(what)); left--) await page.keyboard.press('ArrowDown');
  },
  async write(field, text) {
    await reach(field);
    await field.page().keyboard.press('Control+A');
    await field.page().keyboard.type(text);
  },
  async pick(field, words) {
    await reach(field);
    await field.page().keyboard.type(words);
  },
};

const MOST_TABS = 150;

async function reach(what: Locator): Promise<void> {
  const page = what.page();
  await what.first().waitFor({ state: 'attached' });
  for (let tabs = 0; tabs < MOST_TABS; tabs++) {
    if (await isFocused(what)) {
      const unseen = await page.evaluate<string | null>(UNSEEN_FOCUS);
      if (unseen !== null) throw new Error(`The focus is on ${unseen}, and cannot be seen.`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`No Tab reaches ${what.toString()} on ${page.url()}.`);
}

async function isFocused(what: Locator): Promise<boolean> {
  return (await what.and(what.page().locator(':focus')).count()) > 0;
}

/** Null when what has the focus is in sight and marked: it, or the box or radio that its label draws. Else what it is. */
const UNSEEN_FOCUS = `(() => {
  const one = document.activeElement;
  const { top, bottom } = one.getBoundingClientRect();
  const drawn = [getComputedStyle(one)];
  if (one.labels) for (const label of one.labels) drawn.push(getComputedStyle(label, '::before'));
  const marked = drawn.some((style) => (style.outlineStyle !== 'none' && style.outlineWidth !== '0px') || style.boxShadow !== 'none');
  return marked && bottom > 0 && top < innerHeight ? null : one.outerHTML.slice(0, 100);
})()`;

/**
 * What is wrong with the page as it is, at the widths people have: what axe finds by WCAG 2.2 AA, and a page that scrolls sideways.
 * `picture` is where to save how it looks, without what is added for the width.
 */
export async function wrongWith(page: Page, picture: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, zoomed, ...size } of SIZES) {
    await page.setViewportSize(size);
    wrong.push(...(await page.evaluate<string[]>(SIDEWAYS)).map((element) => `${name}, wider than the page: ${element}`));
    if (zoomed) continue;
    wrong.push(...(await axeFinds(page)).map((fault) => `${name}: ${fault}`));
    await page.screenshot({ path: `${picture}-${name}.png`, fullPage: true });
  }
  return wrong;
}

/** The package brings axe into the page at the first size; it stays there for the next, which spares reading it again. */
async function axeFinds(page: Page): Promise<string[]> {
  const there = await page.evaluate<boolean>('typeof axe === "object"');
  // Without frames there is nothing that needs a page of its own to put results together.
  const { violations } = there
    ? await page.evaluate<AxeResults>(`axe.run({ runOnly: ${JSON.stringify(WCAG)}, resultTypes: ['violations'] })`)
    : await new AxeBuilder({ page })
        .options({ runOnly: WCAG, resultTypes: ['violations'] })
        .setLegacyMode(true)
        .analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, html }) => `${id} ${target.join(' ')} ${html.slice(0, 120)}`));
}

type AxeResults = Awaited<ReturnType<AxeBuilder['analyze']>>;

/** Empty unless the page scrolls sideways; then what sticks out, but for what scrolls by itself. */
const SIDEWAYS = `(() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const out = [...document.body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > width + 1 && !one.closest('.site-scroll'));
  return ['scrolls to ' + document.documentElement.scrollWidth, ...out.slice(0, 3).map((one) => one.outerHTML.slice(0, 100))];
})()`;
