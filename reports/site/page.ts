/** What a page is: its routes as data, what a handler is given, and what it answers. One loop registers them, one test walks them. */
import type { Knex } from 'knex';
import type { ArchiveStore } from '../../db/archiveStore.ts';
import type { Traces } from '../../db/disposalLook.ts';
import type { IsoDate } from '../../rules/dates.ts';
import type { Person } from '../../rules/people.ts';
import { NAMES_ARE_FOR, mayDo, type Permission, type Role } from '../../rules/workflow.ts';
import { wholeNumber } from '../../rules/wholeNumber.ts';
import type { Provider } from './openId.ts';

/** What the site works with: handed in, for it reads neither clock nor environment. */
export interface Site {
  db: Knex;
  /** The business date. */
  today(): IsoDate;
  coolingOffDays: number;
  archive: SiteArchive;
  kind: 'live' | 'rehearsal';
  /** People of a rehearsal on this machine alone, who sign in by being chosen; empty elsewhere. */
  samplePeople: readonly SitePerson[];
  /** Where people reach the site: `https://retention.example`. */
  origin: string;
  /** Null: local accounts. */
  openId: Provider | null;
  /** Roles that need a second factor, of people with a password. */
  secondFactorFor: readonly Role[];
  /** Words of the authority, that no password may be made of. */
  passwordWords: readonly string[];
  log: SiteLog;
  /** What of an error may be logged: never the values of a statement. */
  describe(error: unknown): string;
}

/** What recording ends in that happens outside the computer: bags find their place, sources go. */
export interface SiteArchive {
  store: ArchiveStore;
  documentRoot: string;
  /** False when archiving is switched off. */
  on: boolean;
  /** What the database is compared with before anything is archived. */
  traces(): Promise<Traces>;
}

export interface SiteLog {
  info(about: object, event: string): void;
  warn(about: object, event: string): void;
  error(about: object, event: string): void;
}

/** Somebody who is signed in: here everybody has roles. */
export interface SitePerson extends Person {
  roles: readonly Role[];
  /** What they come in by; left out for the sample people of a rehearsal, who prove nothing. */
  proofs?: { password: boolean; factor: boolean };
  /** A code that others made for them is to be told on the next page. */
  codeUntold?: boolean;
}

/** What a request brings, to whoever sends it. */
export interface Visit {
  site: Site;
  db: Knex;
  asOf: IsoDate;
  /** Parts of the address: `:list` of `/lists/:list`. */
  params: Readonly<Record<string, string>>;
  query: Fields;
  body: Fields;
  /** The address as asked, on this site. */
  path: string;
  /** Who asks, as a proxy on this machine says. */
  address: string;
  /** True when a link or page of another site led here. */
  fromAnotherSite: boolean;
  /** Why nobody can sign in the way this request came, for people; null when they can. */
  noSignIn: string | null;
  session: VisitSession;
  /** The page that was asked for before signing in, as the browser says; null for none. */
  comeBackTo: string | null;
}

/** The same for somebody who is signed in and may do what the route needs. */
export interface SignedVisit extends Visit {
  person: SitePerson;
}

export interface VisitSession {
  /** True for a browser that brought no session: nothing is kept for it before a form is shown. */
  isNew: boolean;
  /** The secret kept under that name, and forgets it. */
  take(key: string): unknown;
  keep(key: string, value: unknown): void;
  /** Hash of its secret: the row of it in the database. */
  hash: string;
  /** True where the person proved who they are in the last ten minutes, in this session. */
  provedLately: boolean;
  /** They have just proved it again. */
  proved(): Promise<void>;
  /** Makes a new session, so that nobody can have prepared this one, and signs the person in. */
  begin(name: string): Promise<void>;
  end(): Promise<void>;
}

export interface Notice {
  title: string;
  variant: 'success' | 'information' | 'warning';
  text: string;
}

export type Answer =
  | { kind: 'page'; template: string; title: string; data: Record<string, unknown>; status: number }
  /** `comeBackTo` is kept by the browser alone until somebody signs in; null forgets it. */
  | { kind: 'redirect'; to: string; notice: Notice | null; comeBackTo?: string | null }
  | { kind: 'leave'; to: string }
  | { kind: 'download'; name: string; type: string; content: Content };

/** What a file to keep holds: whole, or piece by piece so that a long one needs little memory. */
export type Content = string | Buffer | AsyncIterable<string>;

interface Addressed {
  method: 'GET' | 'POST';
  /** As fastify writes it: `/lists/:list`. */
  url: string;
  /** A secret can be tried there, so fewer requests a minute are taken. */
  strictly?: boolean;
  /** People are looked up there: so many a minute for each who asks, and more is told to who watches. */
  looksUpPeople?: boolean;
}

/** `anyone` needs no session, `signed_in` any role; every other word is a row of the table of permissions. */
export type Route =
  | (Addressed & { needs: 'anyone'; handler: (visit: Visit) => Promise<Answer> | Answer })
  | (Addressed & { needs: Permission | 'signed_in'; handler: (visit: SignedVisit) => Promise<Answer> | Answer });

/** The page of a template. */
export function page(template: string, title: string, data: Record<string, unknown> = {}, status = 200): Answer {
  return { kind: 'page', template, title, data, status };
}

/** Goes on to a page of this site after a form, with a notice that is shown there once. */
export function redirect(to: string, text?: string, variant: Notice['variant'] = 'success'): Extract<Answer, { kind: 'redirect' }> {
  const title = { success: 'Done', information: 'For information', warning: 'Please note' }[variant];
  return { kind: 'redirect', to: ownPath(to), notice: text === undefined ? null : { title, variant, text } };
}

/** A file to keep, under a name of letters, digits, dots and dashes. */
export function download(name: string, type: string, content: Content): Answer {
  return { kind: 'download', name, type, content };
}

/** A path of this site, or its home page for whatever leads elsewhere. */
export function ownPath(path: string): string {
  const home = 'http://site.invalid';
  if (!path.startsWith('/') || !URL.canParse(path, home)) return '/';
  const url = new URL(path, home);
  return url.origin === home ? `${url.pathname}${url.search}${url.hash}` : '/';
}

/** True when the person sees names, notes, names of documents and where paper is. */
export function seesNames({ person }: SignedVisit): boolean {
  return person.roles.some((role) => NAMES_ARE_FOR.includes(role));
}

/** True when the person may do it, by the one table. */
export function may({ person }: SignedVisit, permission: Permission): boolean {
  return mayDo(person.roles, permission);
}

/** What was typed into a form or an address: text, never anything else. */
export class Fields {
  readonly #given: Map<string, string[]>;

  constructor(given: unknown) {
    const entries = typeof given === 'object' && given !== null ? Object.entries(given) : [];
    this.#given = new Map(entries.map(([name, value]) => [name, (Array.isArray(value) ? value : [value]).filter(isText)]));
  }

  /** The first of that name, as it was typed; empty where there is none. */
  one(name: string): string {
    return this.#given.get(name)?.[0] ?? '';
  }

  /** All of that name: the ticked boxes. */
  many(name: string): string[] {
    return this.#given.get(name) ?? [];
  }

  /** Everything that was given, in its order. */
  entries(): [name: string, value: string][] {
    return [...this.#given].flatMap(([name, values]) => values.map((value): [string, string] => [name, value]));
  }

  /** A whole number from 1 on, or undefined. */
  number(name: string): number | undefined {
    return wholeNumber(this.one(name));
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
