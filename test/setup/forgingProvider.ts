/** A small provider of OpenID Connect that answers with whatever ID token a test makes: signed by its own key, by another, or by none. */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import type { Answered, Browser } from '../site/browsing.ts';

export type Claims = Record<string, unknown>;

/** An ID token in its three parts. */
export interface IdToken {
  header: Claims;
  claims: Claims;
  signature: (signed: string) => string;
}

const KEYS = ['own', 'foreign'].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
export const [OWN_KEY, FOREIGN_KEY] = KEYS.map(({ privateKey }) => privateKey) as [KeyObject, KeyObject];
const PUBLISHED = { ...KEYS[0]?.publicKey.export({ format: 'jwk' }), kid: 'own', use: 'sig', alg: 'RS256' };

export class ForgingProvider {
  /** What is changed of the honest token before it is sent. */
  forge: (honest: IdToken) => IdToken = (honest) => honest;
  /** What the honest token says of whoever signs in. */
  claims: Claims = {};
  issuer = '';
  #nonce = '';
  readonly #server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', this.issuer);
    const answer = { '/.well-known/openid-configuration': () => this.#about(), '/jwks': () => ({ keys: [PUBLISHED] }) }[pathname];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer?.() ?? this.#tokens()));
  });

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.issuer = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Signs whoever has that browser in at once, and sends them back. Returns what the site then shows. */
  async signIn(browser: Browser, claims: Claims, forge: ForgingProvider['forge'] = (honest) => honest): Promise<Answered> {
    const left = await browser.send('GET', '/sign-in/openid');
    expect(left.status).toBe(303);
    const asked = new URL(String(left.headers['location'])).searchParams;
    this.#nonce = asked.get('nonce') ?? '';
    Object.assign(this, { claims, forge });
    return browser.open(`/sign-in/openid/back?code=any&state=${asked.get('state') ?? ''}`);
  }

  #about(): object {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      jwks_uri: `${this.issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'HS256'],
    };
  }

  #tokens(): object {
    const now = Math.floor(Date.now() / 1000);
    const about = { iss: this.issuer, aud: 'retention', nonce: this.#nonce, iat: now, exp: now + 60, auth_time: now };
    const claims = { ...about, ...this.claims };
    const {
      header,
      claims: said,
      signature,
    } = this.forge({ header: { alg: 'RS256', kid: 'own' }, claims, signature: signedBy(OWN_KEY, claims) });
    const text = [header, said].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return { access_token: 'any', token_type: 'Bearer', id_token: `${text}.${signature(text)}` };
  }
}

/** Signs as RS256 does; with `claims`, those and nothing that was changed after. */
export function signedBy(key: KeyObject, claims?: Claims): IdToken['signature'] {
  return (text) => {
    const [header = ''] = text.split('.');
    const signed = claims === undefined ? text : `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    return sign('sha256', Buffer.from(signed), key).toString('base64url');
  };
}

/** Signs with the secret that site and provider share, as HS256 does. */
export function signedBySecret(secret: string): IdToken['signature'] {
  return (text) => createHmac('sha256', secret).update(text).digest('base64url');
}
