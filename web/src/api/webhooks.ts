/** Addresses that events are sent to, and what became of each sending. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { listQuery } from './lists.ts';
import type {
  CreateWebhookEndpointResponse,
  GetWebhookDeliveryResponse,
  ListWebhookDeliveriesResponse,
  ListWebhookEndpointsResponse,
  WebhookDelivery,
  WebhookDeliveryStatus,
  WebhookEndpoint,
} from './types.ts';

const one = (id: string) => `/webhook-endpoints/${encodeURIComponent(id)}`;

export const endpointsQuery = listQuery<ListWebhookEndpointsResponse>(['finance', 'webhooks'], '/webhook-endpoints');

export const endpointQuery = (id: string) =>
  queryOptions({
    queryKey: ['finance', 'webhook', id],
    queryFn: ({ signal }) => call<{ endpoint: WebhookEndpoint }>('GET', one(id), { signal }),
    select: (answer) => answer.endpoint,
  });

/** The only answers that hold the secret are these two. */
export const createEndpoint = (body: { url: string; description: string; eventTypes: readonly string[] }) =>
  call<CreateWebhookEndpointResponse>('POST', '/webhook-endpoints', { body });
export const rotateSecret = (id: string) =>
  call<CreateWebhookEndpointResponse>('POST', `${one(id)}:rotateSecret`, { body: {} });

export const deleteEndpoint = (id: string) => call<unknown>('DELETE', one(id));
export const enableEndpoint = (id: string) => call<unknown>('POST', `${one(id)}:enable`, { body: {} });
export const disableEndpoint = (id: string) => call<unknown>('POST', `${one(id)}:disable`, { body: {} });
export const testEndpoint = (id: string) =>
  call<{ delivery: WebhookDelivery }>('POST', `${one(id)}:test`, { body: {} });

export const deliveriesQuery = (id: string, asked: { status?: WebhookDeliveryStatus | undefined }) =>
  listQuery<ListWebhookDeliveriesResponse>(['finance', 'deliveries', id, asked], `${one(id)}/deliveries`, asked);

export const deliveryQuery = (id: string) =>
  queryOptions({
    queryKey: ['finance', 'delivery', id],
    queryFn: ({ signal }) =>
      call<GetWebhookDeliveryResponse>('GET', `/webhook-deliveries/${encodeURIComponent(id)}`, { signal }),
  });

export const replayDelivery = (id: string) =>
  call<{ delivery: WebhookDelivery }>('POST', `/webhook-deliveries/${encodeURIComponent(id)}:replay`, { body: {} });
