/** The bodies of the sandbox's webhooks: what they are to us. Pure. */
import type {
  DisputeFacts,
  FailureCode,
  IncrementOutcome,
  MandateOutcome,
  ProviderEvent,
  ProviderOutcome,
} from './provider.ts';
import { failureDetails } from './sandbox-script.ts';
import type { SandboxStatus } from './sandbox-store.ts';

interface SandboxEventBody {
  readonly type: string;
  readonly data: {
    readonly merchantReference: string;
    readonly reference?: string;
    readonly status: string;
    readonly currency: string;
    readonly amountMinor: string;
    readonly capturedMinor?: string;
    readonly failureCode?: string;
    readonly disputeReference: string;
    readonly stage?: DisputeFacts['stage'];
    readonly feeMinor?: string;
    readonly reason?: string;
    readonly evidenceDueAtMs?: number;
  };
}

/** Throws for what the sandbox does not send. */
export function readSandboxEvent(body: Uint8Array): ProviderEvent {
  const { type, data } = JSON.parse(Buffer.from(body).toString('utf8')) as SandboxEventBody;
  if (typeof type !== 'string' || typeof data?.merchantReference !== 'string')
    throw new Error('a webhook of the sandbox without a type or a reference');
  const { merchantReference } = data;
  const [kind] = type.split('.');
  switch (kind) {
    case 'payment':
      return { type: 'payment', attemptId: merchantReference, outcome: paymentOutcome(data) };
    case 'refund':
      if (data.status === 'failed') {
        const outcome = { kind: 'failed', code: data.failureCode ?? '' } as const;
        return { type: 'refund', refundId: merchantReference, outcome };
      }
      return { type: 'refund', refundId: merchantReference, outcome: { kind: 'succeeded' } };
    case 'increment':
      return { type: 'increment', incrementId: merchantReference, outcome: incrementOutcome(data) };
    case 'dispute':
      return { type: 'dispute', attemptId: merchantReference, dispute: disputeOf(type, data) };
    case 'mandate':
      return {
        type: 'mandate',
        mandateId: merchantReference,
        outcome: { kind: data.status as Exclude<MandateOutcome['kind'], 'pending'> },
      };
    default:
      return { type: 'other' };
  }
}

function paymentOutcome(data: SandboxEventBody['data']): ProviderOutcome {
  const facts = data.reference === undefined ? {} : { facts: { reference: data.reference } };
  switch (data.status as SandboxStatus) {
    case 'succeeded':
      return {
        kind: 'succeeded',
        ...(data.capturedMinor === undefined ? {} : { capturedMinor: BigInt(data.capturedMinor) }),
        ...facts,
      };
    case 'failed': {
      const code = (data.failureCode === '' ? 'card_declined' : data.failureCode) as FailureCode;
      return { kind: 'failed', code, detail: failureDetails[code], ...facts };
    }
    case 'processing':
      return { kind: 'processing', ...facts };
    default:
      throw new Error('a webhook of the sandbox about a payment that stands in no way it tells of');
  }
}

function incrementOutcome({ status, failureCode = '' }: SandboxEventBody['data']): IncrementOutcome {
  if (status === 'succeeded') return { kind: 'succeeded' };
  if (status === 'failed') return { kind: 'failed', code: failureCode };
  throw new Error('a webhook of the sandbox about a raise that stands in no way it tells of');
}

function disputeOf(type: string, data: SandboxEventBody['data']): DisputeFacts {
  const [, word = ''] = type.split('.');
  return {
    disputeReference: data.disputeReference,
    stage: data.stage ?? 'dispute',
    status: word as DisputeFacts['status'],
    currency: data.currency,
    amountMinor: BigInt(data.amountMinor),
    feeMinor: BigInt(data.feeMinor ?? '0'),
    reason: data.reason ?? 'general',
    evidenceDueAtMs: data.evidenceDueAtMs,
  };
}
