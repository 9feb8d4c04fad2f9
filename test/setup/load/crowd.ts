/** Twenty people at once: each walks the pages, and those who decide decide one file after another, for so many seconds. */
import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../../../jobs/demo/chance.ts';
import { isDownload, measuredOf, type Measured } from './pages.ts';
import { LIST_SIZE } from './town.ts';
import { linksOf, secretOf, Visitor } from './visitor.ts';

export interface Crowd {
  requests: number;
  decisions: number;
  /** Answers of 400 and more, by page and status. */
  errors: Map<string, number>;
  seconds: number;
  all: Measured;
  decided: Measured;
}

/** How long a person looks at a page, in milliseconds. */
const LOOKING = { least: 100, most: 500 };

/** Pages that each person goes through from the first link to the next. */
const STARTS = [
  '/',
  '/lists',
  '/reports',
  '/reports/due',
  '/reports/over-retained',
  '/holds',
  '/outside',
  '/reviews',
  '/needs-data',
  '/audit',
  '/runs',
  '/what-if',
] as const;

/** Lets them work; every other decides the files of a list of its own, as a records manager. */
export async function letWork(
  site: string,
  { people, seconds, lists }: { people: number; seconds: number; lists: readonly number[] },
): Promise<Crowd> {
  const names = Array.from({ length: people }, (_, i) => (i % 2 === 0 ? 'm.jones' : 'a.khan'));
  const visitors = await Promise.all(names.map((name, i) => Visitor.signedIn(site, name, `10.20.${i}`)));
  for (const visitor of visitors) visitor.timed.length = 0;
  const began = performance.now();
  const until = began + seconds * 1000;
  await Promise.all(
    visitors.map((visitor, i) => {
      const chance = new Chance(`load ${i}`);
      return i % 2 === 0 ? decide(visitor, chance, lists[(i / 2) % lists.length] ?? 1, until) : walk(visitor, chance, until);
    }),
  );
  const took = (performance.now() - began) / 1000;
  for (const visitor of visitors) visitor.close();
  return summed(visitors, took);
}

async function walk(visitor: Visitor, chance: Chance, until: number): Promise<void> {
  let path: string = chance.pick(STARTS);
  while (performance.now() < until) {
    const answer = await visitor.get(path);
    const links = answer.location === undefined ? linksOf(answer.body) : [answer.location];
    const pages = links.filter((link) => !link.startsWith('/assets') && !isDownload(link.split('?')[0] ?? link));
    const [first, ...others] = pages;
    path = first === undefined || chance.happens(0.2) ? chance.pick(STARTS) : chance.pick([first, ...others]);
    await look(chance);
  }
}

/** Opens a file of the list, keeps or approves it as the form lets them, and goes on where that leads. */
async function decide(visitor: Visitor, chance: Chance, list: number, until: number): Promise<void> {
  let path = `/lists/${list}/files/1`;
  while (performance.now() < until) {
    const page = await visitor.get(path);
    if (page.location !== undefined || !page.body.includes(`action="${path}"`)) {
      path = `/lists/${list}/files/${chance.between(1, LIST_SIZE)}`;
      continue;
    }
    await look(chance);
    const cautions = [...page.body.matchAll(/name="caution" type="checkbox" value="([^"]*)"/g)].map(([, caution = '']) => caution);
    const kept = { decision: 'kept', keep_day: '31', keep_month: '3', keep_year: '2031', reason_code: 'inquiry', note: '' };
    const fields = chance.happens(0.8) ? { decision: 'approved', caution: cautions } : kept;
    const answer = await visitor.post(path, { _csrf: secretOf(page.body), ...fields });
    path = answer.location ?? `/lists/${list}`;
    await look(chance);
  }
}

async function look(chance: Chance): Promise<void> {
  await pause(chance.between(LOOKING.least, LOOKING.most));
}

function summed(visitors: readonly Visitor[], seconds: number): Crowd {
  const timed = visitors.flatMap((visitor) => visitor.timed);
  const errors = new Map<string, number>();
  for (const { page, status } of timed) if (status >= 400) errors.set(`${status} ${page}`, (errors.get(`${status} ${page}`) ?? 0) + 1);
  const posts = timed.filter(({ page }) => page.startsWith('POST'));
  const times = (rows: typeof timed) => rows.map(({ ms }) => ms);
  return {
    requests: timed.length,
    decisions: posts.filter(({ status }) => status === 303).length,
    errors,
    seconds,
    all: measuredOf('twenty people, all pages', times(timed), 0),
    decided: measuredOf('twenty people, decisions', times(posts), 0),
  };
}
