import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { providersQuery, routingDecisionsQuery, routingRulesQuery } from '../api/routing.ts';
import type { Provider, ProviderRate, RouteRule, RoutingDecision, RoutingRules } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { ruleThen, ruleWhen, strategyWords } from '../lib/routing-draft.ts';
import { plural, sentence } from '../lib/words.ts';
import { Badge, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Facts, FinanceRoom, ListPart, Part, Simulated } from './finance-desk.tsx';
import { RoutingEditor } from './finance-routing-editor.tsx';

const route = getRouteApi('/finance/routing');

export function FinanceRoutingPage() {
  return (
    <FinanceRoom title="Routing" lead="Which provider takes a payment, how the providers do, and why each was chosen.">
      <Providers />
      <Rules />
      <Decisions />
    </FinanceRoom>
  );
}

function Providers() {
  const query = useQuery(providersQuery);
  return (
    <Part title="Providers">
      <p className="list-note">
        How they do is of the last six hours, at most the last hundred payments of each method. Their keys and secrets
        are in the settings of the platform and are shown nowhere.
      </p>
      <QueryView query={query}>
        {(providers) => (
          <Table caption="Providers" columns={providerColumns} rows={providers} rowKey={(one) => one.name} />
        )}
      </QueryView>
    </Part>
  );
}

const methodWords = { card: 'Card', upi: 'UPI' } as const;
/** More would be a list nobody reads. */
const currenciesShownMax = 8;

const providerColumns: readonly Column<Provider>[] = [
  {
    name: 'Provider',
    render: (one) => (
      <span className="badge-row">
        <strong>{sentence(one.name)}</strong>
        {one.simulated && <Simulated />}
      </span>
    ),
  },
  { name: 'How it does', render: (one) => <Health rates={one.rates} /> },
  { name: 'Succeeded', numeric: true, render: (one) => total(one.rates).succeeded },
  { name: 'Failed', numeric: true, render: (one) => total(one.rates).failed },
  { name: 'Takes', render: (one) => one.methods.map((method) => methodWords[method]).join(', ') },
  {
    name: 'Currencies',
    render: ({ currencies }) => {
      if (currencies.length === 0) return 'All';
      const shown = currencies.slice(0, currenciesShownMax).join(', ');
      const more = currencies.length - currenciesShownMax;
      return more > 0 ? <span title={currencies.join(', ')}>{`${shown} and ${more} more`}</span> : shown;
    },
  },
  {
    name: 'Can also',
    wide: true,
    render: (one) =>
      [
        one.manualCapture && 'capture later',
        one.multipleCapture && 'capture in parts',
        one.mandates && 'charge by mandate',
      ]
        .filter(Boolean)
        .join(', ') || '–',
  },
];

function total(rates: readonly ProviderRate[]): { succeeded: number; failed: number } {
  return {
    succeeded: rates.reduce((sum, rate) => sum + rate.succeeded, 0),
    failed: rates.reduce((sum, rate) => sum + rate.failed, 0),
  };
}

/** Below so many outcomes the platform itself does not go by the rate. */
const outcomesMin = 10;

function Health({ rates }: { rates: readonly ProviderRate[] }) {
  const { succeeded, failed } = total(rates);
  const count = succeeded + failed;
  if (count === 0) return <Badge>No payments of late</Badge>;
  const percent = Math.round((100 * succeeded) / count);
  const text = `${percent} % of ${count}`;
  if (count < outcomesMin) return <Badge>{`${text}, too few to go by`}</Badge>;
  return <Badge tone={percent >= 80 ? 'good' : percent >= 50 ? 'warn' : 'danger'}>{text}</Badge>;
}

function Rules() {
  const query = useQuery(routingRulesQuery);
  const [editing, setEditing] = useState<RoutingRules>();
  // Somebody else may have put theirs in force meanwhile.
  const end = () => {
    setEditing(undefined);
    void query.refetch();
  };
  return (
    <Part
      title="Rules"
      actions={
        query.data &&
        !editing && (
          <Button small onPress={() => setEditing(query.data)}>
            Change the rules
          </Button>
        )
      }
    >
      {editing ? (
        <RoutingEditor inForce={editing} onEnd={end} />
      ) : (
        <QueryView query={query}>{(rules) => <RulesView rules={rules} />}</QueryView>
      )}
    </Part>
  );
}

