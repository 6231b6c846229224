import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { WebhookDelivery, WebhookDeliveryStatus, WebhookEndpoint, WebhookTry } from '../api/types.ts';
import {
  deleteEndpoint,
  deliveriesQuery,
  deliveryQuery,
  disableEndpoint,
  enableEndpoint,
  endpointQuery,
  replayDelivery,
  rotateSecret,
  testEndpoint,
} from '../api/webhooks.ts';
import { sentence } from '../lib/words.ts';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import {
  ActButton,
  ActDialog,
  Facts,
  FilterChips,
  FinanceRoom,
  ListPart,
  oneOf,
  Part,
  StateBadge,
} from './finance-desk.tsx';
import { SecretDialog } from './finance-webhooks.tsx';

const route = getRouteApi('/finance/webhooks/$endpointId');
const statuses: readonly WebhookDeliveryStatus[] = ['pending', 'delivered', 'failed'];

export function FinanceWebhookPage() {
  return (
    <FinanceRoom
      title="One address"
      crumbs={[{ label: 'Webhooks', link: { to: '/finance/webhooks' } }, { label: 'One address' }]}
    >
      <OneEndpoint />
    </FinanceRoom>
  );
}

function OneEndpoint() {
  const { endpointId } = route.useParams();
  const query = useQuery(endpointQuery(endpointId));
  return (
    <QueryView query={query}>
      {(endpoint) => (
        <>
          <Facts
            items={[
              [
                'Address',
                <span key="url" className="breaking">
                  {endpoint.url}
                </span>,
              ],
              ['State', <StateBadge key="state" state={endpoint.status} />],
              ['Switched off because', endpoint.disabledBecause ? sentence(endpoint.disabledBecause) : '–'],
              ['What for', endpoint.description || '–'],
              ['Events', endpoint.eventTypes.length === 0 ? 'All' : endpoint.eventTypes.join(', ')],
              ['Failing since', <Time key="failing" at={endpoint.failingSince} />],
              ['Added', <Time key="added" at={endpoint.createdAt} />],
            ]}
          />
          <EndpointActs endpoint={endpoint} />
          <Deliveries endpoint={endpoint} />
        </>
      )}
    </QueryView>
  );
}

function EndpointActs({ endpoint }: { endpoint: WebhookEndpoint }) {
  const navigate = useNavigate();
  const [doing, setDoing] = useState<'rotate' | 'delete'>();
  const [secret, setSecret] = useState<string>();
  const isOn = endpoint.status === 'enabled';
  return (
    <div className="button-row">
      {isOn && (
        <ActButton act={() => testEndpoint(endpoint.id)} said="A test event is on its way.">
          Send a test event
        </ActButton>
      )}
      {isOn ? (
        <ActButton act={() => disableEndpoint(endpoint.id)} said="Nothing is sent to it for now.">
          Switch it off
        </ActButton>
      ) : (
        <ActButton act={() => enableEndpoint(endpoint.id)} said="Events are sent to it again.">
          Switch it on
        </ActButton>
      )}
      <Button onPress={() => setDoing('rotate')}>Replace the secret</Button>
      <Button look="danger" onPress={() => setDoing('delete')}>
        Delete
      </Button>
      {doing === 'rotate' && (
        <ActDialog
          title="Replace the secret"
          confirm="Replace it"
          act={() => rotateSecret(endpoint.id).then((answer) => setSecret(answer.secret))}
          said="There is a new secret."
          onClose={() => setDoing(undefined)}
        >
          <p>The secret before signs along for 24 hours, so that the receiver can change over.</p>
        </ActDialog>
      )}
      {doing === 'delete' && (
        <ActDialog
          title="Delete this address"
          confirm="Delete"
          look="danger"
          act={() => deleteEndpoint(endpoint.id).then(() => navigate({ to: '/finance/webhooks' }))}
          said="The address is deleted."
          onClose={() => setDoing(undefined)}
        >
          <p>Nothing is sent to it any more, and its deliveries are forgotten.</p>
        </ActDialog>
      )}
      {secret !== undefined && <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />}
    </div>
  );
}

/** A delivery is tried at once, and again later when it was not taken. */
const refreshMs = 5_000;

function Deliveries({ endpoint }: { endpoint: WebhookEndpoint }) {
  const status = oneOf(statuses, route.useSearch().status);
  const query = useInfiniteQuery({ ...deliveriesQuery(endpoint.id, { status }), refetchInterval: refreshMs });
  const [shown, setShown] = useState<WebhookDelivery>();
  return (
    <Part title="Deliveries">
      <FilterChips
        label="Filter deliveries by state"
        value={status}
        values={statuses}
        placeOf={(value) => ({
          to: '/finance/webhooks/$endpointId',
          params: { endpointId: endpoint.id },
          search: { status: value },
        })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.deliveries}
        caption="Deliveries"
        columns={deliveryColumns(setShown)}
        rowKey={(delivery) => delivery.id}
        icon="mail"
        nothing="Nothing was sent yet"
      />
      {shown && <DeliveryDialog delivery={shown} onClose={() => setShown(undefined)} />}
    </Part>
  );
}

function deliveryColumns(show: (delivery: WebhookDelivery) => void): readonly Column<WebhookDelivery>[] {
  return [
    { name: 'Event', render: (one) => <code>{one.eventType}</code> },
    { name: 'When', render: (one) => <Time at={one.createdAt} /> },
    { name: 'State', render: (one) => <StateBadge state={one.status} /> },
    { name: 'Tries', numeric: true, render: (one) => one.tries },
    { name: 'Last answer', render: (one) => (one.lastTry ? answerOf(one.lastTry) : '–') },
    { name: 'Next try', render: (one) => <Time at={one.nextTryAt} /> },
    {
      name: 'Do',
      render: (one) => (
        <span className="button-row">
          <Button small aria-label={`Show ${one.eventType} ${one.eventId}`} onPress={() => show(one)}>
            Show
          </Button>
          <ActButton
            small
            act={() => replayDelivery(one.id)}
            said="The event is sent again."
            label={`Send again: ${one.eventType} ${one.eventId}`}
          >
            Send again
          </ActButton>
        </span>
      ),
    },
  ];
}

const answerOf = (one: WebhookTry) =>
  [one.httpStatus > 0 ? String(one.httpStatus) : '', one.problem && sentence(one.problem)].filter(Boolean).join(', ');

function DeliveryDialog({ delivery, onClose }: { delivery: WebhookDelivery; onClose: () => void }) {
  const query = useQuery(deliveryQuery(delivery.id));
  return (
    <Dialog title={delivery.eventType} isOpen onClose={onClose}>
      <QueryView query={query}>
        {({ body, tries }) => (
          <div className="form">
            <pre className="panel breaking">{body}</pre>
            <Table caption="Tries" columns={tryColumns} rows={tries} rowKey={(one) => `${one.at}.${one.httpStatus}`} />
          </div>
        )}
      </QueryView>
    </Dialog>
  );
}

const tryColumns: readonly Column<WebhookTry>[] = [
  { name: 'When', render: (one) => <Time at={one.at} /> },
  { name: 'Answer', render: answerOf },
  { name: 'Took', numeric: true, render: (one) => `${one.durationMs} ms` },
];
