import type { Transport } from '@suuupra/platform/rpc/transport';
import { expect, test } from 'vitest';
import { type InstancesOptions, openInstances, type Place } from './instances.ts';

function under(places: readonly Place[], names: Record<string, string[] | Error>, own = '') {
  const state = { nowMs: 0, open: new Set<string>(), lookups: 0 };
  const options: InstancesOptions = {
    places,
    own,
    now: () => state.nowMs,
    lookup: async (name) => {
      state.lookups += 1;
      const found = names[name] ?? [];
      if (found instanceof Error) throw found;
      return found.map((address) => ({ address }));
    },
    open: ({ address }) => {
      state.open.add(address);
      return { transport: {} as Transport, close: () => void state.open.delete(address) };
    },
  };
  const instances = openInstances(options);
  const now = async () => (await instances.current()).map(({ name }) => name);
  return { instances, state, now };
}

test('a name stands for each of its addresses, an address for itself', async () => {
  const places = [
    { service: 'orders', address: 'orders.local:7100' },
    { service: 'ledger', address: '10.0.0.9:7100' },
    { service: 'search', address: '[::1]:7100' },
  ];
  const { now, state } = under(places, { 'orders.local': ['10.0.0.5', '10.0.0.6', 'fd00::7'] });
  expect(await now()).toEqual([
    'orders at 10.0.0.5:7100',
    'orders at 10.0.0.6:7100',
    'orders at [fd00::7]:7100',
    'ledger at 10.0.0.9:7100',
    'search at [::1]:7100',
  ]);
  await now();
  expect(state.lookups).toBe(1);
});

test('what comes is opened, what goes is closed, and what cannot be looked up stays', async () => {
  const names: Record<string, string[] | Error> = { 'orders.local': ['10.0.0.5', '10.0.0.6'] };
  const { now, state, instances } = under([{ service: 'orders', address: 'orders.local:7100' }], names);
  await now();
  names['orders.local'] = ['10.0.0.6', '10.0.0.7'];
  state.nowMs += 5_000;
  expect(await now()).toEqual(['orders at 10.0.0.6:7100', 'orders at 10.0.0.7:7100']);
  expect([...state.open]).toEqual(['10.0.0.6:7100', '10.0.0.7:7100']);
  names['orders.local'] = new Error('no such name');
  state.nowMs += 5_000;
  expect(await now()).toHaveLength(2);
  instances.close();
  expect(state.open.size).toBe(0);
});

test('a name that was never found is shown as it is, and nobody asks itself', async () => {
  const names = { 'orders.local': new Error('no such name'), 'gateways.local': ['10.0.0.2', '10.0.0.3'] };
  const places = [
    { service: 'orders', address: 'orders.local:7100' },
    { service: 'gateway', address: 'gateways.local:7100' },
  ];
  const { now } = under(places, names, '10.0.0.2:7100');
  expect(await now()).toEqual(['orders at orders.local:7100', 'gateway at 10.0.0.3:7100']);
});

test('of one name no more are asked than callers would use', async () => {
  const many = Array.from({ length: 300 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  const { now } = under([{ service: 'orders', address: 'orders.local:7100' }], { 'orders.local': many });
  expect(await now()).toHaveLength(64);
});
