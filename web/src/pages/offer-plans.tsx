import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { createPlan, plansQuery, retirePlan } from '../api/subscriptions.ts';
import type { Course, Plan } from '../api/types.ts';
import { fieldError } from '../forms/form.tsx';
import { Button } from '../ui/button.tsx';
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { CourseChoice, currencyOf, moneyOf, OfferDialog } from './offer-parts.tsx';
import { planPrice } from './plan-row.tsx';

export function PlanOffers({ courses }: { courses: readonly Course[] }) {
  const query = useInfiniteQuery(plansQuery());
  const [making, setMaking] = useState(false);
  const mine = new Set(courses.map((course) => course.id));
  return (
    <div className="receipt-part">
      <div>
        <Button look="primary" onPress={() => setMaking(true)}>
          New plan
        </Button>
      </div>
      <QueryView query={query}>
        {(data) => {
          const plans = data.pages
            .flatMap((page) => page.plans)
            .filter((plan) => plan.courses.every((course) => mine.has(course.courseId)));
          if (plans.length === 0) return <EmptyState icon="refund" title="No plans of your courses on sale" />;
          return (
            <ul className="list">
              {plans.map((plan) => (
                <OwnPlan key={plan.id} plan={plan} />
              ))}
            </ul>
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Look through older plans
        </Button>
      )}
      {making && <NewPlan courses={courses} onClose={() => setMaking(false)} />}
    </div>
  );
}

function OwnPlan({ plan }: { plan: Plan }) {
  const client = useQueryClient();
  const retire = useMutation({
    mutationFn: () => retirePlan(plan.id),
    onSuccess: () => client.invalidateQueries({ queryKey: ['plans'] }),
    onError: toastProblem,
  });
  return (
    <li className="list-row">
      <div className="list-main">
        <span className="list-title">{plan.title}</span>
        <span className="list-note">
          {plan.courses.map((course) => course.title).join(', ')}
          {plan.trialDays > 0 && `; ${plan.trialDays} days free`}
        </span>
      </div>
      <span className="tabular">{planPrice(plan)}</span>
      <Button
        small
        aria-label={`Take off sale: ${plan.title}`}
        isPending={retire.isPending}
        onPress={() => retire.mutate()}
      >
        Take off sale
      </Button>
    </li>
  );
}

function NewPlan({ courses, onClose }: { courses: readonly Course[]; onClose: () => void }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const [interval, setInterval] = useState('month');
  const client = useQueryClient();
  const currency = currencyOf(courses, chosen);
  const make = useMutation({
    mutationFn: createPlan,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['plans'] });
      toast('The plan is on sale.');
      onClose();
    },
  });
  const submit = (values: Readonly<Record<string, string>>) =>
    make.mutate({
      title: (values.title ?? '').trim(),
      price: moneyOf(values.price, currency) ?? { currency, amountMinor: '0' },
      interval: interval === 'year' ? 'year' : 'month',
      trialDays: Number(values.trialDays) || 0,
      courses: chosen.map((courseId) => ({ courseId })),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    });
  return (
    <OfferDialog
      title="New plan"
      submitLabel="Put it on sale"
      mutation={make}
      fields={['title', 'price', 'price.amountMinor', 'trialDays', 'courses']}
      isReady={chosen.length > 0}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField label="Title" name="title" maxLength={120} isRequired error={fieldError(make.error, 'title')} />
      <CourseChoice courses={courses} chosen={chosen} onChange={setChosen} error={make.error} />
      <RadioGroup label="Charged every" value={interval} onChange={setInterval} orientation="horizontal">
        <Radio value="month">Month</Radio>
        <Radio value="year">Year</Radio>
      </RadioGroup>
      <div className="field-row">
        <TextField
          label={`Price in ${currency}`}
          name="price"
          inputMode="decimal"
          isRequired
          error={fieldError(make.error, 'price') ?? fieldError(make.error, 'price.amountMinor')}
        />
        <TextField
          label="Days free at the start"
          name="trialDays"
          inputMode="numeric"
          hint="Empty: none."
          error={fieldError(make.error, 'trialDays')}
        />
      </div>
    </OfferDialog>
  );
}
