/** What ends or changes a subscription, with what exactly will happen. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import {
  cancelSubscription,
  changePlan,
  planChangeQuery,
  plansQuery,
  subscriptionQuery,
} from '../api/subscriptions.ts';
import type { Subscription } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { Money, Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Radio, RadioGroup } from '../ui/fields.tsx';
import { QueryView } from '../ui/states.tsx';
import { toast } from '../ui/toast.tsx';
import { planPrice } from './plan-row.tsx';

interface Props {
  subscription: Subscription;
  onClose: () => void;
}

export function CancelDialog({ subscription, onClose }: Props) {
  const onlyNow = subscription.cancelAtPeriodEnd;
  const [when, setWhen] = useState(onlyNow ? 'now' : 'end');
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelSubscription(subscription.id, when === 'now'),
    onSuccess: async (data) => {
      client.setQueryData(subscriptionQuery(subscription.id).queryKey, data);
      for (const key of ['subscriptions', 'access', 'enrolments']) await client.invalidateQueries({ queryKey: [key] });
      toast('The subscription is cancelled.');
      onClose();
    },
  });
  return (
    <Dialog title="Cancel the subscription" isOpen onClose={onClose} busy={cancel.isPending}>
      <Form label="Cancel the subscription" onSubmit={() => cancel.mutate()} error={cancel.error} fields={[]}>
        {!onlyNow && (
          <RadioGroup label="When" value={when} onChange={setWhen}>
            <Radio value="end" hint="The courses stay open until then. You can take it back.">
              At the end of the period
            </Radio>
            <Radio value="now" hint="The courses close at once. What is already paid is not given back by itself.">
              Now
            </Radio>
          </RadioGroup>
        )}
        <div className="effects">
          <p>This is what will happen:</p>
          <ul>
            <li>
              {when === 'now' ? (
                'The courses of the plan close at once.'
              ) : (
                <>
                  The courses stay open until <Time at={subscription.periodEnd} />.
                </>
              )}
            </li>
            <li>Nothing more is charged.</li>
            <li>Your progress is kept.</li>
          </ul>
        </div>
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={cancel.isPending}>
            Keep it
          </Button>
          <Button type="submit" look="danger" isPending={cancel.isPending}>
            Cancel the subscription
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

export function ChangePlanDialog({ subscription, onClose }: Props) {
  const [planId, setPlanId] = useState('');
  const plans = useInfiniteQuery(plansQuery());
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => changePlan(subscription.id, planId),
    onSuccess: async (data) => {
      client.setQueryData(subscriptionQuery(subscription.id).queryKey, { subscription: data.subscription });
      for (const key of ['subscriptions', 'subscription', 'bills', 'access'])
        await client.invalidateQueries({ queryKey: [key] });
      toast('The plan is changed as soon as its charge has gone through.');
      onClose();
    },
  });
  return (
    <Dialog title="Change the plan" isOpen onClose={onClose} busy={change.isPending}>
      <Form label="Change the plan" onSubmit={() => planId && change.mutate()} error={change.error} fields={[]}>
        <QueryView query={plans}>
          {(data) => {
            const others = data.pages.flatMap((page) => page.plans).filter((plan) => plan.id !== subscription.plan?.id);
            if (others.length === 0) return <p>There is no other plan on sale.</p>;
            return (
              <RadioGroup label="Another plan" value={planId} onChange={setPlanId}>
                {others.map((plan) => (
                  <Radio key={plan.id} value={plan.id} hint={plan.courses.map((one) => one.title).join(', ')}>
                    {plan.title}, {planPrice(plan)}
                  </Radio>
                ))}
              </RadioGroup>
            );
          }}
        </QueryView>
        <Preview id={subscription.id} planId={planId} />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={change.isPending}>
            Keep the plan
          </Button>
          <Button type="submit" look="primary" isPending={change.isPending} isDisabled={planId === ''}>
            Change it now
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function Preview({ id, planId }: { id: string; planId: string }) {
  const query = useQuery(planChangeQuery(id, planId));
  if (planId === '') return null;
  return (
    <QueryView query={query}>
      {(change) => (
        <div aria-live="polite">
          <dl className="facts facts-rows">
            <div className="fact">
              <dt>
                New plan until <Time at={change.periodEnd} style="date" />
              </dt>
              <dd>
                <Money value={change.charge} />
              </dd>
            </div>
            <div className="fact">
              <dt>Unused time of the old plan</dt>
              <dd>
                −<Money value={change.credit} />
              </dd>
            </div>
            <div className="fact">
              <dt>To pay now</dt>
              <dd>
                <Money value={change.dueNow} />
              </dd>
            </div>
            <div className="fact">
              <dt>Left in credit</dt>
              <dd>
                <Money value={change.creditLeft} />
              </dd>
            </div>
          </dl>
          <Notice tone="info">
            <p>The amounts are reckoned to this moment, and once more when you change.</p>
          </Notice>
        </div>
      )}
    </QueryView>
  );
}
