/** Which route of the site an address belongs to. */
import { ROUTES } from '../../reports/site/routes.ts';

/** Routes that lead to the provider of accounts and back, and show nothing. */
const ELSEWHERE = ['/sign-in/openid', '/sign-in/openid/back'];

/** The addresses of pages, as the table of routes writes them. */
export const PAGES = ROUTES.filter(({ method, url }) => method === 'GET' && !ELSEWHERE.includes(url)).map(({ url }) => url);

/** The route whose page, or form, that address is. */
export function routeOf(address: string, method: 'GET' | 'POST' = 'GET'): string | undefined {
  const { pathname } = new URL(address, 'http://site.invalid');
  const fits = (url: string) => new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+')}$`).test(pathname);
  const known = ROUTES.filter((route) => route.method === method && !ELSEWHERE.includes(route.url)).map(({ url }) => url);
  return known.find((url) => url === pathname) ?? known.find(fits);
}
