/** Headers that keep browsers from doing more with an answer than it is meant for. */

export interface SecurityHeaders {
  /** For JSON and everything that is no page. */
  readonly data: Readonly<Record<string, string>>;
  /** For pages; `nonce` is what an inline script of this one answer must carry. */
  page(nonce: string): Readonly<Record<string, string>>;
}

const dataPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

function pagePolicy(nonce: string): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'`,
    // Style attributes of components; no script can be made of them.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export function securityHeaders(publicUrl: string): SecurityHeaders {
  const common = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    ...(publicUrl.startsWith('https:') && { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }),
  };
  const data = { ...common, 'content-security-policy': dataPolicy };
  return { data, page: (nonce) => ({ ...common, 'content-security-policy': pagePolicy(nonce) }) };
}
