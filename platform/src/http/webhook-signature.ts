/**
 * Signatures of webhooks in the Standard Webhooks format (standardwebhooks.com, specification 1.0): HMAC-SHA256 over
 * `id.timestamp.body`.
 */
import { createHmac } from 'node:crypto';

export type WebhookSignatureHeaders = Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>;

/** The three header fields for a body. Sign with every secret that a receiver may still hold. */
export function signWebhook(
  secrets: readonly Uint8Array[],
  id: string,
  nowMs: number,
  body: Uint8Array,
): WebhookSignatureHeaders {
  const timestamp = String(Math.floor(nowMs / 1_000));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets
      .map((secret) => `v1,${webhookMac(secret, id, timestamp, body).toString('base64')}`)
      .join(' '),
  };
}

export function webhookMac(secret: Uint8Array, id: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest();
}
