/** One plan: what it holds, what it costs, and subscribing to it in two steps: how it is paid, then yes. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { planQuery, subscribe } from '../api/subscriptions.ts';
import type { Plan } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { plural } from '../lib/words.ts';
import { Notice, PageHead } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Checkbox } from '../ui/fields.tsx';
import { QueryView, Skeleton } from '../ui/states.tsx';
import { ChosenMandate, MandateSetup } from './mandate-setup.tsx';
import { planPrice } from './plan-row.tsx';

const route = getRouteApi('/plans/$planId');

export function PlanPage() {
  const { planId } = route.useParams();
  const query = useQuery(planQuery(planId));
  useTitle(query.data?.title ?? 'Plan');
  return (
    <div className="page page-checkout">
      <QueryView query={query} skeleton={<Skeleton lines={6} label="Loading the plan" />}>
        {(plan) => <PlanView plan={plan} />}
      </QueryView>
    </div>
  );
}

function PlanView({ plan }: { plan: Plan }) {
  const me = useMe();
  return (
    <>
      <PageHead
        title={plan.title}
        lead={plan.trialDays > 0 ? `${plural(plan.trialDays, 'day')} free, then ${planPrice(plan)}.` : planPrice(plan)}
        crumbs={[{ label: 'Plans', link: { to: '/plans' } }, { label: plan.title }]}
      />
      <section className="receipt-part" aria-labelledby="courses-title">
        <h2 id="courses-title" className="section-title">
          Courses in it
        </h2>
        <ul className="list">
          {plan.courses.map((course) => (
            <li key={course.courseId} className="list-row">
              <Link to="/courses/$slug" params={{ slug: course.slug || course.courseId }} className="list-title">
                {course.title}
              </Link>
            </li>
          ))}
        </ul>
      </section>
      {plan.retired ? (
        <Notice tone="info">
          <p>This plan takes no new subscribers. Who has it goes on.</p>
        </Notice>
      ) : me.state === 'user' ? (
        <Subscribe plan={plan} />
      ) : me.isPending ? (
        <Skeleton lines={3} />
      ) : (
        <ButtonLink to="/sign-in" search={{ return: `/plans/${plan.id}` }} look="primary" wide>
          Sign in to subscribe
        </ButtonLink>
      )}
    </>
  );
}

function Subscribe({ plan }: { plan: Plan }) {
  const { mandate } = route.useSearch();
  const navigate = useNavigate();
  const choose = (mandateId: string | undefined) =>
    void navigate({
      to: '/plans/$planId',
      params: { planId: plan.id },
      search: mandateId ? { mandate: mandateId } : {},
      replace: true,
    });
  if (!plan.price) return null;
  if (!mandate) {
    return (
      <MandateSetup
        amount={plan.price}
        returnPath={(mandateId) => `/plans/${plan.id}?mandate=${mandateId}`}
        onChosen={choose}
      />
    );
  }
  return (
    <section className="pay" aria-label="Subscribe">
      <h2 className="section-title">How it is paid</h2>
      <ChosenMandate mandateId={mandate} onOther={() => choose(undefined)}>
        {() => <Confirm plan={plan} mandateId={mandate} />}
      </ChosenMandate>
    </section>
  );
}

function Confirm({ plan, mandateId }: { plan: Plan; mandateId: string }) {
  const [skipsTrial, setSkipsTrial] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const begin = useMutation({
    mutationFn: subscribe,
    onSuccess: async ({ subscription }) => {
      await client.invalidateQueries({ queryKey: ['subscriptions'] });
      await navigate({ to: '/subscriptions/$subscriptionId', params: { subscriptionId: subscription.id } });
    },
  });
  const hasTrial = plan.trialDays > 0 && !skipsTrial;
  return (
    <Form
      label="Subscribe"
      onSubmit={() => begin.mutate({ planId: plan.id, mandateId, ...(skipsTrial && { withoutTrial: true }) })}
      error={begin.error}
      fields={[]}
    >
      <p>
        {hasTrial
          ? `The courses open now. The first charge of ${planPrice(plan)} comes after ${plural(plan.trialDays, 'day')}, unless you cancel before. A trial is given once for each plan.`
          : `You are charged ${planPrice(plan)} from now on, until you cancel.`}
      </p>
      {plan.trialDays > 0 && (
        <Checkbox isSelected={skipsTrial} onChange={setSkipsTrial}>
          Skip the trial and pay from today
        </Checkbox>
      )}
      <Button type="submit" look="primary" wide isPending={begin.isPending}>
        {hasTrial ? 'Start the free trial' : 'Subscribe and pay'}
      </Button>
    </Form>
  );
}
