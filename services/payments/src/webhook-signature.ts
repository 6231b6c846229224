/**
 * Checks signatures of webhooks in the Standard Webhooks format (standardwebhooks.com, specification 1.0): any of several
 * live secrets, at most 300 s old or ahead.
 */
import { timingSafeEqual } from 'node:crypto';
import { webhookMac } from '@suuupra/platform/http/webhook-signature';
import type { WebhookHeaders } from './provider.ts';

const toleranceSeconds = 300;
/** Signatures looked at in one header; a sender rotating secrets sends two. */
const signaturesMax = 5;
const idCharsMax = 200;

/** The event's id when one of the signatures is by one of the secrets and the timestamp is fresh. */
export function verifySignature(
  secrets: readonly Uint8Array[],
  headers: WebhookHeaders,
  body: Uint8Array,
  nowMs: number,
): { readonly eventId: string } | undefined {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signature = headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string') return undefined;
  // Printable and without the separator, so that no two (id, timestamp, body) sign alike.
  if (!/^[!-~]+$/.test(id) || id.includes('.') || id.length > idCharsMax || !/^\d{1,12}$/.test(timestamp))
    return undefined;
  if (Math.abs(nowMs / 1_000 - Number(timestamp)) > toleranceSeconds) return undefined;
  const given = signature
    .split(' ', signaturesMax)
    .filter((each) => each.startsWith('v1,'))
    .map((each) => Buffer.from(each.slice(3), 'base64'));
  const isGood = secrets
    .map((secret) => webhookMac(secret, id, timestamp, body))
    .some((mac) => given.some((each) => each.byteLength === mac.byteLength && timingSafeEqual(each, mac)));
  return isGood ? { eventId: id } : undefined;
}
