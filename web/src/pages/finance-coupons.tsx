import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type CouponFields, couponsQuery, createCoupon, withdrawCoupon } from '../api/coupons.ts';
import type { Coupon } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { parseAmount } from '../lib/money.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Money, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import { ActDialog, FinanceRoom, instantOf, ListPart, useAct } from './finance-desk.tsx';

export function FinanceCouponsPage() {
  const [making, setMaking] = useState(false);
  return (
    <FinanceRoom
      title="Coupons"
      lead="Discounts by a code. Orders placed with one keep their price when it ends."
      actions={<Button onPress={() => setMaking(true)}>Make a coupon</Button>}
    >
      <Coupons />
      {making && <CouponDialog onClose={() => setMaking(false)} />}
    </FinanceRoom>
  );
}

function Coupons() {
  const query = useInfiniteQuery(couponsQuery);
  const [ending, setEnding] = useState<Coupon>();
  const refresh = useRefreshCoupons();
  return (
    <>
      <ListPart
        query={query}
        rowsOf={(page) => page.coupons}
        caption="Coupons"
        columns={columnsWith(setEnding)}
        rowKey={(coupon) => coupon.id}
        icon="receipt"
        nothing="No coupons yet"
      />
      {ending && (
        <ActDialog
          title={`End the coupon ${ending.code}`}
          confirm="End the coupon"
          look="danger"
          act={() => withdrawCoupon(ending.id).then(refresh)}
          said="The coupon is ended."
          onClose={() => setEnding(undefined)}
        >
          <p>No new order can use it. It cannot be brought back.</p>
        </ActDialog>
      )}
    </>
  );
}

function useRefreshCoupons() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ['coupons'] });
}

function columnsWith(end: (coupon: Coupon) => void): readonly Column<Coupon>[] {
  return [
    { name: 'Code', render: (coupon) => <code>{coupon.code}</code> },
    { name: 'Takes off', render: (coupon) => <TakesOff coupon={coupon} /> },
    {
      name: 'For',
      render: (coupon) => (coupon.scope === 'all' ? 'Every course' : sentence(coupon.scope ?? '')),
    },
    { name: 'From', render: (coupon) => <Time at={coupon.validFrom} /> },
    { name: 'Until', render: (coupon) => (coupon.validUntil ? <Time at={coupon.validUntil} /> : 'Without an end') },
    {
      name: 'Uses',
      numeric: true,
      render: (coupon) => (coupon.usesMax === 0 ? coupon.uses : `${coupon.uses} of ${coupon.usesMax}`),
    },
    {
      name: 'State',
      render: (coupon) =>
        coupon.withdrawn ? (
          <Badge>Ended</Badge>
        ) : (
          <Button small aria-label={`End the coupon ${coupon.code}`} onPress={() => end(coupon)}>
            End
          </Button>
        ),
    },
  ];
}

function TakesOff({ coupon }: { coupon: Coupon }) {
  return coupon.amount ? <Money value={coupon.amount} /> : `${coupon.percentBasisPoints / 100} %`;
}

type Kind = 'percent' | 'amount';
const fields = ['code', 'percentBasisPoints', 'amount', 'amount.amountMinor', 'validUntil', 'usesMax'] as const;

function CouponDialog({ onClose }: { onClose: () => void }) {
  const [kind, setKind] = useState<Kind>('percent');
  const [wrong, setWrong] = useState<string>();
  const refresh = useRefreshCoupons();
  const make = useAct(createCoupon, 'The coupon can be used.', () => {
    void refresh();
    onClose();
  });
  const errorOf = (...names: (typeof fields)[number][]) =>
    names.map((name) => fieldError(make.error, name)).find((error) => error !== undefined);
  const submit = (values: Readonly<Record<string, string>>) => {
    const asked = read(kind, values);
    setWrong(asked ? undefined : kind === 'percent' ? 'Give a percentage up to 100.' : 'Give an amount in INR.');
    if (asked) make.mutate(asked);
  };
  return (
    <Dialog title="Make a coupon" isOpen onClose={onClose} busy={make.isPending}>
      <Form label="Make a coupon" onSubmit={submit} error={make.error} fields={fields}>
        <TextField
          label="Code"
          name="code"
          maxLength={40}
          hint="Letters, digits and hyphens, at least 3. It is for every course."
          error={errorOf('code')}
        />
        <RadioGroup
          label="Takes off"
          value={kind}
          onChange={(value) => setKind(value === 'amount' ? value : 'percent')}
        >
          <Radio value="percent">A part of the price</Radio>
          <Radio value="amount">An amount in INR</Radio>
        </RadioGroup>
        <TextField
          key={kind}
          label={kind === 'percent' ? 'Percent' : 'Amount in INR'}
          name="value"
          inputMode="decimal"
          error={wrong ?? errorOf('percentBasisPoints', 'amount', 'amount.amountMinor')}
        />
        <TextField label="Until (optional)" name="until" type="datetime-local" error={errorOf('validUntil')} />
        <TextField
          label="Uses at most (optional)"
          name="uses"
          inputMode="numeric"
          hint="Empty: without a limit."
          error={errorOf('usesMax')}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={make.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={make.isPending}>
            Make the coupon
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

const basisPointsMax = 10_000n;

/** Undefined when the percentage or the amount is none. Two decimals of a percent are basis points. */
function read(kind: Kind, values: Readonly<Record<string, string>>): CouponFields | undefined {
  const value = parseAmount(values.value ?? '', 'INR');
  if (value === undefined || value <= 0n || (kind === 'percent' && value > basisPointsMax)) return undefined;
  const validUntil = instantOf(values.until);
  return {
    code: values.code?.trim() ?? '',
    scope: 'all',
    ...(kind === 'percent'
      ? { percentBasisPoints: Number(value) }
      : { amount: { currency: 'INR', amountMinor: value.toString() } }),
    ...(validUntil && { validUntil }),
    usesMax: Number.parseInt(values.uses ?? '', 10) || 0,
  };
}
