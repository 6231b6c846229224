/** What the money scenarios play on beside the stage: a second person of finance, time that passes, and their API. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Client, eventually, type Money, type Order, type Payment, type Person, success } from '../client.ts';
import type { Stage } from './stage.ts';

export interface MoneyStage extends Stage {
  /** Approves what `finance` has made. */
  readonly approver: Person;
  /** Makes the open period of a subscription end now: a month has passed. */
  endPeriod(subscriptionId: string): Promise<void>;
  /** Lets the time pass for which an instructor's new account is not paid. */
  coolDown(instructorId: string): Promise<void>;
}

/** What was sold, for those who count it afterwards. */
export interface Sold {
  readonly buyer: Person;
  readonly order: Order;
  readonly paymentId: string;
}

/** A POST with a key of its own that must succeed. */
export async function post<T>(by: Client, path: string, body: object, status = 201): Promise<T> {
  return success(await by.call<T>('POST', path, { key: randomUUID(), body }), status, `POST ${path}`);
}

export async function get<T>(by: Client, path: string): Promise<T> {
  return success(await by.call<T>('GET', path), 200, `GET ${path}`);
}

export async function put<T>(by: Client, path: string, body: object): Promise<T> {
  return success(await by.call<T>('PUT', path, { body }), 200, `PUT ${path}`);
}

const pagesMax = 100;

/** All items of a list, page by page. */
export async function listAll<T>(by: Client, path: string, name: string): Promise<readonly T[]> {
  const items: T[] = [];
  let pageToken = '';
  for (let page = 0; page < pagesMax; page += 1) {
    const joint = path.includes('?') ? '&' : '?';
    const answer = await get<Record<string, unknown>>(
      by,
      `${path}${joint}pageSize=100&pageToken=${encodeURIComponent(pageToken)}`,
    );
    items.push(...((answer[name] ?? []) as T[]));
    pageToken = String(answer['nextPageToken'] ?? '');
    if (pageToken === '') return items;
  }
  return assert.fail(`${path} has more than ${pagesMax} pages`);
}

export function minor(money: Money | undefined): bigint {
  return BigInt(money?.amountMinor ?? 0);
}

export function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, each) => total + each, 0n);
}

/** Waits until a payment has this status. */
export async function paymentIs(viewer: Client, paymentId: string, status: string): Promise<Payment> {
  return await eventually(
    `payment ${paymentId} is ${status}`,
    async () => (await get<{ payment: Payment }>(viewer, `/payments/${paymentId}`)).payment,
    (payment) => payment.status === status,
  );
}

export async function orderIs(viewer: Client, orderId: string, status: Order['status']): Promise<Order> {
  return await eventually(
    `order ${orderId} is ${status}`,
    async () => (await get<{ order: Order }>(viewer, `/orders/${orderId}`)).order,
    (order) => order.status === status,
  );
}
