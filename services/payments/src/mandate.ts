/**
 * A buyer's standing permission to be charged again: a UPI AutoPay mandate or a saved card. Pure.
 *
 * pending -> active <-> paused -> revoked; pending -> failed; active, paused -> expired, revoked. The last three are the
 * end. A change is asked for here and made at the provider: until it has answered, `pending` says what was asked.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { FailureCode, MandateChange, MandateOutcome, PayerAction, PaymentMethodKind } from './provider.ts';

export type MandateStatus = 'pending' | 'active' | 'paused' | 'revoked' | 'failed' | 'expired';

export interface Mandate {
  readonly id: string;
  readonly buyerId: string;
  readonly provider: string;
  readonly reference: string;
  readonly method: PaymentMethodKind;
  readonly umn: string;
  readonly currency: string;
  readonly amountMaxMinor: bigint;
  readonly status: MandateStatus;
  readonly action?: PayerAction | undefined;
  readonly failureCode: FailureCode | '';
  readonly createdAtMs: number;
  readonly movedAtMs: number;
  readonly validUntilMs?: number | undefined;
  readonly pending?: MandateChange | undefined;
}

const over: ReadonlySet<MandateStatus> = new Set(['revoked', 'failed', 'expired']);

export function isOver(mandate: Pick<Mandate, 'status'>): boolean {
  return over.has(mandate.status);
}

/** Whether a change may be asked for. Undefined: it is so already. */
export function decideChange(mandate: Mandate, change: MandateChange): Mandate | Refusal | undefined {
  if (change.kind === 'revoke' && mandate.status === 'revoked') return undefined;
  if (change.kind === 'pause' && mandate.status === 'paused') return undefined;
  if (change.kind === 'resume' && mandate.status === 'active' && mandate.pending === undefined) return undefined;
  if (isOver(mandate)) return refuse('mandate_not_usable', `The mandate is ${mandate.status}.`);
  if (mandate.pending?.kind === 'revoke') return refuse('mandate_not_usable', 'The mandate is being revoked.');
  if (mandate.status === 'pending' && change.kind !== 'revoke')
    return refuse('mandate_not_usable', 'The mandate waits for its approval.');
  if (change.kind === 'modify' && change.amountMaxMinor <= 0n)
    return refuse('amount_invalid', 'A mandate allows more than nothing.');
  return { ...mandate, pending: change };
}

/** Why this cannot be charged now; undefined when it can. */
export function refuseCharge(
  mandate: Mandate,
  charge: { readonly currency: string; readonly amountMinor: bigint },
  nowMs: number,
): Refusal | undefined {
  if (mandate.status !== 'active' || mandate.pending?.kind === 'revoke' || mandate.pending?.kind === 'pause')
    return refuse(
      'mandate_not_usable',
      `The mandate is ${mandate.pending === undefined ? mandate.status : 'changing'}.`,
    );
  if (mandate.validUntilMs !== undefined && mandate.validUntilMs <= nowMs)
    return refuse('mandate_not_usable', 'The mandate has expired.');
  if (mandate.currency !== charge.currency)
    return refuse('mandate_not_usable', `The mandate is in ${mandate.currency}.`);
  if (charge.amountMinor > mandate.amountMaxMinor)
    return refuse('mandate_not_usable', 'The charge is more than the mandate allows.');
  return undefined;
}

/** The mandate as it is after what the provider says; the same object when nothing changes. */
export function decideMandate(
  mandate: Mandate,
  said: MandateOutcome,
  source: 'answer' | 'sync' | 'webhook',
  nowMs: number,
): Mandate {
  const heard = withFacts(mandate, said);
  if (isOver(mandate)) return mandate;
  if (said.kind === 'pending') {
    if (mandate.status !== 'pending' || said.action === undefined || mandate.action !== undefined) return heard;
    return { ...heard, action: said.action };
  }
  // A webhook may be old: what it says of a mandate that may go either way is asked for instead (mandates.ts).
  const mayBeOld = source === 'webhook' && mandate.status !== 'pending' && !over.has(said.kind);
  if (mayBeOld || said.kind === mandate.status) return heard;
  return {
    ...heard,
    status: said.kind,
    action: undefined,
    failureCode: said.kind === 'failed' ? (said.code ?? 'provider_error') : '',
    movedAtMs: nowMs,
  };
}

function withFacts(mandate: Mandate, said: MandateOutcome): Mandate {
  const { reference = '', umn = '', amountMaxMinor, validUntilMs } = said.facts ?? {};
  const heard = {
    ...mandate,
    reference: mandate.reference === '' ? reference : mandate.reference,
    umn: mandate.umn === '' ? umn : mandate.umn,
    amountMaxMinor: amountMaxMinor ?? mandate.amountMaxMinor,
    validUntilMs: validUntilMs ?? mandate.validUntilMs,
  };
  const isSame =
    heard.reference === mandate.reference &&
    heard.umn === mandate.umn &&
    heard.amountMaxMinor === mandate.amountMaxMinor &&
    heard.validUntilMs === mandate.validUntilMs;
  return isSame ? mandate : heard;
}
