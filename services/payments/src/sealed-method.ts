/**
 * The token of a payment method between the request that names it and the one that confirms it. It is kept encrypted
 * (AES-256-GCM, NIST SP 800-38D, a random nonce of 96 bits) under a key of the keys port and bound to its order: what is
 * moved to another order, changed, or of another key cannot be opened. Pure but for chance.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

export interface MethodToKeep {
  readonly token: string;
  /** How long the owner of a UPI address is asked; 0 for the usual time. */
  readonly collectMinutes: number;
}

const nonceBytes = 12;
const tagBytes = 16;

export function sealMethod(secret: Uint8Array, orderId: string, { token, collectMinutes }: MethodToKeep): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), nonce).setAAD(Buffer.from(orderId));
  const sealed = Buffer.concat([cipher.update(JSON.stringify([token, collectMinutes]), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** Undefined for what this key did not seal for this order. */
export function openMethod(secret: Uint8Array, orderId: string, text: string): MethodToKeep | undefined {
  const bytes = Buffer.from(text, 'base64url');
  const body = nonceBytes + tagBytes;
  if (bytes.length <= body) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), bytes.subarray(0, nonceBytes))
    .setAAD(Buffer.from(orderId))
    .setAuthTag(bytes.subarray(nonceBytes, body));
  const opened = decipher.update(bytes.subarray(body));
  try {
    const [token, collectMinutes] = JSON.parse(Buffer.concat([opened, decipher.final()]).toString('utf8'));
    return { token, collectMinutes };
  } catch {
    // The tag does not fit: `final` says so by throwing, and nothing of what was decrypted is used.
    return undefined;
  }
}

function keyOf(secret: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'payments.method', 32));
}