function RulesView({ rules }: { rules: RoutingRules }) {
  return (
    <>
      <Facts
        items={[
          ['Version', rules.version === 0 ? 'None set yet' : rules.version],
          ['In force since', rules.setAt ? <Time key="since" at={rules.setAt} /> : 'The beginning'],
          ['Without a rule', rules.fallback.map(sentence).join(', then ') || 'Nobody'],
          ['Attempts for one request', plural(rules.triesMax, 'provider')],
          ['Goes on asking all with', `${rules.explorationPercent} %`],
          ['Leaves out below', `${rules.eliminationBelowPercent} % success`],
        ]}
      />
      {rules.rules.length === 0 ? (
        <p>No rules: every payment goes to the providers in the order above.</p>
      ) : (
        <Table caption="Routing rules" columns={ruleColumns} rows={rules.rules} rowKey={(rule) => rule.name} />
      )}
    </>
  );
}

const ruleColumns: readonly Column<RouteRule>[] = [
  { name: 'Rule', render: (rule) => <code>{rule.name}</code> },
  { name: 'For', render: ruleWhen },
  { name: 'How', wide: true, render: (rule) => (rule.strategy ? strategyWords[rule.strategy] : '–') },
  { name: 'Who', wide: true, render: (rule) => ruleThen(rule, sentence) },
];

const becauseWords: Readonly<Record<string, string>> = {
  fixed: 'First in the rule’s order',
  split: 'By its share',
  explored: 'To find out how it does',
  best_rate: 'Best of late',
  least_cost: 'Cheapest',
  fallback: 'No rule fitted',
  retry: 'The one before failed on the way',
};

function Decisions() {
  const { order } = route.useSearch();
  const query = useInfiniteQuery(routingDecisionsQuery({ orderId: order }));
  return (
    <Part title="Decisions">
      <OrderForm />
      <ListPart
        query={query}
        rowsOf={(page) => page.decisions}
        caption="Routing decisions"
        columns={decisionColumns}
        rowKey={(one) => one.id}
        icon="arrowRight"
        nothing="No decisions here"
      >
        <p>One is kept for every attempt at a provider.</p>
      </ListPart>
    </Part>
  );
}

function OrderForm() {
  const { order } = route.useSearch();
  const navigate = useNavigate();
  const submit = (values: Readonly<Record<string, string>>) =>
    void navigate({ to: '/finance/routing', search: { order: values.order?.trim() || undefined } });
  return (
    <div className="filter-form">
      <Form key={order} label="Decisions of one order" onSubmit={submit} error={undefined} fields={[]}>
        <TextField label="Order id" name="order" defaultValue={order ?? ''} maxLength={64} />
        <Button type="submit">Filter</Button>
        {order && (
          <ButtonLink to="/finance/routing" search={{ order: undefined }} look="quiet">
            Of all orders
          </ButtonLink>
        )}
      </Form>
    </div>
  );
}

const decisionColumns: readonly Column<RoutingDecision>[] = [
  { name: 'When', render: (one) => <Time at={one.at} /> },
  {
    name: 'Provider',
    render: (one) => (
      <>
        {sentence(one.provider)}
        {one.try > 1 && <span className="list-note list-note-below">attempt {one.try}</span>}
      </>
    ),
  },
  {
    name: 'Because',
    wide: true,
    render: (one) => (
      <>
        {becauseWords[one.because] ?? sentence(one.because)}
        <span className="list-note list-note-below">
          {one.rule === 'fallback' ? 'no rule' : `rule ${one.rule}`}, version {one.rulesVersion}
        </span>
      </>
    ),
  },
  { name: 'In this order', wide: true, render: (one) => one.candidates.map(sentence).join(', ') },
  { name: 'Left out', wide: true, render: (one) => one.leftOut.map(leftOutWords).join('; ') || 'Nobody' },
  {
    name: 'Order',
    render: (one) => (
      <Link to="/finance/orders/$orderId" params={{ orderId: one.orderId }}>
        The order’s money
      </Link>
    ),
  },
];

const reasonWords: Readonly<Record<string, string>> = {
  below_floor: 'too many failures of late',
  currency: 'does not take this currency',
  method: 'does not take this method',
  amount: 'does not take this amount',
  token: 'the token is not its own',
};

/** `<provider>: below_floor` as a sentence. */
function leftOutWords(text: string): string {
  const [provider = '', reason = ''] = text.split(': ');
  return `${sentence(provider)}: ${reasonWords[reason] ?? reason.replaceAll('_', ' ')}`;
}
