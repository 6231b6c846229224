import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { createMonitor, type MonitorAsked, monitorsQuery } from '../api/ledger-desk.ts';
import type { Monitor, MonitorDirection } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { readLimits } from '../lib/account-limits.ts';
import { parseAmount } from '../lib/money.ts';
import { Badge } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import { FinanceRoom, ListPart, Minor, useAct } from './finance-desk.tsx';

export function FinanceMonitorsPage() {
  const [adding, setAdding] = useState(false);
  const query = useInfiniteQuery(monitorsQuery);
  return (
    <FinanceRoom
      title="Balance monitors"
      lead="Each watches one account. A crossing is told once, as an event of the ledger, and shows here until the balance is back."
      actions={<Button onPress={() => setAdding(true)}>Watch an account</Button>}
    >
      <ListPart
        query={query}
        rowsOf={(page) => page.monitors}
        caption="Balance monitors"
        columns={columns}
        rowKey={(one) => one.id}
        icon="bell"
        nothing="No account is watched"
      >
        <p>Watch the bank account, for example, so that it never falls below what payouts need.</p>
      </ListPart>
      {adding && <MonitorDialog onClose={() => setAdding(false)} />}
    </FinanceRoom>
  );
}

const columns: readonly Column<Monitor>[] = [
  {
    name: 'Account',
    render: (one) => (
      <Link
        to="/finance/accounts/$code/$currency"
        params={{ code: one.account, currency: one.currency }}
        search={{ from: undefined, until: undefined, basis: undefined }}
      >
        {one.account}, {one.currency}
      </Link>
    ),
  },
  { name: 'Tells when it is', render: (one) => (one.direction === 'above' ? 'Above' : 'Below') },
  { name: 'Threshold', numeric: true, render: (one) => <Minor currency={one.currency} minor={one.thresholdMinor} /> },
  {
    name: 'Tells again after coming back by',
    numeric: true,
    render: (one) => <Minor currency={one.currency} minor={one.hysteresisMinor} />,
  },
  {
    name: 'State',
    render: (one) => <Badge tone={one.crossed ? 'warn' : 'good'}>{one.crossed ? 'Crossed' : 'As it should be'}</Badge>,
  },
];

type Wrong = Readonly<Record<'threshold' | 'hysteresis', string | undefined>>;

function MonitorDialog({ onClose }: { onClose: () => void }) {
  const [direction, setDirection] = useState<MonitorDirection>('below');
  const [wrong, setWrong] = useState<Wrong>();
  const make = useAct(createMonitor, 'The account is watched.', onClose);
  const submit = (values: Readonly<Record<string, string>>) => {
    const asked = read(direction, values);
    setWrong('account' in asked ? undefined : asked);
    if ('account' in asked) make.mutate(asked);
  };
  const fields = ['account', 'currency', 'thresholdMinor', 'hysteresisMinor'];
  return (
    <Dialog title="Watch an account" isOpen onClose={onClose} busy={make.isPending}>
      <Form label="Watch an account" onSubmit={submit} error={make.error} fields={fields}>
        <div className="field-row">
          <TextField
            label="Account"
            name="account"
            maxLength={100}
            hint="Its code, e.g. 1000."
            error={fieldError(make.error, 'account')}
          />
          <TextField
            label="Currency"
            name="currency"
            defaultValue="INR"
            maxLength={3}
            error={fieldError(make.error, 'currency')}
          />
        </div>
        <RadioGroup
          label="Tell when the balance is"
          value={direction}
          onChange={(value) => setDirection(value === 'above' ? 'above' : 'below')}
        >
          <Radio value="below">Below the threshold</Radio>
          <Radio value="above">Above the threshold</Radio>
        </RadioGroup>
        <TextField
          label="Threshold"
          name="threshold"
          hint="On the account’s normal side; a minus is the other side."
          error={wrong?.threshold ?? fieldError(make.error, 'thresholdMinor')}
        />
        <TextField
          label="Comes back by"
          name="hysteresis"
          inputMode="decimal"
          defaultValue="0"
          hint="So much beyond the threshold before it can tell again; it keeps a balance at the edge from telling all day."
          error={wrong?.hysteresis ?? fieldError(make.error, 'hysteresisMinor')}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={make.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={make.isPending}>
            Watch it
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

/** What is wrong with the amounts, or what is asked for. */
function read(direction: MonitorDirection, values: Readonly<Record<string, string>>): MonitorAsked | Wrong {
  const currency = values.currency?.trim().toUpperCase() ?? '';
  const threshold = readLimits(values.threshold ?? '', '', currency);
  const thresholdMinor = 'limits' in threshold ? threshold.limits.balanceMinMinor : undefined;
  const hysteresis = parseAmount(values.hysteresis ?? '', currency);
  if (thresholdMinor === undefined || hysteresis === undefined) {
    const say = `Give an amount in ${currency || 'the currency'}.`;
    return {
      threshold: thresholdMinor === undefined ? say : undefined,
      hysteresis: hysteresis === undefined ? say : undefined,
    };
  }
  return {
    account: values.account?.trim() ?? '',
    currency,
    direction,
    thresholdMinor,
    hysteresisMinor: hysteresis.toString(),
  };
}
