/** What the service does when it hears a fact: it writes down that it is to be told, to people and to other systems. */
import type { DescMessage } from '@bufbuild/protobuf';
import { SessionEndedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { type EventHandler, on } from '@suuupra/platform/service';
import { plans } from './plan.ts';
import type { Streams } from './streams.ts';
import type { Tasks } from './tasks.ts';
import type { Deliveries } from './webhooks/deliveries.ts';
import { webhookTypes } from './webhooks/webhook.ts';

export function eventHandlers(
  tasks: Tasks,
  streams: Pick<Streams, 'endSession'>,
  deliveries: Pick<Deliveries, 'add'>,
): readonly EventHandler[] {
  const told = new Map<string, DescMessage>();
  for (const { schema } of [...plans, ...webhookTypes]) told.set(schema.typeName, schema);
  const toldOf = [...told.values()].map((schema) =>
    on(schema, async ({ event, envelope, tx }) => {
      const plan = plans.find((each) => each.schema.typeName === schema.typeName);
      if (plan !== undefined) await tasks.add(tx, plan, event, envelope.id);
      await deliveries.add(tx, schema, event, envelope.id);
    }),
  );
  // Of this nobody is told: a stream that was opened in the session must not outlive it.
  const ending = on(SessionEndedSchema, async ({ event, tx }) => {
    tx.afterCommit(() => streams.endSession(event.sessionId));
  });
  return [...toldOf, ending];
}
