/** A person's browser over the network: one connection kept open, cookies, addresses of its own, and how long each answer took. */
import { Agent, request } from 'node:http';
import { routeOf } from '../routeOf.ts';

export interface Answer {
  status: number;
  location: string | undefined;
  type: string;
  body: string;
  bytes: number;
  /** Until the last byte was there. */
  ms: number;
}

/** One request that was answered: its route and the names of what it asked for. */
export interface Timed {
  page: string;
  status: number;
  ms: number;
}

/** The limit of requests a minute is by address, and who asks for every page again and again is many people. */
const REQUESTS_FROM_AN_ADDRESS = 500;

export class Visitor {
  readonly timed: Timed[] = [];
  readonly #site: URL;
  readonly #network: string;
  #requests = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #cookies = new Map<string, string>();

  /** `network` is the first three numbers of its addresses. */
  constructor(site: string, network: string) {
    this.#site = new URL(site);
    this.#network = network;
  }

  /** A visitor who chose that sample person. */
  static async signedIn(site: string, name: string, network: string): Promise<Visitor> {
    const visitor = new Visitor(site, network);
    const page = await visitor.get('/sign-in');
    const answer = await visitor.post('/sign-in/sample', { _csrf: secretOf(page.body), sample: name });
    if (answer.status !== 303) throw new Error(`${name} could not sign in: ${answer.status}`);
    return visitor;
  }

  async get(path: string): Promise<Answer> {
    return this.#ask('GET', path);
  }

  async post(path: string, fields: Record<string, string | readonly string[]>): Promise<Answer> {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
    return this.#ask('POST', path, body.toString());
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(method: 'GET' | 'POST', path: string, body = ''): Promise<Answer> {
    const began = performance.now();
    const answer = await this.#send(method, path, body);
    const ms = performance.now() - began;
    this.timed.push({ page: pageOf(method, path), status: answer.status, ms });
    return { ...answer, ms };
  }

  #send(method: string, path: string, body: string): Promise<Omit<Answer, 'ms'>> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = {
      // As the proxy says it.
      'X-Forwarded-For': `${this.#network}.${1 + Math.floor(this.#requests++ / REQUESTS_FROM_AN_ADDRESS)}`,
      ...(cookie === '' ? {} : { cookie }),
      ...(method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } : {}),
    };
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.#site), { method, headers, agent: this.#agent }, (response) => {
        const pieces: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => {
          for (const set of response.headers['set-cookie'] ?? []) this.#keep(set);
          const whole = Buffer.concat(pieces);
          resolve({
            status: response.statusCode ?? 0,
            location: response.headers.location,
            type: response.headers['content-type'] ?? '',
            body: whole.toString('utf8'),
            bytes: whole.length,
          });
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  #keep(set: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
    if (value === '') this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

/** The secret of the forms of a page. */
export function secretOf(html: string): string {
  return /name="_csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';
}

/** Where the links of a page lead on this site. */
export function linksOf(html: string): string[] {
  return [...html.matchAll(/href="(\/[^"#]*)/g)].map(([, path = '']) => path.replaceAll('&amp;', '&'));
}

/** What a page is, whatever it is asked for: its route, and the names of what the address asks. */
export function pageOf(method: 'GET' | 'POST', path: string): string {
  const names = [...new URL(path, 'http://site.invalid').searchParams.keys()].sort();
  return `${method === 'POST' ? 'POST ' : ''}${routeOf(path, method) ?? path}${names.length > 0 ? `?${names.join('&')}` : ''}`;
}
