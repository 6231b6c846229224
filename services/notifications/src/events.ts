/** What the service does when it hears a fact: it writes down that it is to be told, and nothing else. */
import { type EventHandler, on } from '@suuupra/platform/service';
import { plans } from './plan.ts';
import type { Tasks } from './tasks.ts';

export function eventHandlers(tasks: Tasks): readonly EventHandler[] {
  return plans.map((plan) =>
    on(plan.schema, async ({ event, envelope, tx }) => {
      await tasks.add(tx, plan, event, envelope.id);
    }),
  );
}
