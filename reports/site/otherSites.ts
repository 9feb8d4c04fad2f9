/** Requests that the page of another site led to, as browsers say. */
import type { FastifyRequest } from 'fastify';
import type { Site } from './page.ts';

/** True where the browser says that another site led here; a browser that does not know Sec-Fetch-Site says so by its Origin or Referer. */
export function cameFromAnotherSite({ origin }: Site, { headers, host }: Pick<FastifyRequest, 'headers' | 'host'>): boolean {
  const { 'sec-fetch-site': ledBy, origin: sender, referer } = headers;
  if (ledBy !== undefined) return ledBy !== 'same-origin' && ledBy !== 'none';
  const from = sender ?? referer;
  if (from === undefined) return false;
  return !URL.canParse(from) || (new URL(from).origin !== origin && new URL(from).host !== host);
}
