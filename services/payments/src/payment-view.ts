/** What the API shows of an attempt. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  MethodType,
  NextActionType,
  type PaymentSchema,
  PaymentStatus,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { capturableMinor } from './capture.ts';
import { type Attempt, type AttemptStatus, isLive } from './payment.ts';
import type { PayerAction, Provider } from './provider.ts';
import type { AttemptView } from './store.ts';
import { findProvider, isSimulated, type PaymentsSurroundings } from './surroundings.ts';

const statusNumbers: Record<AttemptStatus, PaymentStatus> = {
  requires_confirmation: PaymentStatus.REQUIRES_CONFIRMATION,
  requires_action: PaymentStatus.REQUIRES_ACTION,
  processing: PaymentStatus.PROCESSING,
  requires_capture: PaymentStatus.REQUIRES_CAPTURE,
  succeeded: PaymentStatus.SUCCEEDED,
  failed: PaymentStatus.FAILED,
  unknown: PaymentStatus.UNKNOWN,
  cancelled: PaymentStatus.CANCELLED,
};

type PaymentInit = MessageInitShape<typeof PaymentSchema>;

export function paymentMessage(
  surroundings: Pick<PaymentsSurroundings, 'providers'>,
  view: Omit<AttemptView, 'buyerId'>,
): PaymentInit {
  const { attempt, orderMinor, refundedMinor, dispute } = view;
  const money = (amountMinor: bigint) => ({ currency: attempt.currency, amountMinor });
  return {
    id: attempt.id,
    orderId: attempt.orderId,
    status: statusNumbers[attempt.status],
    amount: money(attempt.amountMinor),
    methodType: attempt.method === 'upi' ? MethodType.UPI : MethodType.CARD,
    provider: attempt.provider,
    simulated: isSimulated(surroundings, attempt.provider),
    createdAt: timestampFromMs(attempt.createdAtMs),
    refunded: money(refundedMinor),
    ...actionOf(attempt),
    ...confirmByOf(attempt),
    ...heldOf(attempt, orderMinor, findProvider(surroundings, attempt.provider)),
    ...cardOf(attempt),
    ...(attempt.failure === undefined ? {} : { failure: attempt.failure }),
    ...(attempt.settledAtMs === undefined ? {} : { settledAt: timestampFromMs(attempt.settledAtMs) }),
    ...(dispute === undefined
      ? {}
      : {
          dispute: {
            id: dispute.id,
            status: dispute.status,
            amount: { currency: dispute.currency, amountMinor: dispute.amountMinor },
            openedAt: timestampFromMs(dispute.openedAtMs),
          },
        }),
  };
}

function confirmByOf({ status, confirmByMs }: Attempt): Pick<PaymentInit, 'confirmBy'> {
  const isWaiting = status === 'requires_confirmation' && confirmByMs !== undefined;
  return isWaiting ? { confirmBy: timestampFromMs(confirmByMs) } : {};
}

/**
 * What a capture would take, and what was taken: of what is authorized, as far as the order costs it. Nothing of a payment
 * that was captured at once.
 */
function heldOf(
  attempt: Attempt,
  orderMinor: bigint,
  provider: Provider | undefined,
): Pick<PaymentInit, 'captured' | 'capturable' | 'capturableUntil'> {
  if (attempt.capturableUntilMs === undefined) return {};
  const money = (amountMinor: bigint) => ({ currency: attempt.currency, amountMinor });
  const capMinor = capturableMinor(attempt, provider?.capabilities ?? { overCaptureBasisPoints: {} });
  const usableMinor = capMinor < orderMinor ? capMinor : orderMinor;
  return {
    captured: money(attempt.capturedMinor),
    ...(attempt.status === 'requires_capture'
      ? {
          capturable: money(usableMinor - attempt.capturedMinor),
          capturableUntil: timestampFromMs(attempt.capturableUntilMs),
        }
      : {}),
  };
}

function cardOf({ card, authentication }: Attempt): Pick<PaymentInit, 'card'> {
  if (card === undefined) return {};
  const { flow = 'none', exemption = '', liabilityShifted = false } = authentication ?? {};
  return {
    card: { brand: card.brand, last4: card.last4, authentication: flow, exemption, liabilityShifted },
  };
}

const actionTypes: Record<PayerAction['type'], NextActionType> = {
  challenge: NextActionType.CHALLENGE,
  upi_intent: NextActionType.UPI_INTENT,
  upi_collect: NextActionType.UPI_COLLECT,
};

export function actionMessage({ type, url, uri, expiresAtMs }: PayerAction) {
  return { type: actionTypes[type], url, uri, expiresAt: timestampFromMs(expiresAtMs) };
}

/** An action is shown while it can still be taken. */
function actionOf(attempt: Attempt): Pick<PaymentInit, 'nextAction'> {
  if (attempt.action === undefined || !isLive(attempt)) return {};
  return { nextAction: actionMessage(attempt.action) };
}

export function statusNumber(status: AttemptStatus): PaymentStatus {
  return statusNumbers[status];
}
