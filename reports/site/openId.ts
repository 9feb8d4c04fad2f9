/** Sign-in by OpenID Connect: authorisation code with PKCE, at a provider that vouches for people and names their roles. */
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  calculatePKCECodeChallenge,
  discovery,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  type Configuration,
} from 'openid-client';
import type { Vouched } from '../../db/accounts.ts';

export interface OpenIdSettings {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The claim that names roles. */
  rolesClaim: string;
}

/** What is remembered in the session between leaving for the provider and coming back. */
export interface Departure {
  verifier: string;
  state: string;
  nonce: string;
}

export interface Provider {
  /** Origins that forms may end at, beside our own: signing out ends at the provider. */
  origins: string[];
  /** Where to send somebody to sign in, and what to remember meanwhile. */
  depart(): Promise<{ to: string; remember: Departure }>;
  /** Whom the provider vouches for, from the address it sent them back to. Throws when the answer is not for this departure. */
  arrive(path: string, remembered: Departure): Promise<Vouched>;
  /** Where to send somebody who signed out here, so that they are signed out there too; null where the provider has no such place. */
  signedOut(): string | null;
}

/** Asks the provider what it can. Throws when it cannot be reached. `origin` is where people reach the site. */
export async function openProvider(settings: OpenIdSettings, origin: string): Promise<Provider> {
  const config = await discover(settings);
  const redirectUri = `${origin}/sign-in/openid/back`;
  const { end_session_endpoint: end } = config.serverMetadata();
  return {
    origins: end === undefined ? [] : [new URL(end).origin],
    async depart() {
      const remember = { verifier: randomPKCECodeVerifier(), state: randomState(), nonce: randomNonce() };
      const to = buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: 'openid profile',
        code_challenge: await calculatePKCECodeChallenge(remember.verifier),
        code_challenge_method: 'S256',
        state: remember.state,
        nonce: remember.nonce,
      });
      return { to: to.href, remember };
    },
    async arrive(path, { verifier, state, nonce }) {
      const tokens = await authorizationCodeGrant(config, new URL(path, origin), {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
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
  const { verifier, state, nonce } = (remembered ?? {}) as Partial<Record<keyof Departure, unknown>>;
  return typeof verifier === 'string' && typeof state === 'string' && typeof nonce === 'string' ? { verifier, state, nonce } : null;
}

function discover({ issuer, clientId, clientSecret }: OpenIdSettings): Promise<Configuration> {
  const server = new URL(issuer);
  // Settings take plain http for this machine alone, where a provider is tried out.
  const onThisMachine = server.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(server.hostname);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so only to stand out
  return discovery(server, clientId, clientSecret, undefined, onThisMachine ? { execute: [allowInsecureRequests] } : {});
}

function vouched(claims: Record<string, unknown>, { issuer, rolesClaim }: OpenIdSettings): Vouched {
  const { sub, preferred_username: preferred } = claims;
  if (typeof sub !== 'string' || sub === '') throw new Error('The provider vouched for nobody: its answer has no sub.');
  const named = claims[rolesClaim];
  const roles = (Array.isArray(named) ? named : [named]).filter((role) => typeof role === 'string');
  return { issuer, subject: sub, preferredName: typeof preferred === 'string' ? preferred : null, roles };
}
