/**
 * Every process that has an address, for whoever wants to ask all of them and not one of them: a name stands for each of
 * the addresses that it has at the moment.
 */
import { lookup as lookupName } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { addressOf } from '@suuupra/platform/rpc/instance';
import { endpointOf } from '@suuupra/platform/rpc/remote-target';
import type { Transport } from '@suuupra/platform/rpc/transport';

export interface Instance {
  /** For people: `orders at 10.0.0.5:7100`. */
  readonly name: string;
  readonly transport: Transport;
}

export interface InstancesOptions {
  /** `host:port` of gRPC, as the configuration names them. */
  readonly places: readonly Place[];
  /** The address of this process, which does not ask itself. */
  readonly own: string;
  readonly open: (place: Place) => Opened;
  readonly lookup?: (name: string) => Promise<readonly { readonly address: string }[]>;
  readonly now: () => number;
}

export interface Place {
  readonly service: string;
  readonly address: string;
}

export interface Opened {
  readonly transport: Transport;
  close(): void;
}

export interface Instances {
  /** Those that there are now; never throws. A name that cannot be looked up stands for what it was, or for itself. */
  current(): Promise<readonly Instance[]>;
  close(): void;
}

/** As many as callers use of one service. */
const perPlaceMax = 64;
const lookUpEveryMs = 5_000;
const lookUpMsMax = 1_000;

export function openInstances(options: InstancesOptions): Instances {
  const { now } = options;
  const opened = new Map<string, Opened & Instance>();
  const before = new Map<Place, readonly Place[]>();
  let looking: Promise<void> | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let closed = false;
  const look = async () => {
    await Promise.all(
      options.places.map(async (place) => before.set(place, await placesBehind(options, place, before.get(place)))),
    );
    lookedAtMs = now();
    if (!closed)
      keep(
        options,
        opened,
        options.places.flatMap((place) => before.get(place) ?? []),
      );
  };
  return {
    current: async () => {
      if (!closed && now() - lookedAtMs >= lookUpEveryMs) {
        looking ??= look().finally(() => {
          looking = undefined;
        });
        await looking;
      }
      return [...opened.values()];
    },
    close: () => {
      closed = true;
      keep(options, opened, []);
    },
  };
}

async function placesBehind(
  { lookup = (name) => lookupName(name, { all: true }) }: InstancesOptions,
  place: Place,
  before: readonly Place[] = [place],
): Promise<readonly Place[]> {
  const { host, port } = endpointOf(place.service, place.address);
  if (isIP(host) !== 0) return [place];
  const found = await Promise.race([lookup(host), delay(lookUpMsMax, undefined, { ref: false })]).catch(
    () => undefined,
  );
  if (found === undefined || found.length === 0) return before;
  return found.slice(0, perPlaceMax).map(({ address }) => ({ ...place, address: addressOf({ host: address, port }) }));
}

/** Opens what is new and closes what is gone. */
function keep({ own, open }: InstancesOptions, opened: Map<string, Opened & Instance>, places: readonly Place[]): void {
  const wanted = new Map(
    places.filter(({ address }) => address !== own).map((place) => [`${place.service} at ${place.address}`, place]),
  );
  for (const [name, instance] of opened) {
    if (wanted.has(name)) continue;
    opened.delete(name);
    instance.close();
  }
  for (const [name, place] of wanted) if (!opened.has(name)) opened.set(name, { name, ...open(place) });
}
