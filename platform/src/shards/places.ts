/**
 * How many shards a service has and on which database servers they may be, from its settings:
 *
 *     SUUUPRA_LEDGER_SHARDS=16
 *     SUUUPRA_LEDGER_PLACES=a=postgres://…,b=postgres://…
 *     SUUUPRA_LEDGER_SHARD_NAMES=suuupra_ledger      the databases are suuupra_ledger_a_0001 and so on
 *
 * Shard 0 begins in the service's own database (the place `home`), the others are spread over the named places. Pure.
 */
import { ConfigError, type Settings } from '../config.ts';
import { mayBeShards, shardsMax } from './shard-of.ts';

export interface ShardSettings {
  readonly count: number;
  /** Name -> address of a database server; without `home`. */
  readonly places: ReadonlyMap<string, string>;
  /** What the names of the shards' databases begin with. */
  readonly names: string;
}

/** The name of a shard's database on a place; two places may be on one server. */
export function databaseOf(shard: number, place: string, { names }: Pick<ShardSettings, 'names'>): string {
  return `${names}_${place.replaceAll('-', '_')}_${String(shard).padStart(4, '0')}`;
}

/** The service's own database: where shard 0 is at first. */
export const home = 'home';

const placesMax = 256;
const placeName = /^[a-z][a-z0-9-]{0,30}$/;
/** With the longest place and a shard it fits into the 63 bytes of a name in PostgreSQL. */
const databaseName = /^[a-z][a-z0-9_]{0,24}$/;
const address = /^(postgres|postgresql|mysql|mariadb):\/\//;

/** Undefined when the service is not sharded. Throws ConfigError with a sentence that names the setting. */
export function readShardSettings(service: string, env: Settings): ShardSettings | undefined {
  const prefix = `SUUUPRA_${service.toUpperCase()}`;
  const [countName, placesName, namesName] = [`${prefix}_SHARDS`, `${prefix}_PLACES`, `${prefix}_SHARD_NAMES`];
  const places = readPlaces(placesName, env[placesName]?.trim() ?? '');
  const given = env[countName]?.trim() ?? '';
  if (given === '') {
    if (places.size > 0) throw new ConfigError(`${placesName} names places; say with ${countName} how many shards.`);
    return undefined;
  }
  const count = Number(given);
  if (!/^\d+$/.test(given) || !mayBeShards(count))
    throw new ConfigError(`${countName} is "${given}"; it must be a power of two from 1 to ${shardsMax}.`);
  if (count > 1 && places.size === 0)
    throw new ConfigError(`${countName} is ${count}; name the database servers they are on with ${placesName}.`);
  const names = env[namesName]?.trim() || `suuupra_${service}`;
  if (!databaseName.test(names))
    throw new ConfigError(`${namesName} is "${names}"; it must be small letters, digits and _, at most 25.`);
  return { count, places, names };
}

function readPlaces(setting: string, given: string): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  for (const each of given.split(',').filter((one) => one.trim() !== '')) {
    const at = each.indexOf('=');
    const [name, url] = [each.slice(0, at).trim(), each.slice(at + 1).trim()];
    if (at < 1 || !placeName.test(name) || name === home || places.has(name) || !address.test(url))
      throw new ConfigError(
        `${setting} names "${name}"; a place is name=postgres://… or name=mysql://…, each name once and not ${home}.`,
      );
    places.set(name, url.replace(/\/$/, ''));
  }
  if (places.size > placesMax) throw new ConfigError(`${setting} names ${places.size} places; at most ${placesMax}.`);
  return places;
}

/** Where a shard is put at first. */
export function firstPlace(shard: number, { places }: ShardSettings): string {
  const names = [...places.keys()];
  return shard === 0 ? home : (names[(shard - 1) % names.length] ?? home);
}
