/** How a call comes to the payments it is about: to the only ones there are, or to those of its shard. */
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { WebhookHeaders } from './provider.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { type Received, receiveWebhook } from './webhooks.ts';

export type Work<T> = (payments: PaymentsSurroundings) => Promise<T>;

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A list in the order of a time and an id, newest first unless it says otherwise. */
export interface Listed<A, Row> {
  readonly rows: (answer: A) => readonly Row[];
  readonly at: (row: Row) => Timestamp | undefined;
  readonly answer: (rows: readonly Row[], nextPageToken: string) => A;
  readonly isOldestFirst?: boolean;
}

interface ListAnswer {
  readonly nextPageToken: string;
}

interface ListRow {
  readonly id: string;
}

/**
 * The work may be done again when the shard was moved away meanwhile, and must be safe then. While a shard is being moved it
 * is waited for, for 10 s; after that the call is refused `unavailable`.
 */
export interface PaymentsDoor {
  ofOrder<T>(orderId: string, work: Work<T>): Promise<T | Refusal>;
  /** By the id of an attempt, dispute, mandate or item of attention. */
  ofId<T>(id: string, work: Work<T>): Promise<T | Refusal>;
  ofBuyer<T>(userId: string, work: Work<T>): Promise<T | Refusal>;
  /** What is of the service and of no shard. */
  ofAll<T>(work: Work<T>): Promise<T | Refusal>;
  /** Asks each. Refused when one of them cannot be asked. */
  each<T>(work: Work<T>): Promise<readonly T[] | Refusal>;
  /** A list of one order, or over all when it is empty. */
  list<A extends ListAnswer, Row extends ListRow>(
    orderId: string,
    request: PageRequest,
    listed: Listed<A, Row>,
    work: Work<A | Refusal>,
  ): Promise<A | Refusal>;
  receive(provider: string, headers: WebhookHeaders, body: Uint8Array): Promise<Received>;
}

export function doorTo(payments: PaymentsSurroundings): PaymentsDoor {
  const only = <T>(_: string, work: Work<T>) => work(payments);
  return {
    ofOrder: only,
    ofId: only,
    ofBuyer: only,
    ofAll: (work) => work(payments),
    each: async (work) => [await work(payments)],
    list: (_orderId, _request, _listed, work) => work(payments),
    receive: (provider, headers, body) => receiveWebhook(payments, provider, headers, body),
  };
}

/**
 * One page out of the same page of every shard. A token is the place of the last row, a time and an id, and stands for the
 * same place in each of them. Pure.
 */
export function mergePages<A extends ListAnswer, Row extends ListRow>(
  request: PageRequest,
  { rows, at, answer, isOldestFirst = false }: Listed<A, Row>,
  pages: readonly A[],
): A | Refusal {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const timeOf = (row: Row) => {
    const time = at(row);
    return time === undefined ? 0 : timestampMs(time);
  };
  const sign = isOldestFirst ? 1 : -1;
  const all = pages.flatMap(rows).sort((a, b) => sign * (timeOf(a) - timeOf(b) || (a.id < b.id ? -1 : 1)));
  const shown = all.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = all.length > shown.length || pages.some(({ nextPageToken }) => nextPageToken !== '');
  const token = last === undefined || !isMore ? '' : pageToken([new Date(timeOf(last)).toISOString(), last.id]);
  return answer(shown, token);
}
