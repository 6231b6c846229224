/** What the service does when it hears a fact: it writes down that it is to be told, and nothing else. */
import { SessionEndedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { type EventHandler, on } from '@suuupra/platform/service';
import { plans } from './plan.ts';
import type { Streams } from './streams.ts';
import type { Tasks } from './tasks.ts';

export function eventHandlers(tasks: Tasks, streams: Pick<Streams, 'endSession'>): readonly EventHandler[] {
  const toldOf = plans.map((plan) =>
    on(plan.schema, async ({ event, envelope, tx }) => {
      await tasks.add(tx, plan, event, envelope.id);
    }),
  );
  // Of this nobody is told: a stream that was opened in the session must not outlive it.
  const ending = on(SessionEndedSchema, async ({ event, tx }) => {
    tx.afterCommit(() => streams.endSession(event.sessionId));
  });
  return [...toldOf, ending];
}
