/** What the sandbox tells by webhook: queued with what it is about, delivered as bytes until it is acknowledged. */
import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import type { Sql, SqlExecutor } from '@suuupra/platform/sql/sql';
import { backOffMs } from '@suuupra/platform/stream/bell';
import type { World } from '@suuupra/platform/world';
import type { SandboxSettings } from './sandbox-settings.ts';
import type { SandboxDelivery, SandboxStore } from './sandbox-store.ts';

export interface SandboxOptions {
  /** `sandbox`, and `sandbox_b` for a second company. */
  readonly name: string;
  readonly sql: Sql;
  readonly store: SandboxStore;
  readonly world: World;
  readonly settings: SandboxSettings;
  /** What it takes of a card payment, in 1/10,000. */
  readonly cardBasisPoints: number;
  /** Where people reach the platform: the 3-D Secure page is a page of the web app. */
  readonly publicUrl: string;
  /** Live webhook secrets, the current one first: it signs; all are accepted. */
  readonly secrets: readonly [Uint8Array, ...Uint8Array[]];
  /** Hands a signed webhook over as it would come by HTTP; gives the HTTP status of the answer. */
  readonly deliver: (headers: Record<string, string>, body: Uint8Array) => Promise<number>;
  /** Something may be due earlier than the sandbox's loop knows. */
  readonly nudge: () => void;
}

/** With what only a running sandbox has. */
export interface RunningSandbox extends SandboxOptions {
  /** In [0, 1), by the seed of the settings; undefined when the network is perfect. */
  readonly chaos: (() => number) | undefined;
}

const deliverMax = 20;
/** A delivery that is under way comes back after this time if we die with it. */
const leaseMs = 15_000;
/** A webhook that is not acknowledged is delivered this often, over about three hours. */
const deliveriesMax = 12;
const againFirstMs = 1_000;
const againMostMs = 3_600_000;
/** With chaos one webhook in this many comes twice, and each up to this late. */
const doubledOneIn = 3;
const lateMsMax = 2_000;

export async function queue(
  { name, store, chaos }: RunningSandbox,
  tx: SqlExecutor,
  eventId: string,
  event: object,
  dueAtMs: number,
): Promise<void> {
  const body = JSON.stringify(event);
  const lateMs = chaos === undefined ? 0 : Math.floor(chaos() * lateMsMax);
  await store.queueDelivery(tx, name, eventId, body, dueAtMs + lateMs);
  if (chaos !== undefined && chaos() * doubledOneIn < 1)
    await store.queueDelivery(tx, name, eventId, body, dueAtMs + Math.floor(chaos() * lateMsMax));
}

export async function deliverDue(sandbox: RunningSandbox): Promise<void> {
  const { sql, store, name, world } = sandbox;
  const rows = await store.takeDeliveries(sql, name, world.now(), world.now() + leaseMs, deliverMax);
  for (const row of rows) await deliver(sandbox, row);
}

/** Until it is acknowledged, or has been tried too often: then the merchant's own status sync has to find out. */
async function deliver(sandbox: RunningSandbox, row: SandboxDelivery): Promise<void> {
  const { sql, store, world, secrets, deliver: handOver } = sandbox;
  const body = Buffer.from(row.body);
  const headers = signWebhook([secrets[0]], row.eventId, world.now(), body);
  const status = await handOver({ ...headers, 'content-type': 'application/json' }, body).catch(() => 0);
  if (status === 200 || row.tries >= deliveriesMax) return store.dropDelivery(sql, row.id);
  const delayMs = backOffMs(row.tries, againFirstMs, againMostMs, world.random);
  return store.postponeDelivery(sql, row.id, world.now() + delayMs);
}
