/** How the platform is, for whoever runs it. Asked again while it is looked at: these change by themselves. */
import { queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import type {
  GetHealthResponse,
  GetTraceResponse,
  ListDeadLettersResponse,
  ListEventsResponse,
  ListTracesResponse,
} from './types.ts';

const againMs = 5_000;

export const healthQuery = queryOptions({
  queryKey: ['operations', 'health'],
  queryFn: ({ signal }) => call<GetHealthResponse>('GET', '/operations/health', { signal }),
  refetchInterval: againMs,
});

export const deadLettersQuery = queryOptions({
  queryKey: ['operations', 'dead-letters'],
  queryFn: ({ signal }) => call<ListDeadLettersResponse>('GET', '/operations/dead-letters', { signal }),
  refetchInterval: againMs,
});

export const tracesQuery = (name: string) =>
  queryOptions({
    queryKey: ['operations', 'traces', name],
    queryFn: ({ signal }) =>
      call<ListTracesResponse>('GET', `/operations/traces${query({ name, limit: 50 })}`, { signal }),
    refetchInterval: againMs,
  });

export const traceQuery = (traceId: string) =>
  queryOptions({
    queryKey: ['operations', 'trace', traceId],
    queryFn: ({ signal }) =>
      call<GetTraceResponse>('GET', `/operations/traces/${encodeURIComponent(traceId)}`, { signal }),
  });

export const eventsQuery = (text: string) =>
  queryOptions({
    queryKey: ['operations', 'events', text],
    queryFn: ({ signal }) =>
      call<ListEventsResponse>('GET', `/operations/events${query({ text, limit: 50 })}`, { signal }),
    refetchInterval: againMs,
  });
