/**
 * A load generator in a process of its own: so many requests at once over keep-alive connections, for so long. Reads its
 * orders as JSON from the command line and prints what it saw as JSON.
 */
import { Pool } from 'undici';

export interface LoadOrders {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** Sends each request from another address (X-Forwarded-For), so that no rate limit is what is measured. */
  readonly manyAddresses: boolean;
}

export interface LoadSeen {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const addresses = Array.from({ length: 4_096 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);

async function generate(orders: LoadOrders): Promise<LoadSeen> {
  const pool = new Pool(orders.origin, { connections: orders.connections, pipelining: 1 });
  const latenciesMs: number[] = [];
  let failures = 0;
  let sent = 0;
  const startedMs = performance.now();
  const untilMs = startedMs + orders.seconds * 1_000;
  const worker = async () => {
    while (performance.now() < untilMs) {
      const askedMs = performance.now();
      sent += 1;
      const from = orders.manyAddresses ? { 'x-forwarded-for': addresses[sent % addresses.length] ?? '' } : {};
      const { statusCode, body } = await pool.request({
        method: 'GET',
        path: orders.path,
        headers: { ...orders.headers, ...from },
      });
      await body.dump();
      if (statusCode !== 200) failures += 1;
      latenciesMs.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: orders.connections }, worker));
  const seconds = (performance.now() - startedMs) / 1_000;
  await pool.close();
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.floor(share * (latenciesMs.length - 1))] ?? Number.NaN;
  return { requests: latenciesMs.length, failures, seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

if (import.meta.main) {
  const orders = JSON.parse(process.argv[2] ?? '{}') as LoadOrders;
  console.log(JSON.stringify(await generate(orders)));
}
