/** Sign-in by OpenID Connect: authorisation code with PKCE, at a provider that vouches for people and names their roles. */
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  type Configuration,
} from 'openid-client';
import type { Vouched } from '../../db/accounts.ts';

/** Somebody who is asked to sign in anew has done so within this. */
const ANEW_SECONDS = 600;

/** What OpenID Connect lets a sub be, and no more of Unicode than can be written down. */
const ORDINARY_TEXT = /^[\p{L}\p{N}\p{P}\p{S} ]{1,255}$/u;

export interface OpenIdSettings {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The claim that names roles. */
  rolesClaim: string;
  /** Seconds since the person proved to the provider who they are, at most. */
  maxAge: number;
}

/** What is remembered in the session between leaving for the provider and coming back. */
export interface Departure {
  verifier: string;
  state: string;
  nonce: string;
  /** Seconds that the sign-in there may be old. */
  maxAge: number;
}

export interface Provider {
  /** Origins that forms may end at, beside our own: signing out ends at the provider. */
  origins: string[];
  /** Where to send somebody to sign in, and what to remember meanwhile. `anew`: however lately they did so there. */
  depart(anew: boolean): Promise<{ to: string; remember: Departure }>;
  /** Whom the provider vouches for, from the address it sent them back to. Throws when the answer is not for this departure. */
  arrive(path: string, remembered: Departure): Promise<Vouched>;
  /** Where to send somebody who signed out here, so that they are signed out there too; null where the provider has no such place. */
  signedOut(): string | null;
}

/** Asks the provider what it can. Throws when it cannot be reached. `origin` is where people reach the site. */
export async function openProvider(settings: OpenIdSettings, origin: string): Promise<Provider> {
  const config = await discover(settings);
  // TLS vouches for the token endpoint alone; a proxy on the way, or a key of the provider that was taken back, it does not.
  enableNonRepudiationChecks(config);
  const redirectUri = `${origin}/sign-in/openid/back`;
  const { end_session_endpoint: end } = config.serverMetadata();
  return {
    origins: end === undefined ? [] : [new URL(end).origin],
    async depart(anew) {
      const maxAge = anew ? Math.min(settings.maxAge, ANEW_SECONDS) : settings.maxAge;
      const remember = { verifier: randomPKCECodeVerifier(), state: randomState(), nonce: randomNonce(), maxAge };
      const to = buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: 'openid profile',
        code_challenge: await calculatePKCECodeChallenge(remember.verifier),
        code_challenge_method: 'S256',
        state: remember.state,
        nonce: remember.nonce,
        max_age: String(maxAge),
        ...(anew ? { prompt: 'login' } : {}),
      });
      return { to: to.href, remember };
    },
    async arrive(path, { verifier, state, nonce, maxAge }) {
      const tokens = await authorizationCodeGrant(config, new URL(path, origin), {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        maxAge,
      });
      return vouched(tokens.claims() ?? {}, settings);
    },
    signedOut() {
      return end === undefined ? null : buildEndSessionUrl(config, { post_logout_redirect_uri: `${origin}/sign-in` }).href;
    },
  };
}

/** The state a provider was left with, where what the session remembers is one. */
export function readDeparture(remembered: unknown): Departure | null {
  const { verifier, state, nonce, maxAge } = (remembered ?? {}) as Partial<Record<keyof Departure, unknown>>;
  const isOne = [verifier, state, nonce].every((part) => typeof part === 'string') && typeof maxAge === 'number';
  return isOne ? (remembered as Departure) : null;
}

function discover({ issuer, clientId, clientSecret }: OpenIdSettings): Promise<Configuration> {
  const server = new URL(issuer);
  // Settings take plain http for this machine alone, where a provider is tried out.
  const onThisMachine = server.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(server.hostname);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so only to stand out
  return discovery(server, clientId, clientSecret, undefined, onThisMachine ? { execute: [allowInsecureRequests] } : {});
}

function vouched(claims: Record<string, unknown>, { issuer, clientId, rolesClaim }: OpenIdSettings): Vouched {
  const { sub, azp, preferred_username: preferred } = claims;
  // The library looks at azp where there are several audiences; a token may name another party under one as well.
  if (azp !== undefined && azp !== clientId) throw new Error('The provider vouched for this person to another party (azp).');
  if (typeof sub !== 'string' || !ORDINARY_TEXT.test(sub))
    throw new Error('The provider vouched for nobody: its answer has no sub, or one that is no ordinary text.');
  const named = claims[rolesClaim];
  const roles = (Array.isArray(named) ? named : [named]).filter((role) => typeof role === 'string');
  return { issuer, subject: sub, preferredName: typeof preferred === 'string' ? preferred : null, roles };
}
