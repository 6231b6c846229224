/** A page that looks like a bank's, and says that it is not one. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { confirmPayment, paymentQuery } from '../api/orders.ts';
import { asProblem } from '../api/problem.ts';
import type { Payment } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { Badge, Money, Notice, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { QueryView } from '../ui/states.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/sandbox/3ds/$paymentId');

export function SandboxChallengePage() {
  useTitle('Sandbox bank');
  const { paymentId } = route.useParams();
  return <RequireUser>{() => <Bank paymentId={paymentId} />}</RequireUser>;
}

function Bank({ paymentId }: { paymentId: string }) {
  const payment = useQuery({ ...paymentQuery(paymentId), staleTime: 0 });
  return (
    <div className="bank">
      <div className="bank-card">
        <header className="bank-head">
          <Icon name="shield" size={24} />
          <span>Sandbox Bank</span>
          <Badge tone="warn">Simulated</Badge>
        </header>
        <QueryView query={payment}>{(data) => <Challenge payment={data} />}</QueryView>
      </div>
      <p className="bank-note">
        This page stands in for a bank’s 3-D Secure page. No bank is asked and no money moves.
      </p>
    </div>
  );
}

function Challenge({ payment }: { payment: Payment }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const answer = useMutation({
    mutationFn: (response: 'approve' | 'reject') => confirmPayment(payment.id, response),
    onSuccess: async (data) => {
      client.setQueryData(paymentQuery(payment.id).queryKey, data);
      await client.invalidateQueries({ queryKey: ['payments', payment.orderId] });
      await client.invalidateQueries({ queryKey: ['order', payment.orderId] });
      await navigate({ to: '/checkout/$orderId', params: { orderId: payment.orderId } });
    },
  });
  if (payment.status !== 'requires_action') {
    return (
      <div className="bank-body">
        <p>There is nothing to approve any more: this payment is already decided.</p>
        <ButtonLink to="/checkout/$orderId" params={{ orderId: payment.orderId }} look="primary" wide>
          Back to the shop
        </ButtonLink>
      </div>
    );
  }
  return (
    <div className="bank-body">
      <h1 className="bank-title">Approve this payment?</h1>
      <dl className="facts facts-rows">
        <div className="fact">
          <dt>To</dt>
          <dd>Suuupra</dd>
        </div>
        <div className="fact">
          <dt>Amount</dt>
          <dd>
            <Money value={payment.amount} />
          </dd>
        </div>
        {payment.nextAction?.expiresAt && (
          <div className="fact">
            <dt>Open until</dt>
            <dd>
              <Time at={payment.nextAction.expiresAt} />
            </dd>
          </div>
        )}
      </dl>
      {answer.error && (
        <Notice tone="danger" live>
          <p>{asProblem(answer.error).detail}</p>
        </Notice>
      )}
      <Button look="primary" wide isPending={answer.isPending} onPress={() => answer.mutate('approve')}>
        Approve
      </Button>
      <Button wide isDisabled={answer.isPending} onPress={() => answer.mutate('reject')}>
        Reject
      </Button>
    </div>
  );
}
