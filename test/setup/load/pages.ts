/** Every page of the site asked for by one person alone: found by its links, then asked again and again. */
import { PAGES } from '../routeOf.ts';
import { linksOf, pageOf, secretOf, type Visitor } from './visitor.ts';

/** How long one page took, over all times it was asked for. */
export interface Measured {
  page: string;
  asked: number;
  median: number;
  p95: number;
  /** The longest of all, the first ask among them. */
  longest: number;
  bytes: number;
}

/** Addresses of one page that are asked for in turn: two may differ in what they cost. */
const ADDRESSES_A_PAGE = 3;

/** Pages that a link leads on to, one after another, from the first. */
const DEPTH = 4;

/** What a person looks for who asks after themselves: by a form, so that no address has a name. */
const LOOKED_FOR: readonly Record<string, string>[] = [
  { name: 'quillon mossbeetle' },
  { name: 'thistle' },
  { name: 'on' },
  { name: 'zzyzx' },
  { born_year: '1984', born_month: '5', born_day: '17' },
  { name: 'wuppola', born_year: '2004' },
];

/** The addresses of every page that links lead to, by page; the most distinct that are asked for in turn. */
export async function findPages(visitors: readonly Visitor[]): Promise<Map<string, { path: string; visitor: Visitor }[]>> {
  const found = new Map<string, { path: string; visitor: Visitor }[]>();
  for (const visitor of visitors) {
    let waiting = PAGES.filter((url) => !url.includes(':'));
    for (let depth = 0; depth < DEPTH; depth++) {
      const links: string[] = [];
      for (const path of waiting) {
        const known = found.get(pageOf('GET', path)) ?? [];
        if (known.length >= ADDRESSES_A_PAGE || known.some((one) => one.path === path)) continue;
        const answer = await visitor.get(path);
        if (answer.location !== undefined) links.push(answer.location);
        if (answer.status !== 200) continue;
        found.set(pageOf('GET', path), [...known, { path, visitor }]);
        if (answer.type.startsWith('text/html')) links.push(...linksOf(answer.body));
      }
      waiting = [...new Set(links)].filter((path) => !path.startsWith('/assets') && pageOf('GET', path) !== path);
    }
  }
  return found;
}

/** Asks for each page so many times, one at a time, after once that is not counted; a download only once more. */
export async function measurePages(found: Map<string, { path: string; visitor: Visitor }[]>, times: number): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const [page, addresses] of found) {
    const took: number[] = [];
    let bytes = 0;
    for (let i = 0; i < (isDownload(page) ? 1 : times); i++) {
      const address = addresses[i % addresses.length];
      if (!address) continue;
      const answer = await address.visitor.get(address.path);
      if (answer.status !== 200) throw new Error(`${address.path} answered ${answer.status}`);
      took.push(answer.ms);
      bytes = Math.max(bytes, answer.bytes);
    }
    measured.push(measuredOf(page, took, bytes));
  }
  return measured;
}

/** Looks for people by the form of Find. */
export async function measureFind(visitor: Visitor, times: number): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const fields of LOOKED_FOR) {
    const took: number[] = [];
    let bytes = 0;
    const { body } = await visitor.get('/find');
    for (let i = 0; i < times; i++) {
      const answer = await visitor.post('/find', { _csrf: secretOf(body), name: '', ...fields });
      if (answer.status >= 500) throw new Error(`Find answered ${answer.status}`);
      took.push(answer.ms);
      bytes = Math.max(bytes, answer.bytes);
    }
    measured.push(measuredOf(`POST /find: ${Object.values(fields).join(' ')}`, took, bytes));
  }
  return measured;
}

/** True for what is kept as a file, and may be as long as the register. */
export function isDownload(page: string): boolean {
  return /\.(csv|json)(\?|$)/.test(page);
}

/** The figures of one page. */
export function measuredOf(page: string, took: readonly number[], bytes: number): Measured {
  const sorted = [...took].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { page, asked: sorted.length, median: at(0.5), p95: at(0.95), longest: sorted.at(-1) ?? 0, bytes };
}
