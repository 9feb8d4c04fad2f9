/** The site in a real browser: the morning's work by mouse and by keyboard, with JavaScript and without, and every page as it looks. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_PEOPLE } from '../../jobs/cli/siteCommands.ts';
import { KEYBOARD, MOUSE, startChromium, type Chromium } from '../setup/browser.ts';
import { rehearsal, type Council } from '../setup/commands.ts';
import { everyState } from '../setup/everyState.ts';
import { inventLists, liveThrough, signIn } from '../setup/morning.ts';
import { times } from '../setup/tally.ts';
import { setUpSecondFactor } from '../setup/secondFactorWalk.ts';
import { PAGES } from '../setup/routeOf.ts';
import { pictureFolder, Walk } from '../setup/walk.ts';
import { siteOf, type SiteUnderTest } from './browsing.ts';

/** Pages on which each person sees other things. */
const LOOKING = ['/', '/lists/:list', '/lists/:list/files/:position'];

let chromium: Chromium;

beforeAll(async () => {
  chromium = await startChromium();
});

afterAll(() => chromium.close());

describe('the morning’s work', () => {
  let council: Council;
  let site: SiteUnderTest;
  let address: string;
  const lists: number[] = [];

  beforeAll(async () => {
    council = await rehearsal();
    await inventLists(council, 4);
    lists.push(...(await council.lists('for_decision')).map(({ id }) => id).sort((a, b) => a - b));
    site = await siteOf(council);
    address = await site.app.listen({ host: '127.0.0.1', port: 0 });
  });

  afterAll(async () => {
    await site.close();
    await council.close();
  });

  test.concurrent.each([
    { how: 'by mouse', hand: MOUSE, script: true },
    { how: 'by mouse, without JavaScript', hand: MOUSE, script: false },
    { how: 'by keyboard alone', hand: KEYBOARD, script: true },
    { how: 'by keyboard alone, without JavaScript', hand: KEYBOARD, script: false },
  ])('is done $how', { timeout: 400_000 }, async ({ hand, script }) => {
    const list = lists.pop() ?? 0;
    await liveThrough({ council, address, hand, context: () => chromium.context({ script }) }, list);
    expect(list).toBeGreaterThan(0);
  });
});

test('a second factor is set up, and every page on the way is fit for everybody', { timeout: 200_000 }, async () => {
  const council = await rehearsal();
  await council.done('lists');
  const site = await siteOf(council);
  try {
    const address = await site.app.listen({ host: '127.0.0.1', port: 0 });
    const walk = new Walk(address, pictureFolder());
    await setUpSecondFactor(walk, council, address, await (await chromium.context()).newPage());
    expect(walk.wrong).toEqual([]);
    expect([...walk.seen.keys()]).toEqual(['/sign-in/code', '/me/factor', '/me', '/sign-in/factor']);
  } finally {
    await site.close();
    await council.close();
  }
});

/** Minutes of walking: with RETENTION_PROVE=full, as all that is tried in full. */
describe.runIf(times(0, 1) === 1)('every page and state', () => {
  let council: Council;
  let site: SiteUnderTest;
  let address: string;
  let pictures: string;

  beforeAll(async () => {
    pictures = pictureFolder();
    council = await everyState();
    site = await siteOf(council, { samplePeople: [...SAMPLE_PEOPLE, { name: 'an.auditor', roles: ['auditor'] }] });
    address = await site.app.listen({ host: '127.0.0.1', port: 0 });
  });

  afterAll(async () => {
    await site.close();
    await council.close();
  });

  function pageOf(name: string): Promise<Page> {
    return signIn({ address, hand: MOUSE, context: () => chromium.context() }, name);
  }

  /** What links alone do not lead to: each state of a list, files on lists and off them, and what is not there. */
  async function outOfTheWay(): Promise<string[]> {
    const lists = [...new Map((await council.lists()).map(({ id, state }) => [state, id])).values()];
    const { stdout } = await council.done(['determinations']);
    const doubted = /^([^,]+),.*doubtful_birth/m.exec(stdout)?.[1] ?? expect.fail('No birth is doubted.');
    const file = await council.db('case_files').where({ medium: 'paper' }).first<{ file_ref: string }>('file_ref');
    return [
      ...lists.map((id) => `/lists/${id}`),
      `/files?ref=${file.file_ref}`,
      '/files?ref=XX-1',
      `/files/confirm?ref=${doubted}`,
      '/what-if?on=2027-11-30',
      '/outside?what=originals',
      '/outside?what=paper',
      '/lists/999999',
      '/nowhere',
    ];
  }

  test('is fit for everybody, at every width', { timeout: 400_000 }, async () => {
    const walk = new Walk(address, pictures);
    const nobody = await (await chromium.context()).newPage();
    await walk.visitAll('nobody', [nobody], ['/sign-in', '/sign-in/code']);
    await setUpSecondFactor(walk, council, address, await (await chromium.context()).newPage());
    const [jones, khan] = await Promise.all([pageOf('m.jones'), pageOf('a.khan')]);
    const [lee, auditor] = await Promise.all([pageOf('s.lee'), pageOf('an.auditor')]);
    const windows = [jones, await jones.context().newPage()];
    await walk.visitAll('m.jones', windows, await outOfTheWay());
    await walk.as('m.jones', windows, ['/lists/:list', '/files', '/what-if', '/outside']);
    await Promise.all([walk.as('a.khan', [khan], [...LOOKING, '/lists/:list/sign-off']), walk.as('an.auditor', [auditor], LOOKING)]);
    await walk.as('s.lee', [lee], ['/']);
    const forms = Object.entries({ nobody, 'm.jones': jones, 'a.khan': khan, 's.lee': lee });
    await Promise.all(forms.map(([name, page]) => walk.sendForms(name, page)));
    expect(walk.wrong).toEqual([]);
    expect(PAGES.filter((url) => !walk.seen.has(url))).toEqual([]);
    expect([...walk.sent.values()].filter((status) => status === 422).length).toBeGreaterThan(5);
  });
});
