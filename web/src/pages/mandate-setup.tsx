/** A standing permission to charge: one that exists already, or a new one, and waiting until its payer has approved. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { confirmMandate, createMandate, mandateQuery, mandatesQuery } from '../api/mandates.ts';
import type { Mandate, Money as MoneyJson } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { backOffMs, pollAttemptsMax } from '../lib/interval.ts';
import { formatMoney } from '../lib/money.ts';
import { Badge, Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Radio, RadioGroup } from '../ui/fields.tsx';
import { toastProblem } from '../ui/toast.tsx';
import { QrCode } from './payment-wait.tsx';

/** `Card, up to ₹499.00 a charge`. */
export function mandateName(mandate: Mandate): string {
  const name = mandate.methodType === 'upi' ? `UPI AutoPay ${mandate.umn}` : 'Card';
  return mandate.amountMax ? `${name.trim()}, up to ${formatMoney(mandate.amountMax)} a charge` : name;
}

export function allows(mandate: Mandate, amount: MoneyJson): boolean {
  const most = mandate.amountMax;
  const isEnough =
    !most || (most.currency === amount.currency && BigInt(most.amountMinor) >= BigInt(amount.amountMinor));
  return mandate.status === 'active' && isEnough;
}

const newMethods = [
  { value: 'card.tok_ok', name: 'A new card', explains: 'Saved at once.', inrOnly: false },
  {
    value: 'card.tok_requires_3ds',
    name: 'A new card that asks you to approve',
    explains: 'The bank wants 3-D Secure: you approve or reject on its page.',
    inrOnly: false,
  },
  {
    value: 'upi.tok_requires_3ds',
    name: 'UPI AutoPay',
    explains: 'You approve the mandate in a simulated app of the payer.',
    inrOnly: true,
  },
  {
    value: 'card.tok_mandate_no_funds',
    name: 'A card without money',
    explains: 'Saved at once; every charge to it fails.',
    inrOnly: false,
  },
];

interface SetupProps {
  /** What one charge must be allowed to take. */
  amount: MoneyJson;
  /** Where the bank's page comes back to, with the mandate's id. */
  returnPath: (mandateId: string) => string;
  onChosen: (mandateId: string) => void;
}

export function MandateSetup({ amount, returnPath, onChosen }: SetupProps) {
  const mandates = useInfiniteQuery(mandatesQuery);
  const usable = mandates.data?.pages.flatMap((page) => page.mandates).filter((one) => allows(one, amount)) ?? [];
  const [picked, setPicked] = useState<string>();
  const value = picked ?? usable[0]?.id ?? newMethods[0]?.value ?? '';
  const navigate = useNavigate();
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: createMandate,
    onSuccess: async ({ mandate }) => {
      client.setQueryData(mandateQuery(mandate.id).queryKey, { mandate });
      await client.invalidateQueries({ queryKey: mandatesQuery.queryKey });
      if (mandate.nextAction?.type !== 'challenge') return onChosen(mandate.id);
      return navigate({
        to: '/sandbox/mandates/$mandateId',
        params: { mandateId: mandate.id },
        search: { return: returnPath(mandate.id) },
      });
    },
  });
  const submit = () => {
    const [type, token] = value.split('.');
    if (!token) return onChosen(value);
    return make.mutate({ method: { type: type === 'upi' ? 'upi' : 'card', token }, amountMax: amount });
  };
  return (
    <Form label="How it is paid" onSubmit={submit} error={make.error} fields={[]}>
      <div className="pay-head">
        <h2 className="section-title">How it is paid</h2>
        <Badge tone="warn" icon="info">
          Simulated: no money moves
        </Badge>
      </div>
      <RadioGroup label="Charge each period to" value={value} onChange={setPicked}>
        {usable.map((mandate) => (
          <Radio key={mandate.id} value={mandate.id} hint={since(mandate)}>
            {mandateName(mandate)}
          </Radio>
        ))}
        {newMethods
          .filter((one) => !one.inrOnly || amount.currency === 'INR')
          .map((one) => (
            <Radio key={one.value} value={one.value} hint={one.explains}>
              {one.name}
            </Radio>
          ))}
      </RadioGroup>
      <p className="offer-note">
        You allow charges of at most {formatMoney(amount)} each. You can end the permission at any time.
      </p>
      <Button type="submit" look="primary" wide isPending={make.isPending}>
        Use this
      </Button>
    </Form>
  );
}

function since(mandate: Mandate): string | undefined {
  return mandate.createdAt && `Yours since ${new Date(mandate.createdAt).toLocaleDateString('en-GB')}.`;
}

interface ChosenProps {
  mandateId: string;
  onOther: () => void;
  children: (mandate: Mandate) => React.ReactNode;
}

/** Shows `children` once the mandate is active; until then what its payer has to do. */
export function ChosenMandate({ mandateId, onOther, children }: ChosenProps) {
  const query = useQuery({
    ...mandateQuery(mandateId),
    refetchInterval: ({ state }) =>
      state.data?.mandate.status === 'pending' && state.dataUpdateCount < pollAttemptsMax
        ? backOffMs(state.dataUpdateCount)
        : false,
  });
  const mandate = query.data;
  const other = <Button onPress={onOther}>Choose another way</Button>;
  if (!mandate) return query.error ? other : null;
  if (mandate.status === 'active') {
    return (
      <>
        <p className="chosen-mandate">
          {mandateName(mandate)}{' '}
          <Button look="quiet" small onPress={onOther}>
            Change
          </Button>
        </p>
        {children(mandate)}
      </>
    );
  }
  if (mandate.status === 'pending') return <Approving mandate={mandate} />;
  return (
    <>
      <Notice tone="danger" title="This way to pay was not approved" live>
        <p>Nothing was charged. Choose another one.</p>
      </Notice>
      {other}
    </>
  );
}

function Approving({ mandate }: { mandate: Mandate }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const answer = useMutation({
    mutationFn: (response: 'approve' | 'reject') => confirmMandate(mandate.id, response),
    onSuccess: (data) => client.setQueryData(mandateQuery(mandate.id).queryKey, data),
    onError: toastProblem,
  });
  useEffect(() => () => void client.invalidateQueries({ queryKey: mandatesQuery.queryKey }), [client]);
  if (mandate.nextAction?.type === 'challenge') {
    const path = `${location.pathname}${location.search}`;
    return (
      <Button
        look="primary"
        wide
        onPress={() =>
          void navigate({
            to: '/sandbox/mandates/$mandateId',
            params: { mandateId: mandate.id },
            search: { return: path },
          })
        }
      >
        Go to the bank’s page
      </Button>
    );
  }
  return (
    <section className="wait" aria-label="Mandate">
      <div className="upi">
        {mandate.nextAction?.uri && <QrCode text={mandate.nextAction.uri} label="QR code of the UPI mandate" />}
        <div className="upi-text">
          <h3 className="section-title">Approve the mandate in a UPI app</h3>
          <p>{mandateName(mandate)}.</p>
          {mandate.nextAction?.expiresAt && (
            <p className="upi-left">
              Open until <Time at={mandate.nextAction.expiresAt} />
            </p>
          )}
        </div>
      </div>
      <div className="payer">
        <Badge tone="warn" icon="info">
          Simulated payer’s app
        </Badge>
        <p>There is no real app behind this code. Decide here what it would say.</p>
        <div className="button-row">
          <Button look="primary" isPending={answer.isPending} onPress={() => answer.mutate('approve')}>
            Approve
          </Button>
          <Button isDisabled={answer.isPending} onPress={() => answer.mutate('reject')}>
            Reject
          </Button>
        </div>
      </div>
    </section>
  );
}
