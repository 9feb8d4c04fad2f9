/** Requests that the page of another site led to, as browsers say. */
import type { FastifyRequest } from 'fastify';
import type { Site } from './page.ts';

/** True where the browser says that another site led here; a browser that does not know Sec-Fetch-Site says so by its Referer. */
export function cameFromAnotherSite({ origin }: Site, { headers }: Pick<FastifyRequest, 'headers'>): boolean {
  const { 'sec-fetch-site': ledBy, referer } = headers;
  if (ledBy !== undefined) return ledBy !== 'same-origin' && ledBy !== 'none';
  return referer !== undefined && !(URL.canParse(referer) && new URL(referer).origin === origin);
}
