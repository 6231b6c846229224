/** What the sandbox's payments have in common, however they were made. */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { type CardFacts, fingerprintOf, type ProviderOutcome } from './provider.ts';
import type { RunningSandbox } from './sandbox-delivery.ts';
import { feeOf } from './sandbox-reports.ts';
import { failureDetails, scriptOf } from './sandbox-script.ts';
import type { SandboxPayment } from './sandbox-store.ts';

export function cardOf(token: string): CardFacts {
  return { brand: 'sandbox', last4: '0000', expiry: '2099-12', fingerprint: fingerprintOf('card', token) };
}

export function outcomeOf(payment: SandboxPayment): ProviderOutcome {
  const { action, reference, authentication } = payment;
  const facts = {
    reference,
    ...(payment.method === 'card' ? { card: cardOf(payment.token) } : {}),
    ...(authentication === undefined ? {} : { authentication }),
  };
  switch (payment.status) {
    case 'succeeded':
      return { kind: 'succeeded', capturedMinor: payment.capturedMinor, facts };
    case 'authorized': {
      const { capturableUntilMs = 0, amountMinor: authorizedMinor, capturedMinor } = payment;
      return { kind: 'authorized', capturableUntilMs, authorizedMinor, capturedMinor, facts };
    }
    case 'voided':
      return { kind: 'voided', facts };
    case 'failed': {
      const code = payment.failureCode === '' ? 'card_declined' : payment.failureCode;
      const providerCode = scriptOf(payment.token, payment.method)?.code ?? '';
      return { kind: 'failed', code, detail: failureDetails[code], providerCode, facts };
    }
    case 'requires_action':
      if (action === undefined) throw new Error('a sandbox payment asks for no action that is known');
      return { kind: 'requires_action', action, facts };
    case 'processing':
      return { kind: 'processing', ...(action === undefined ? {} : { action }), deemed: payment.deemed, facts };
  }
}

/** The books of a capture, and what its payer is going to do. */
export async function afterCapture(
  { store, name, world, cardBasisPoints }: RunningSandbox,
  tx: SqlTransaction,
  row: SandboxPayment,
  providerReference: string,
  amountMinor: bigint,
): Promise<void> {
  await store.addMovement(tx, {
    kind: 'capture',
    provider: name,
    providerReference,
    merchantReference: row.id,
    currency: row.currency,
    grossMinor: amountMinor,
    ...feeOf(amountMinor, row.method === 'card' ? cardBasisPoints : 0),
    atMs: world.now(),
  });
  const disputed = scriptOf(row.token, row.method)?.disputed;
  if (disputed !== undefined && row.disputesAtMs === undefined)
    await store.savePayment(tx, { ...row, disputesAtMs: world.now() + disputed.afterMs });
}
