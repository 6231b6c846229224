import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type CouponFields, couponsQuery, createCoupon, withdrawCoupon } from '../api/coupons.ts';
import type { Coupon, Course } from '../api/types.ts';
import { fieldError } from '../forms/form.tsx';
import { formatMoney } from '../lib/money.ts';
import { Badge, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { CourseChoice, currencyOf, moneyOf, OfferDialog } from './offer-parts.tsx';

export function CouponOffers({ courses }: { courses: readonly Course[] }) {
  const query = useInfiniteQuery(couponsQuery);
  const [making, setMaking] = useState(false);
  return (
    <div className="receipt-part">
      <div>
        <Button look="primary" onPress={() => setMaking(true)}>
          New coupon
        </Button>
      </div>
      <QueryView query={query}>
        {(data) => <CouponTable coupons={data.pages.flatMap((page) => page.coupons)} />}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older coupons
        </Button>
      )}
      {making && <NewCoupon courses={courses} onClose={() => setMaking(false)} />}
    </div>
  );
}

const columns: readonly Column<Coupon>[] = [
  { name: 'Code', render: (one) => <strong>{one.code}</strong> },
  {
    name: 'Takes off',
    numeric: true,
    render: (one) => (one.amount ? formatMoney(one.amount) : `${one.percentBasisPoints / 100} %`),
  },
  {
    name: 'For',
    render: (one) => (one.scope === 'courses' ? `${one.courseIds.length} of your courses` : 'All your courses'),
  },
  { name: 'Until', render: (one) => (one.validUntil ? <Time at={one.validUntil} /> : 'No end') },
  {
    name: 'Used',
    numeric: true,
    render: (one) => (one.usesMax > 0 ? `${one.uses} of ${one.usesMax}` : one.uses),
  },
  { name: 'State', render: (one) => <End coupon={one} /> },
];

function CouponTable({ coupons }: { coupons: readonly Coupon[] }) {
  if (coupons.length === 0) {
    return (
      <EmptyState icon="receipt" title="No coupons yet">
        <p>What a coupon takes off lowers your share and the platform’s fee alike.</p>
      </EmptyState>
    );
  }
  return <Table caption="Your coupons" columns={columns} rows={coupons} rowKey={(one) => one.id} />;
}

function End({ coupon }: { coupon: Coupon }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => withdrawCoupon(coupon.id),
    onSuccess: () => client.invalidateQueries({ queryKey: couponsQuery.queryKey }),
    onError: toastProblem,
  });
  if (coupon.withdrawn) return <Badge>Ended</Badge>;
  return (
    <Button
      small
      aria-label={`End it: the coupon ${coupon.code}`}
      isPending={end.isPending}
      onPress={() => end.mutate()}
    >
      End it
    </Button>
  );
}

function NewCoupon({ courses, onClose }: { courses: readonly Course[]; onClose: () => void }) {
  const [kind, setKind] = useState('percent');
  const [scope, setScope] = useState('instructor');
  const [chosen, setChosen] = useState<string[]>([]);
  const client = useQueryClient();
  const currency = currencyOf(courses, chosen);
  const make = useMutation({
    mutationFn: createCoupon,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: couponsQuery.queryKey });
      toast('The coupon can be used from now on.');
      onClose();
    },
  });
  const submit = (values: Readonly<Record<string, string>>) => {
    const amount = moneyOf(values.off, currency);
    const percentBasisPoints = Number(moneyOf(values.off, 'INR')?.amountMinor ?? 0);
    const body: CouponFields = {
      code: (values.code ?? '').trim(),
      scope: scope === 'courses' ? 'courses' : 'instructor',
      ...(kind === 'percent' ? { percentBasisPoints } : amount && { amount }),
      ...(scope === 'courses' && { courseIds: chosen }),
      ...(values.validUntil && { validUntil: new Date(values.validUntil).toISOString() }),
      usesMax: Number(values.usesMax) || 0,
      usesPerBuyerMax: Number(values.usesPerBuyerMax) || 0,
    };
    make.mutate(body);
  };
  const error = (field: string) => fieldError(make.error, field);
  return (
    <OfferDialog
      title="New coupon"
      submitLabel="Make the coupon"
      mutation={make}
      fields={['code', 'amount', 'percentBasisPoints', 'validUntil', 'usesMax', 'usesPerBuyerMax', 'courseIds']}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField
        label="Code"
        name="code"
        autoComplete="off"
        maxLength={40}
        isRequired
        hint="Letters, digits and hyphens, as SPRING-25."
        error={error('code')}
      />
      <RadioGroup label="Takes off" value={kind} onChange={setKind} orientation="horizontal">
        <Radio value="percent">Percent</Radio>
        <Radio value="amount">An amount</Radio>
      </RadioGroup>
      <TextField
        label={kind === 'percent' ? 'Percent off' : `Amount off in ${currency}`}
        name="off"
        inputMode="decimal"
        isRequired
        error={error('amount') ?? error('percentBasisPoints') ?? error('amount.amountMinor')}
      />
      <RadioGroup label="For" value={scope} onChange={setScope}>
        <Radio value="instructor">All your courses</Radio>
        <Radio value="courses">Some of them</Radio>
      </RadioGroup>
      {scope === 'courses' && (
        <CourseChoice courses={courses} chosen={chosen} onChange={setChosen} error={make.error} />
      )}
      <TextField
        label="Until"
        name="validUntil"
        type="datetime-local"
        hint="In your time zone. Left empty it has no end."
        error={error('validUntil')}
      />
      <div className="field-row">
        <TextField
          label="Uses in all"
          name="usesMax"
          inputMode="numeric"
          hint="Empty: no limit."
          error={error('usesMax')}
        />
        <TextField
          label="Uses for each buyer"
          name="usesPerBuyerMax"
          inputMode="numeric"
          hint="Empty: no limit."
          error={error('usesPerBuyerMax')}
        />
      </div>
    </OfferDialog>
  );
}
