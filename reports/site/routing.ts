/** The one loop that registers every route: who asks, whether they may, what they get. */
import { Readable } from 'node:stream';
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { codesToTell } from '../../db/codes.ts';
import { openAccount } from '../../db/people.ts';
import { recordingRefusals } from '../../db/refusals.ts';
import { LONGEST_WORDS, TOO_LONG } from '../../rules/limits.ts';
import { requirePermission } from '../../rules/people.ts';
import { Fields, ownPath, page, redirect, type Answer, type Notice, type Route, type Site, type SitePerson, type Visit } from './page.ts';
import { cameFromAnotherSite } from './otherSites.ts';
import { cameWithoutHttps, PROXY_SAYS_NO_HTTPS } from './proxy.ts';
import { needsFactor } from './proof.ts';
import { keepWayBack, visitSession, wayBack } from './sessionStore.ts';
import { navigationFor } from './views.ts';
import { madeCodeWords } from './words.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in; null before. */
    signedIn: SitePerson | null;
  }
}

/** Attempts a minute from one address to sign in or to use a code. */
export const STRICT_REQUESTS_A_MINUTE = 20;

/** Look-ups of people a minute by one person: more than anybody reads, fewer than it takes to go through a register. */
export const LOOK_UPS_A_MINUTE = 30;

/** Registers the routes. Nothing is served without passing here. */
export function addRoutes(app: FastifyInstance, site: Site, routes: readonly Route[], assets: string): void {
  app.decorateRequest('signedIn', null);
  app.addHook('preHandler', async (request) => {
    request.signedIn = await whoIsSignedIn(site, request.session.userName ?? null);
  });
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.url,
      config: limitOf(route, site),
      ...(route.method === 'POST' ? { preHandler: protectForm(app, route) } : {}),
      handler: async (request, reply) => send(request, reply, await answer(request, site, route), { site, assets }),
    });
  }
}

function limitOf(route: Route, site: Site): FastifyContextConfig {
  const timeWindow = '1 minute';
  if (route.strictly) return { rateLimit: { max: STRICT_REQUESTS_A_MINUTE, timeWindow } };
  if (!route.looksUpPeople) return {};
  const keyGenerator = ({ signedIn, ip }: FastifyRequest) => signedIn?.name ?? ip;
  const onExceeded = ({ signedIn, ip }: FastifyRequest) => site.log.warn({ user: signedIn?.name, address: ip }, 'find.too_often');
  // After it is known who asks: one person may come from many addresses.
  return { rateLimit: { max: LOOK_UPS_A_MINUTE, timeWindow, hook: 'preHandler', keyGenerator, onExceeded, groupId: 'find' } };
}

/** Draws a page with what every page has. `data` may not take the place of any of it. */
export async function draw(
  request: FastifyRequest,
  reply: FastifyReply,
  { template, title, data, status }: Extract<Answer, { kind: 'page' }>,
  { site, assets }: { site: Site; assets: string },
): Promise<FastifyReply> {
  const path = request.url;
  return reply.status(status).view(`pages/${template}.njk`, {
    ...data,
    title,
    assets,
    person: request.signedIn,
    rehearsal: site.kind === 'rehearsal',
    today: site.today(),
    navigation: navigationFor(request.signedIn, path),
    notice: await noticeOf(request, site),
    csrf: reply.generateCsrf(),
  });
}

/** What the page before left to say, and what the person must know of their account. */
async function noticeOf(request: FastifyRequest, site: Site): Promise<Notice | undefined> {
  const { signedIn } = request;
  const left = visitSession(request, site).take('notice') as Notice | undefined;
  if (!signedIn?.codeUntold) return left;
  const codes = (await codesToTell(site.db, signedIn.name)).map(madeCodeWords);
  return { title: 'Please note', variant: 'warning', text: [...(left ? [left.text] : []), ...codes].join(' ') };
}

/** The roles of a person are asked at each request: what an admin changes holds from the next page on. */
async function whoIsSignedIn(site: Site, name: string | null): Promise<SitePerson | null> {
  if (name === null) return null;
  const account = await openAccount(site.db, name);
  if (account !== null) {
    const { roles, has_password: password, has_factor: factor, code_untold: codeUntold } = account;
    return { name, roles, proofs: { password, factor }, codeUntold };
  }
  return site.samplePeople.find((sample) => sample.name === name) ?? null;
}

