/** Several courses for one price. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type { Bundle, ListBundlesResponse, Money } from './types.ts';

const enc = encodeURIComponent;

export const bundlesQuery = listQuery<ListBundlesResponse>(['bundles'], '/bundles');

export const bundleQuery = (id: string) =>
  queryOptions({
    queryKey: ['bundle', id],
    queryFn: ({ signal }) => call<{ bundle: Bundle }>('GET', `/bundles/${enc(id)}`, { signal }),
    select: (answer) => answer.bundle,
  });

export interface BundleFields {
  readonly title: string;
  readonly summary: string;
  readonly courseIds: readonly string[];
  readonly price: Money;
}

export const createBundle = (body: BundleFields) =>
  withIntent(`bundle.${JSON.stringify(body)}`, (idempotencyKey) =>
    call<{ bundle: Bundle }>('POST', '/bundles', { body, idempotencyKey }),
  );

export const withdrawBundle = (id: string) =>
  call<{ bundle: Bundle }>('POST', `/bundles/${enc(id)}:withdraw`, { body: {} });
