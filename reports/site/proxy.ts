/** A proxy in front of the site that speaks https with people must say so, or no browser is given a cookie. */
import type { FastifyRequest } from 'fastify';
import type { Site } from './page.ts';

/** Said to whoever meets it, and in the log. */
export const PROXY_SAYS_NO_HTTPS =
  'People reach this site over https (SITE_URL), but what passes their requests on does not say so. Whoever runs the site: let the proxy send the header “X-Forwarded-Proto: https”, and run it on the machine of the site, for no other is believed.';

/** True for a request that is not known to have come over https, at a site that is reached so. */
export function cameWithoutHttps({ origin }: Site, { protocol }: Pick<FastifyRequest, 'protocol'>): boolean {
  return origin.startsWith('https:') && protocol !== 'https';
}

/** True for an address of this machine: what comes from there may be a proxy, and so anybody. */
export function isOfThisMachine(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
