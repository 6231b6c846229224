import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { WebhookEndpoint } from '../api/types.ts';
import { createEndpoint, endpointsQuery } from '../api/webhooks.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { plural, sentence } from '../lib/words.ts';
import { Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox, TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import { FinanceRoom, ListPart, StateBadge, useAct } from './finance-desk.tsx';

export function FinanceWebhooksPage() {
  return (
    <FinanceRoom
      title="Webhooks"
      lead="What happens here, told to other systems by signed requests (Standard Webhooks)."
    >
      <Endpoints />
    </FinanceRoom>
  );
}

function Endpoints() {
  const query = useInfiniteQuery(endpointsQuery);
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState<string>();
  return (
    <>
      <div className="button-row">
        <Button onPress={() => setAdding(true)}>Add an address</Button>
      </div>
      <ListPart
        query={query}
        rowsOf={(page) => page.endpoints}
        caption="Addresses"
        columns={columns}
        rowKey={(endpoint) => endpoint.id}
        icon="mail"
        nothing="No address is told anything yet"
      />
      {adding && (
        <AddDialog
          types={query.data?.pages[0]?.knownEventTypes ?? []}
          onMade={setSecret}
          onClose={() => setAdding(false)}
        />
      )}
      {secret !== undefined && <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />}
    </>
  );
}

const columns: readonly Column<WebhookEndpoint>[] = [
  {
    name: 'Address',
    render: (one) => (
      <Link to="/finance/webhooks/$endpointId" params={{ endpointId: one.id }} search={{ status: undefined }}>
        {one.url}
      </Link>
    ),
  },
  { name: 'What for', render: (one) => one.description || '–' },
  {
    name: 'Events',
    render: (one) => (one.eventTypes.length === 0 ? 'All' : plural(one.eventTypes.length, 'type')),
  },
  {
    name: 'State',
    render: (one) => (
      <>
        <StateBadge state={one.status} />
        {one.disabledBecause && <span className="list-note list-note-below">{sentence(one.disabledBecause)}</span>}
      </>
    ),
  },
  { name: 'Failing since', render: (one) => <Time at={one.failingSince} /> },
  { name: 'Added', render: (one) => <Time at={one.createdAt} style="date" /> },
];

interface AddDialogProps {
  types: readonly string[];
  onMade: (secret: string) => void;
  onClose: () => void;
}

function AddDialog({ types, onMade, onClose }: AddDialogProps) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const add = useAct(createEndpoint, 'The address is added.', (answer) => {
    onClose();
    onMade(answer.secret);
  });
  const toggle = (type: string, on: boolean) =>
    setChosen((old) => new Set(on ? [...old, type] : [...old].filter((one) => one !== type)));
  const submit = (values: Readonly<Record<string, string>>) =>
    add.mutate({
      url: values.url?.trim() ?? '',
      description: values.description?.trim() ?? '',
      eventTypes: [...chosen],
    });
  return (
    <Dialog title="Add an address" isOpen onClose={onClose} busy={add.isPending}>
      <Form label="Add an address" onSubmit={submit} error={add.error} fields={['url', 'description']}>
        <TextField
          label="Address"
          name="url"
          type="url"
          maxLength={500}
          placeholder="https://"
          hint="https, and reachable from the internet."
          error={fieldError(add.error, 'url')}
        />
        <TextField
          label="What for (optional)"
          name="description"
          maxLength={200}
          error={fieldError(add.error, 'description')}
        />
        <fieldset className="choices choices-many">
          <legend className="field-label">Events (none chosen: all)</legend>
          {types.map((type) => (
            <Checkbox key={type} isSelected={chosen.has(type)} onChange={(on) => toggle(type, on)}>
              {type}
            </Checkbox>
          ))}
        </fieldset>
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={add.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={add.isPending}>
            Add the address
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

/** The one time that a secret is seen. */
export function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog title="The signing secret" isOpen onClose={onClose} busy>
      <div className="form">
        <Notice tone="warn" title="It is shown this once">
          <p>Keep it where the receiver reads it. If it is lost, replace it.</p>
        </Notice>
        <TextField label="Secret" value={secret} isReadOnly />
        <div className="button-row button-row-end">
          <Button look="primary" onPress={onClose}>
            I have kept it
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
