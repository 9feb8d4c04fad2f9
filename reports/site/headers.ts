/** Headers that every answer has: what a browser may load, show and send, and where. */
import type { Site } from './page.ts';

export const PERMISSIONS_POLICY = 'camera=(), geolocation=(), microphone=()';

const A_YEAR = 31_536_000;

/** The same as text, for an answer that no hook touches. */
export const STRICT_TRANSPORT_SECURITY = `max-age=${A_YEAR}; includeSubDomains`;

/** For the package that sets them. */
export function securityHeaders(site: Site) {
  const secure = site.origin.startsWith('https:');
  return {
    contentSecurityPolicy: { useDefaults: false, directives: directivesOf(site) },
    frameguard: { action: 'deny' as const },
    referrerPolicy: { policy: 'same-origin' as const },
    strictTransportSecurity: secure ? { maxAge: A_YEAR, includeSubDomains: true } : false,
  };
}

/** The same policy as text, for an answer that no hook touches. */
export function contentSecurityPolicy(site: Site): string {
  return Object.entries(directivesOf(site))
    .map(([name, values]) => `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${values.join(' ')}`)
    .join(';');
}

function directivesOf(site: Site) {
  return {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    formAction: ["'self'", ...(site.openId?.origins ?? [])],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  };
}
