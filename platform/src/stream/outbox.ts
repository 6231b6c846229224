/**
 * The transactional outbox: an event is written in the transaction of the fact it tells, and brought to the stream after
 * the commit. No dual write, so no event is lost and none is told of what was rolled back.
 *
 * Each service database holds the table `outbox` (made by the adapter's own migrations). One relay per service takes the
 * rows in the order of their ids, appends them to the stream (which passes over ids it knows) and deletes them. Rows of
 * one subject are written under that subject's row lock, so their ids follow their commits.
 */
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { CallContext } from '../rpc/rpc.ts';

/** What an operation adds to its transaction. The partition key is the row's `key` field in contracts/src/events.ts. */
export type Publish = <D extends DescMessage>(
  schema: D,
  event: MessageInitShape<D>,
  cause?: EventCause,
) => Promise<void>;

/** Where an event comes from: the call or the event that caused it. */
export type EventCause = Pick<CallContext, 'requestId' | 'traceparent'>;
