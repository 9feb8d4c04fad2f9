/** Sessions of the site as fastify asks for them: kept in the database by hash, so that they survive a restart. */
import type { FastifyReply, FastifyRequest, Session } from 'fastify';
import type { FastifySessionOptions, SessionStore } from '@fastify/session';
import { endSession, proveSession, saveSession, useSession } from '../../db/sessions.ts';
import { sha256 } from '../../rules/digest.ts';
import { ownPath, type Site, type VisitSession } from './page.ts';

declare module 'fastify' {
  interface Session {
    userName?: string | null;
    kept?: Record<string, unknown>;
    address?: string;
    provedLately?: boolean;
    _csrf?: string;
  }
}

/** What fastify needs to keep sessions. The cookie is Secure but on plain http, which `serve` allows on this machine alone. */
export function sessionOptions(site: Site): FastifySessionOptions {
  return {
    // 24 random bytes that only their hash is kept of: a signature would add a secret to look after, and nothing else.
    secret: { sign: (value) => value, unsign: (value) => ({ valid: true, renew: false, value }) },
    cookieName: cookieName(site, 'retention'),
    cookie: cookieOptions(site),
    saveUninitialized: false,
    rolling: false,
    store: databaseStore(site),
  };
}

function cookieName({ origin }: Site, name: string): string {
  return origin.startsWith('https:') ? `__Host-${name}` : name;
}

function cookieOptions({ origin }: Site) {
  return { secure: origin.startsWith('https:'), httpOnly: true, sameSite: 'lax', path: '/' } as const;
}

/** Lets the browser itself keep the page that somebody asked for before signing in: a session would be a row for whoever asks. */
export function keepWayBack(reply: FastifyReply, site: Site, path: string | null): void {
  const name = cookieName(site, 'retention-way-back');
  if (path === null) reply.clearCookie(name, cookieOptions(site));
  else reply.setCookie(name, path, { ...cookieOptions(site), maxAge: 600 });
}

/** The page that this browser kept; null for none. */
export function wayBack(request: FastifyRequest, site: Site): string | null {
  const kept = request.cookies[cookieName(site, 'retention-way-back')];
  return kept === undefined ? null : ownPath(kept);
}

/** A request's session as handlers use it. */
export function visitSession(request: FastifyRequest, site: Site): VisitSession {
  return {
    isNew: request.cookies[cookieName(site, 'retention')] === undefined,
    hash: sha256(request.session.sessionId),
    provedLately: request.session.provedLately ?? false,
    take(key) {
      const { [key]: taken, ...left } = request.session.kept ?? {};
      if (taken !== undefined) request.session.kept = left;
      return taken;
    },
    keep(key, value) {
      request.session.kept = { ...request.session.kept, [key]: value };
    },
    async proved() {
      await proveSession(site.db, request.session.sessionId);
    },
    async begin(name) {
      await request.session.regenerate();
      request.session.userName = name;
      request.session.address = request.ip;
    },
    async end() {
      await request.session.regenerate();
    },
  };
}

function databaseStore(site: Site): SessionStore {
  const told = <T>(work: Promise<T>, callback: (error: unknown, result?: T) => void) => {
    work.then(
      (result) => callback(null, result),
      (error: unknown) => callback(error),
    );
  };
  return {
    get(secret, callback) {
      told(read(site, secret), callback);
    },
    set(secret, { userName = null, address, kept, _csrf }, callback) {
      told(saveSession(site.db, secret, { userName, address }, { kept, _csrf }), callback);
    },
    destroy(secret, callback) {
      told(endSession(site.db, secret), callback);
    },
  };
}

async function read(site: Site, secret: string): Promise<Session | null> {
  const session = await useSession(site.db, secret);
  // The cookie's own settings are not kept with the session: they are those of this start.
  return session && ({ ...session.data, userName: session.userName, provedLately: session.provedLately } as unknown as Session);
}
