/** What is shown when something may not be, is not there, or went wrong: words and a way on, never the details. */
import type { FastifyError, FastifyInstance } from 'fastify';
import { Refusal } from '../../rules/refusal.ts';
import { PERMISSIONS, type Permission } from '../../rules/workflow.ts';
import { page, type Answer, type Site } from './page.ts';
import { draw } from './routing.ts';
import { ROLE_WORDS } from './words.ts';

/** Answers what is thrown, and what is not there. */
export function answerErrors(app: FastifyInstance, site: Site, assets: string): void {
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const answer = errorPage(error);
    if (answer.status >= 500) site.log.error({ route: request.routeOptions.url ?? '', error: site.describe(error) }, 'site.failed');
    // Before the session is there, as where the database cannot be reached, no page can be drawn.
    if (!('sessionId' in request.session)) return reply.status(answer.status).type('text/plain').send(plain(answer));
    return draw(request, reply, answer, { site, assets });
  });
  app.setNotFoundHandler(async (request, reply) => draw(request, reply, notFound(), { site, assets }));
}

type ErrorPage = Extract<Answer, { kind: 'page' }>;

const GONE = ['no_such_list', 'no_such_file', 'not_on_list', 'archived', 'no_such_person', 'no_such_token', 'no_such_hold'];

function errorPage(error: Refusal | Partial<FastifyError>): ErrorPage {
  if (error instanceof Refusal) {
    if (error.code === 'not_permitted') return forbidden(error);
    return errorAs(GONE.includes(error.code) ? 404 : 409, GONE.includes(error.code) ? 'Not found' : 'This was not done', [error.message]);
  }
  if (error.code?.startsWith('FST_CSRF'))
    return errorAs(403, 'This page was open too long', ['Nothing was done. Go back, load the page again, and repeat what you did.']);
  if (error.statusCode === 429) return errorAs(429, 'Too many requests', ['Nothing was done. Wait a minute, then try again.']);
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return errorAs(error.statusCode, 'This request cannot be read', ['Nothing was done. Go back and try again.']);
  return errorAs(500, 'There is a problem with this site', [
    'Nothing half-done was kept. Try again later. If it goes on, tell who runs this site; the log says more.',
  ]);
}

function forbidden({ about }: Refusal): ErrorPage {
  const allowed = PERMISSIONS[about['permission'] as Permission];
  const roles = allowed.map((role) => ROLE_WORDS[role].toLowerCase()).join(' or ');
  return errorAs(403, 'You may not do this', [`It takes the role of ${roles}. Ask somebody who has it, or an admin to give it to you.`]);
}

function notFound(): ErrorPage {
  return errorAs(404, 'Page not found', ['Check the address. If you came by a link of this site, the file or list may have moved on.']);
}

function errorAs(status: number, title: string, paragraphs: string[]): ErrorPage {
  return page('error', title, { paragraphs }, status) as ErrorPage;
}

function plain({ title, data }: ErrorPage): string {
  return `${title}\n\n${(data['paragraphs'] as string[]).join('\n')}\n`;
}
