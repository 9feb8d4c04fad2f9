/** The sign-off site: one fastify server over the database, drawn on the server, that works without JavaScript. */
import cookies from '@fastify/cookie';
import csrfProtection from '@fastify/csrf-protection';
import forms from '@fastify/formbody';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import sessions from '@fastify/session';
import view from '@fastify/view';
import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify';
import nunjucks from 'nunjucks';
import { clearOldSessions } from '../../db/sessions.ts';
import { readAssets, TEMPLATE_FOLDERS, type Assets } from './assets.ts';
import { barePages } from './barePage.ts';
import { limitConnections, serverWithin, usualLimits, type Limits } from './connections.ts';
import { keepTheDoor } from './door.ts';
import { answerErrors, answerMalformed, answerNotFound, answerUnreadable } from './errors.ts';
import { PERMISSIONS_POLICY, securityHeaders } from './headers.ts';
import type { Site, SitePerson } from './page.ts';
import { ROUTES } from './routes.ts';
import { addRoutes } from './routing.ts';
import { sessionOptions } from './sessionStore.ts';
import { prepareTemplates } from './views.ts';

/** Requests a minute from one address, over all pages; signing in has a limit of its own. */
const REQUESTS_A_MINUTE = 600;

/** Builds the site, ready to listen or to be asked by `inject`. Closing it leaves the database open. */
export async function buildSite(site: Site, limits: Limits = usualLimits()): Promise<FastifyInstance> {
  const assets = readAssets();
  const bare = barePages(site, assets.address);
  const around = { site, assets: assets.address, bare };
  const app = fastify({
    logger: false,
    frameworkErrors: answerUnreadable(site, bare),
    clientErrorHandler: answerMalformed(site, bare),
    // A proxy on this machine may say who asks and that it was over https; nobody else is believed.
    trustProxy: 'loopback',
    routerOptions: { maxParamLength: 500 },
    serverFactory: serverWithin(limits),
  });
  limitConnections(app, limits);
  keepTheDoor(app, site, bare);
  await clearSessions(app, site);
  answerErrors(app, around);
  logRequests(app, site);
  await app.register(helmet, securityHeaders(site));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('Permissions-Policy', PERMISSIONS_POLICY);
    if (!reply.hasHeader('Cache-Control')) reply.header('Cache-Control', 'no-store');
    await Promise.resolve();
  });
  serveAssets(app, assets);
  await app.register(async (pages) => {
    await pages.register(rateLimit, { max: REQUESTS_A_MINUTE, timeWindow: '1 minute' });
    await pages.register(forms);
    await pages.register(cookies);
    await pages.register(sessions, sessionOptions(site));
    await pages.register(csrfProtection, { sessionPlugin: '@fastify/session', getToken: tokenOfForm });
    await pages.register(view, {
      engine: { nunjucks },
      templates: TEMPLATE_FOLDERS,
      options: { autoescape: true, trimBlocks: true, lstripBlocks: true, onConfigure: prepareTemplates },
    });
    answerNotFound(pages, around);
    addRoutes(pages, site, ROUTES, assets.address);
  });
  return app;
}

/** A line of the log for each request: the pattern of its route, for an address may hold a reference. */
function logRequests(app: FastifyInstance, { log }: Site): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, ip: address, signedIn } = request as FastifyRequest & { signedIn?: SitePerson | null };
    const ms = Math.round(reply.elapsedTime);
    log.info(
      { method, route: routeOptions.url ?? '', status: reply.raw.statusCode, ms, user: signedIn?.name ?? null, address },
      'site.request',
    );
    await Promise.resolve();
  });
}

/** At the start and every minute: whoever is shown a form leaves a session behind. */
async function clearSessions(app: FastifyInstance, site: Site): Promise<void> {
  await clearOldSessions(site.db);
  const clear = () => {
    clearOldSessions(site.db).catch((error: unknown) => {
      site.log.warn({ error: site.describe(error) }, 'site.sessions_not_cleared');
    });
  };
  const everyMinute = setInterval(clear, 60 * 1000).unref();
  app.addHook('onClose', (_app, done) => {
    clearInterval(everyMinute);
    done();
  });
}

/** Their address changes when they do, so a browser may keep them. */
function serveAssets(app: FastifyInstance, { address, files }: Assets): void {
  for (const [name, { type, content }] of files) {
    app.get(`${address}/${name}`, (_request, reply) =>
      reply.header('Cache-Control', 'public, max-age=31536000, immutable').type(type).send(content),
    );
  }
}

function tokenOfForm({ body }: { body: unknown }): string {
  const token = typeof body === 'object' && body !== null && '_csrf' in body ? body._csrf : '';
  return typeof token === 'string' ? token : '';
}
