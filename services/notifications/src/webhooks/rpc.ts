/** The methods of outbound webhooks, in terms of their operations. */
import { WebhooksService } from '@suuupra/contracts/gen/suuupra/notifications/v1/webhooks_pb.ts';
import { type CallContext, type Implementation, implement, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { Deliveries, DeliveryParts } from './deliveries.ts';
import {
  createEndpoint,
  deleteEndpoint,
  endpointMessage,
  findEndpoint,
  listEndpoints,
  noEndpoint,
  rotateSecret,
  setEndpointStatus,
} from './endpoints.ts';
import { deliveryMessage, findDelivery, getDelivery, listDeliveries, replayDelivery, replayFailed } from './replays.ts';

export function webhooksRpc(parts: DeliveryParts, deliveries: Deliveries): Implementation {
  const { sql, world } = parts;
  const again = { sql, world, nudge: deliveries.nudge };
  return implement(WebhooksService, {
    createWebhookEndpoint: (request, context) => createEndpoint(parts, request, userIdOf(context)),
    listWebhookEndpoints: (request) => listEndpoints(sql, request),
    getWebhookEndpoint: async ({ id }) => {
      const endpoint = await findEndpoint(sql, id);
      return endpoint === undefined ? noEndpoint() : { endpoint: endpointMessage(endpoint) };
    },
    deleteWebhookEndpoint: ({ id }) => deleteEndpoint(sql, id),
    enableWebhookEndpoint: async ({ id }) => {
      const answer = await setEndpointStatus(sql, id, 'enabled', '');
      deliveries.nudge();
      return answer;
    },
    disableWebhookEndpoint: ({ id }) => setEndpointStatus(sql, id, 'disabled', 'by_hand'),
    rotateWebhookSecret: ({ id }) => rotateSecret(parts, id),
    testWebhookEndpoint: ({ id }) => testEndpoint(parts, deliveries, id),
    listWebhookDeliveries: (request) => listDeliveries(sql, request),
    getWebhookDelivery: ({ id }) => getDelivery(sql, id),
    replayWebhookDelivery: ({ id }) => replayDelivery(again, id),
    replayFailedWebhooks: (request) => replayFailed(again, request),
  });
}

function testEndpoint(parts: DeliveryParts, deliveries: Deliveries, id: string) {
  return refusableTransaction(parts.sql, async (tx) => {
    const endpoint = await findEndpoint(tx, id);
    if (endpoint === undefined) return noEndpoint();
    if (endpoint.status !== 'enabled')
      return refuse('webhook_endpoint_disabled', 'Enable the endpoint first; nothing is sent to it now.');
    const delivery = await findDelivery(tx, await deliveries.addTest(tx, endpoint));
    if (delivery === undefined) throw new Error('the test delivery was not kept');
    return { delivery: deliveryMessage(delivery) };
  });
}

/** The rpc layer lets only users with the role reach these methods. */
function userIdOf({ principal }: CallContext): string {
  if (principal.kind !== 'user') throw new Error('a method for signed-in users was reached by nobody');
  return principal.userId;
}
