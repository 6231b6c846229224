/** What a request says about who sends it: tokens, cookies, the CSRF proof. */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** The headers of a request that say who sends it. */
export interface IdentityHeaders {
  readonly authorization?: string | undefined;
  readonly cookie?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
  readonly 'x-csrf-token'?: string | string[] | undefined;
}

export type Credentials =
  | { readonly kind: 'none' }
  /** An Authorization header that is not a bearer token of ours. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'cookie'; readonly token: string };

const tokenFormat = /^[A-Za-z0-9._~+/=-]{1,512}$/;

/** The bearer token when there is an Authorization header, whatever the cookies say. */
export function credentialsOf(headers: IdentityHeaders, cookieName: string): Credentials {
  if (headers.authorization !== undefined) {
    const [scheme = '', token = '', ...more] = headers.authorization.trim().split(/ +/);
    const good = scheme.toLowerCase() === 'bearer' && more.length === 0 && tokenFormat.test(token);
    return good ? { kind: 'bearer', token } : { kind: 'malformed' };
  }
  const token = cookieOf(headers.cookie, cookieName);
  if (token === undefined || token === '') return { kind: 'none' };
  return { kind: 'cookie', token };
}

export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/** A token that could not be one of ours is not worth a question. */
export function isTokenShaped(token: string): boolean {
  return tokenFormat.test(token);
}

/** What a token is kept under, so that no cache and no dump of it holds the token. */
export function tokenHash(token: string): string {
  return hash('sha256', token, 'base64url');
}

/** Bound to the session token, so that it cannot be made by a sibling site, and dies with the session. */
export function csrfTokenOf(secret: Uint8Array, token: string): string {
  return createHmac('sha256', secret).update('csrf:').update(token).digest('base64url');
}

/**
 * Whether a mutation that a cookie authenticates comes from our own pages: by the browser's own word (Sec-Fetch-Site),
 * else by the X-CSRF-Token that only our pages can read.
 */
export function isFromOurSite(headers: IdentityHeaders, expectedCsrfToken: string): boolean {
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin' || site === 'none') return true;
  const given = Buffer.from(String(headers['x-csrf-token'] ?? ''));
  const expected = Buffer.from(expectedCsrfToken);
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
}

export interface CookieNames {
  readonly session: string;
  readonly csrf: string;
  readonly secure: boolean;
}

/** `__Host-` binds the cookie to this very host, and browsers allow it over https only. */
export function cookieNames(publicUrl: string): CookieNames {
  const secure = publicUrl.startsWith('https:');
  return { session: secure ? '__Host-suuupra' : 'suuupra_session', csrf: 'suuupra_csrf', secure };
}

export function sessionCookies(names: CookieNames, token: string, csrfToken: string, maxAgeSeconds: number): string[] {
  const rest = `Path=/; SameSite=Lax; Max-Age=${maxAgeSeconds}${names.secure ? '; Secure' : ''}`;
  return [`${names.session}=${token}; HttpOnly; ${rest}`, `${names.csrf}=${csrfToken}; ${rest}`];
}

export function clearedCookies(names: CookieNames): string[] {
  return sessionCookies(names, '', '', 0);
}
