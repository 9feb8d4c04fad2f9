/** What is turned away before a session is touched: requests under another name than the site's, and forms that another site sends. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { BarePages } from './barePage.ts';
import { errorAs } from './errors.ts';
import { cameFromAnotherSite } from './otherSites.ts';
import type { Site } from './page.ts';

/** Turns them away with a plain page: an answer with a cookie would take the place of the session that a browser has. */
export function keepTheDoor(app: FastifyInstance, site: Site, bare: BarePages): void {
  app.addHook('onRequest', (request, reply, done) => {
    const refused = refusalOf(site, request);
    if (refused === null) {
      done();
      return;
    }
    site.log.warn({ address: request.ip, method: request.method, why: refused.title }, 'site.turned_away');
    bare.send(reply, refused);
  });
}

function refusalOf(site: Site, request: FastifyRequest) {
  if (!isNameOfSite(site, request.host)) {
    return errorAs(421, 'This is not the address of this site', [`Nothing was done. The site is at ${site.origin}.`]);
  }
  if (request.method === 'POST' && cameFromAnotherSite(site, request)) {
    return errorAs(403, 'Another site sent this', ['Nothing was done, and nobody was signed out. Open this site and do it there.']);
  }
  return null;
}

/** By a name of its own somebody else's page would reach a site that asks for no password; loopback names belong to nobody else. */
function isNameOfSite({ origin }: Site, host: string): boolean {
  if (host === new URL(origin).host) return true;
  const { hostname } = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : { hostname: '' };
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
