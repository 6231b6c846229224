/**
 * How a payer is to be authenticated: challenged when the risk rules say so, spared where the law allows it. Pure.
 *
 * Exemptions of PSD2 RTS (EU 2018/389): article 16, low value, at most EUR 30; article 18, transaction risk analysis, at
 * most EUR 100 at the fraud rate that every acquirer reaches. In India the additional factor is always asked for (RBI).
 */
import type { PaymentToMake } from './provider.ts';
import type { RiskOutcome } from './risk.ts';

const limits: Readonly<Record<string, { readonly lowValueMinor: bigint; readonly riskAnalysisMinor: bigint }>> = {
  EUR: { lowValueMinor: 3_000n, riskAnalysisMinor: 10_000n },
  GBP: { lowValueMinor: 2_500n, riskAnalysisMinor: 8_500n },
};

export function authenticationFor(
  risk: RiskOutcome,
  payment: { readonly currency: string; readonly amountMinor: bigint },
): PaymentToMake['authentication'] {
  if (risk !== 'allow') return 'challenge';
  const limit = limits[payment.currency];
  if (limit === undefined) return 'automatic';
  if (payment.amountMinor <= limit.lowValueMinor) return 'low_value';
  return payment.amountMinor <= limit.riskAnalysisMinor ? 'transaction_risk' : 'automatic';
}
