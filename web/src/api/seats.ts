/** Seats bought for many: pools, who has a seat, and the links by which people take one. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  CreateJoinLinkResponse,
  JoinLink,
  JoinSeatPoolResponse,
  ListJoinLinksResponse,
  ListSeatPoolsResponse,
  ListSeatsResponse,
  LookAtJoinLinkResponse,
  RefundSeatsResponse,
  Seat,
  SeatPool,
} from './types.ts';

const pool = (id: string) => `/seat-pools/${encodeURIComponent(id)}`;

export const seatPoolsQuery = listQuery<ListSeatPoolsResponse>(['seat-pools'], '/seat-pools');

export const seatPoolQuery = (id: string) =>
  queryOptions({
    queryKey: ['seat-pool', id],
    queryFn: ({ signal }) => call<{ pool: SeatPool }>('GET', pool(id), { signal }),
    select: (answer) => answer.pool,
  });

export const seatsQuery = (poolId: string) => listQuery<ListSeatsResponse>(['seats', poolId], `${pool(poolId)}/seats`);

export const assignSeat = (poolId: string, email: string) =>
  withIntent(`assign-seat.${poolId}.${email}`, (idempotencyKey) =>
    call<{ seat: Seat; pool: SeatPool }>('POST', `${pool(poolId)}/seats`, { body: { email }, idempotencyKey }),
  );

export const withdrawSeat = (poolId: string, id: string) =>
  call<{ seat: Seat; pool: SeatPool }>('POST', `${pool(poolId)}/seats/${encodeURIComponent(id)}:withdraw`, {
    body: {},
  });

export const refundSeats = (poolId: string, seats: number) =>
  withIntent(`refund-seats.${poolId}.${seats}`, (idempotencyKey) =>
    call<RefundSeatsResponse>('POST', `${pool(poolId)}:refund`, { body: { seats }, idempotencyKey }),
  );

export const joinLinksQuery = (poolId: string) =>
  listQuery<ListJoinLinksResponse>(['join-links', poolId], `${pool(poolId)}/join-links`);

/** The answer holds the path with the code; it is told this once. */
export const createJoinLink = (poolId: string) =>
  call<CreateJoinLinkResponse>('POST', `${pool(poolId)}/join-links`, { body: {} });

export const revokeJoinLink = (poolId: string, id: string) =>
  call<{ link: JoinLink }>('POST', `${pool(poolId)}/join-links/${encodeURIComponent(id)}:revoke`, { body: {} });

export const joinCodeQuery = (code: string) =>
  queryOptions({
    queryKey: ['join-code', code],
    queryFn: ({ signal }) => call<LookAtJoinLinkResponse>('POST', '/seats:look', { body: { code }, signal }),
  });

export const joinSeatPool = (code: string) =>
  withIntent(`join-seats.${code}`, (idempotencyKey) =>
    call<JoinSeatPoolResponse>('POST', '/seats:join', { body: { code }, idempotencyKey }),
  );
