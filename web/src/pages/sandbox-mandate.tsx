/** The bank's page on which a mandate is approved; it says that it is not a bank. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { confirmMandate, mandateQuery } from '../api/mandates.ts';
import { asProblem } from '../api/problem.ts';
import type { Mandate } from '../api/types.ts';
import { safeReturn } from '../lib/return-path.ts';
import { useTitle } from '../lib/use-title.ts';
import { Badge, Money, Notice, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { QueryView } from '../ui/states.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/sandbox/mandates/$mandateId');

export function SandboxMandatePage() {
  useTitle('Sandbox bank');
  const { mandateId } = route.useParams();
  return <RequireUser>{() => <Bank mandateId={mandateId} />}</RequireUser>;
}

function Bank({ mandateId }: { mandateId: string }) {
  const mandate = useQuery({ ...mandateQuery(mandateId), staleTime: 0 });
  return (
    <div className="bank">
      <div className="bank-card">
        <header className="bank-head">
          <Icon name="shield" size={24} />
          <span>Sandbox Bank</span>
          <Badge tone="warn">Simulated</Badge>
        </header>
        <QueryView query={mandate}>{(data) => <Permission mandate={data} />}</QueryView>
      </div>
      <p className="bank-note">
        This page stands in for a bank’s 3-D Secure page. No bank is asked and no money moves.
      </p>
    </div>
  );
}

function Permission({ mandate }: { mandate: Mandate }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const search = route.useSearch();
  const back = search.return ? safeReturn(search.return) : '/subscriptions';
  const answer = useMutation({
    mutationFn: (response: 'approve' | 'reject') => confirmMandate(mandate.id, response),
    onSuccess: async (data) => {
      client.setQueryData(mandateQuery(mandate.id).queryKey, data);
      await client.invalidateQueries({ queryKey: ['mandates'] });
      await navigate({ href: back });
    },
  });
  if (mandate.status !== 'pending') {
    return (
      <div className="bank-body">
        <p>There is nothing to approve any more: this permission is already decided.</p>
        <ButtonLink to={back} look="primary" wide>
          Back to the shop
        </ButtonLink>
      </div>
    );
  }
  return (
    <div className="bank-body">
      <h1 className="bank-title">Allow later charges?</h1>
      <dl className="facts facts-rows">
        <div className="fact">
          <dt>To</dt>
          <dd>Suuupra</dd>
        </div>
        <div className="fact">
          <dt>At most, each</dt>
          <dd>
            <Money value={mandate.amountMax} />
          </dd>
        </div>
        {mandate.nextAction?.expiresAt && (
          <div className="fact">
            <dt>Open until</dt>
            <dd>
              <Time at={mandate.nextAction.expiresAt} />
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
