/** What is shown when something may not be, is not there, or went wrong: words and a way on, never the details. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isUnreachable } from '../../db/unreachable.ts';
import { Refusal } from '../../rules/refusal.ts';
import { PERMISSIONS, type Permission } from '../../rules/workflow.ts';
import type { BarePages, ErrorPage } from './barePage.ts';
import { page, type Site } from './page.ts';
import { cameWithoutHttps, PROXY_SAYS_NO_HTTPS } from './proxy.ts';
import { draw } from './routing.ts';
import { ROLE_WORDS } from './words.ts';

interface Around {
  site: Site;
  assets: string;
  bare: BarePages;
}

/** Answers what is thrown anywhere, by a page, a hook or the session. */
export function answerErrors(app: FastifyInstance, { site, assets, bare }: Around): void {
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const answer = unsaidHttps(site, error, request) ?? errorPage(error) ?? faultPage(site, error, request);
    // A fault may be the session's own; and whoever is not signed in gets no session for a refusal.
    if (answer.status >= 500 || !isSignedIn(request)) return bare.send(reply, answer);
    return draw(request, reply, answer, { site, assets });
  });
}

/** Answers what is not there. */
export function answerNotFound(pages: FastifyInstance, { site, assets, bare }: Around): void {
  pages.setNotFoundHandler({ preHandler: pages.rateLimit() }, async (request, reply) =>
    isSignedIn(request) ? draw(request, reply, notFound(), { site, assets }) : bare.send(reply, notFound()),
  );
}

/** What fastify refuses before any route or hook: an address that cannot be decoded, or with too long a part. */
export function answerUnreadable(site: Site, bare: BarePages) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const answer = errorPage(error) ?? faultPage(site, error, request);
    site.log.info({ method: request.method, route: '', status: answer.status, address: request.ip }, 'site.request');
    bare.send(reply, answer);
  };
}

/** What is no request at all, or has too many headers. */
export function answerMalformed(site: Site, bare: BarePages) {
  return (error: { code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    site.log.info({ method: '', route: '', status, address: socket.remoteAddress ?? null }, 'site.request');
    socket.end(bare.sentence(unreadable(status)));
  };
}

/** Without its cookie a form is never known again, and no reader can help that. */
function unsaidHttps(site: Site, error: Partial<FastifyError>, request: FastifyRequest): ErrorPage | null {
  if (!error.code?.startsWith('FST_CSRF') || !cameWithoutHttps(site, request)) return null;
  site.log.warn({ address: request.ip, why: PROXY_SAYS_NO_HTTPS }, 'site.proxy');
  return errorAs(403, 'Nobody can sign in yet', ['Nothing was done.', PROXY_SAYS_NO_HTTPS]);
}

const GONE = [
  'no_such_list',
  'no_such_file',
  'not_on_list',
  'archived',
  'no_such_person',
  'no_such_token',
  'no_such_session',
  'no_such_code',
  'no_such_hold',
  'no_such_event',
];

/** Null for what is nobody's doing who asked. */
function errorPage(error: Refusal | Partial<FastifyError>): ErrorPage | null {
  if (error instanceof Refusal) {
    if (error.code === 'not_permitted') return forbidden(error);
    return errorAs(GONE.includes(error.code) ? 404 : 409, GONE.includes(error.code) ? 'Not found' : 'This was not done', [error.message]);
  }
  if (error.code?.startsWith('FST_CSRF'))
    return errorAs(403, 'This page was open too long', ['Nothing was done. Go back, load the page again, and repeat what you did.']);
  if (error.statusCode === 429) return errorAs(429, 'Too many requests', ['Nothing was done. Wait a minute, then try again.']);
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) return unreadable(error.statusCode);
  return null;
}

/** The log has the cause, under a number that the page shows; the cause itself may hold names, addresses and statements. */
function faultPage(site: Site, error: unknown, request: FastifyRequest): ErrorPage {
  const number = randomBytes(4).toString('hex');
  const { method } = request;
  site.log.error({ number, method, route: request.routeOptions.url ?? '', error: site.describe(error) }, 'site.failed');
  const asked = `If it goes on, tell who runs this site the number ${number}: the log says more under it.`;
  return isUnreachable(error)
    ? errorAs(503, 'This site cannot answer just now', ['Nothing half-done was kept. Try again in a few minutes.', asked])
    : errorAs(500, 'There is a problem with this site', ['Nothing half-done was kept. Try again later.', asked]);
}

function isSignedIn(request: Partial<FastifyRequest>): boolean {
  return request.signedIn !== null && request.signedIn !== undefined;
}

function unreadable(status: number): ErrorPage {
  return errorAs(status, 'This request cannot be read', ['Nothing was done. Go back and try again.']);
}

function forbidden({ about }: Refusal): ErrorPage {
  const allowed = PERMISSIONS[about['permission'] as Permission];
  const roles = allowed.map((role) => ROLE_WORDS[role].toLowerCase()).join(' or ');
  return errorAs(403, 'You may not do this', [`It takes the role of ${roles}. Ask somebody who has it, or an admin to give it to you.`]);
}

function notFound(): ErrorPage {
  return errorAs(404, 'Page not found', ['Check the address. If you came by a link of this site, the file or list may have moved on.']);
}

/** A page of errors, with its title and what to do. */
export function errorAs(status: number, title: string, paragraphs: string[]): ErrorPage {
  return page('error', title, { paragraphs }, status) as ErrorPage;
}
