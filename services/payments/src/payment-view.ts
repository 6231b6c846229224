/** What the API shows of an attempt. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  MethodType,
  NextActionType,
  type PaymentSchema,
  PaymentStatus,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type Attempt, type AttemptStatus, isLive } from './payment.ts';
import type { Provider } from './provider.ts';
import type { AttemptView } from './store.ts';

const statusNumbers: Record<AttemptStatus, PaymentStatus> = {
  requires_action: PaymentStatus.REQUIRES_ACTION,
  processing: PaymentStatus.PROCESSING,
  succeeded: PaymentStatus.SUCCEEDED,
  failed: PaymentStatus.FAILED,
  unknown: PaymentStatus.UNKNOWN,
  cancelled: PaymentStatus.CANCELLED,
};

type PaymentInit = MessageInitShape<typeof PaymentSchema>;

export function paymentMessage(view: Omit<AttemptView, 'buyerId'>, provider: Provider): PaymentInit {
  const { attempt, refundedMinor, dispute } = view;
  const money = (amountMinor: bigint) => ({ currency: attempt.currency, amountMinor });
  return {
    id: attempt.id,
    orderId: attempt.orderId,
    status: statusNumbers[attempt.status],
    amount: money(attempt.amountMinor),
    methodType: attempt.method === 'upi' ? MethodType.UPI : MethodType.CARD,
    provider: attempt.provider,
    simulated: provider.simulated,
    createdAt: timestampFromMs(attempt.createdAtMs),
    refunded: money(refundedMinor),
    ...actionOf(attempt),
    ...(attempt.failure === undefined ? {} : { failure: attempt.failure }),
    ...(attempt.settledAtMs === undefined ? {} : { settledAt: timestampFromMs(attempt.settledAtMs) }),
    ...(dispute === undefined
      ? {}
      : {
          dispute: {
            status: 'opened',
            amount: { currency: dispute.currency, amountMinor: dispute.amountMinor },
            openedAt: timestampFromMs(dispute.openedAtMs),
          },
        }),
  };
}

/** An action is shown while it can still be taken. */
function actionOf(attempt: Attempt): Pick<PaymentInit, 'nextAction'> {
  if (attempt.action === undefined || !isLive(attempt)) return {};
  const { type, url, uri, expiresAtMs } = attempt.action;
  return {
    nextAction: {
      type: type === 'challenge' ? NextActionType.CHALLENGE : NextActionType.UPI_INTENT,
      url,
      uri,
      expiresAt: timestampFromMs(expiresAtMs),
    },
  };
}