/** Who is not signed in is sent to sign in before the secret of the form is looked at, for it went with the session. */
function protectForm(app: FastifyInstance, route: Route) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    if (route.needs !== 'anyone' && request.signedIn === null) done();
    else app.csrfProtection(request, reply, done);
  };
}

async function answer(request: FastifyRequest, site: Site, route: Route): Promise<Answer> {
  const { signedIn: person } = request;
  const visit = visitOf(request, site);
  const given = [request.params, request.query, request.body].flatMap(textsOf);
  if (given.some((text) => text.includes('\0'))) return unstorable(ZERO_BYTE);
  if (textsOf(request.body).some((text) => text.length > LONGEST_WORDS)) return unstorable(TOO_LONG);
  if (route.needs === 'anyone') return route.handler(visit);
  if (person === null) return signInFirst(visit, route);
  if (needsFactor(site, person) && !SETTING_UP.includes(route.url)) return redirect('/me/factor');
  const { needs } = route;
  if (needs !== 'signed_in') {
    const check = () => Promise.resolve(requirePermission(person, needs));
    // As on the command line: asking to see is refused without a trace, asking to act leaves one.
    await (route.method === 'POST' ? recordingRefusals(site.db, person, `POST ${route.url}`, async () => check()) : check());
  }
  return route.handler({ ...visit, person });
}

/** Pages that somebody gets who has no second factor yet and needs one. */
const SETTING_UP: readonly string[] = ['/me/factor', '/sign-out'];

function textsOf(given: unknown): string[] {
  if (typeof given !== 'object' || given === null) return [];
  return Object.values(given)
    .flat()
    .filter((value) => typeof value === 'string');
}

/** No keyboard types it, and no text of the database can hold it. */
const ZERO_BYTE =
  'Nothing was done. What was sent holds a zero byte, which is no character of any text. Type it again instead of pasting it.';

function unstorable(why: string): Answer {
  return page('error', 'This cannot be stored', { paragraphs: [why] }, 422);
}

function signInFirst(visit: Visit, route: Route): Answer {
  if (route.method === 'GET') return { kind: 'redirect', to: '/sign-in', notice: null, comeBackTo: ownPath(visit.path) };
  if (visit.session.isNew) return redirect('/sign-in');
  return redirect('/sign-in', 'You were signed out, and nothing was done. Sign in, and do it again.', 'warning');
}

function visitOf(request: FastifyRequest, site: Site): Visit {
  return {
    site,
    db: site.db,
    asOf: site.today(),
    params: request.params as Record<string, string>,
    query: new Fields(request.query),
    body: new Fields(request.body),
    path: request.url,
    address: request.ip,
    fromAnotherSite: cameFromAnotherSite(site, request),
    noSignIn: cameWithoutHttps(site, request) ? PROXY_SAYS_NO_HTTPS : null,
    session: visitSession(request, site),
    comeBackTo: wayBack(request, site),
  };
}

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  answered: Answer,
  around: { site: Site; assets: string },
): Promise<FastifyReply> {
  if (answered.kind === 'page') return draw(request, reply, answered, around);
  if (answered.kind === 'download') {
    const { name, type, content } = answered;
    reply.type(type).header('Content-Disposition', `attachment; filename="${name}"`);
    return reply.send(typeof content === 'string' || Buffer.isBuffer(content) ? content : streamed(content, answered.name, around.site));
  }
  if (answered.kind === 'leave') return reply.redirect(answered.to, 303);
  if (answered.comeBackTo !== undefined) keepWayBack(reply, around.site, answered.comeBackTo);
  if (answered.notice) visitSession(request, around.site).keep('notice', answered.notice);
  return reply.redirect(answered.to, 303);
}

/** A download piece by piece. What fails midway cannot be said on a page any more: the file breaks off, and the log says why. */
function streamed(content: AsyncIterable<string>, name: string, site: Site): Readable {
  const stream = Readable.from(content);
  stream.on('error', (error) => site.log.error({ download: name, error: site.describe(error) }, 'download.failed'));
  return stream;
}
