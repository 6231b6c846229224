/** What a service has in shards as one: each shard is a database of its own on the place its directory names. */
import { ConfigError } from '@suuupra/platform/config';
import { findShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { databaseOf, home, type ShardSettings } from '@suuupra/platform/shards/places';
import { openSql } from '@suuupra/platform/sql/open-sql';
import type { Sql } from '@suuupra/platform/sql/sql';
import { databaseUrlOn } from '@suuupra/platform/sql/sql-postgres';
import type { BookFacts, Journal } from './money-facts.ts';

/**
 * Reads each shard of the ledger or of payments, one after the other, each once; only reads. `own` is the service's own
 * database, which has the directory. A shard that is moved meanwhile is read where it was. Throws ConfigError when the directory and the settings
 * do not go together, and SqlFault where a book is not there: `npm run shards -- verify`, which goes before, has made the
 * databases of shards that nothing was ever booked in.
 */
export async function readEachBook<T>(
  own: Sql,
  settings: ShardSettings | undefined,
  read: (book: Sql) => Promise<T>,
  service: 'ledger' | 'payments' = 'ledger',
): Promise<readonly T[]> {
  const setting = `SUUUPRA_${service.toUpperCase()}`;
  const directory = await findShardDirectory(own);
  if (directory === undefined && settings === undefined) return [await read(own)];
  if (directory === undefined)
    throw new ConfigError(
      `There are no shards yet: the first start of ${service === 'ledger' ? 'the ledger' : service} makes them.`,
    );
  if (settings === undefined)
    throw new ConfigError(
      `${service === 'ledger' ? 'The ledger is' : 'Payments are'} sharded; give ${setting}_SHARDS and ${setting}_PLACES as there.`,
    );
  const rows = await directory.list();
  if (rows.length !== settings.count)
    throw new ConfigError(`There are ${rows.length} shards, and ${setting}_SHARDS says ${settings.count}.`);
  const found: T[] = [];
  for (const { shard, place } of rows) found.push(await withBook({ own, settings, setting, shard, place }, read));
  return found;
}

interface BookPlace {
  readonly own: Sql;
  readonly settings: ShardSettings;
  /** What its settings begin with. */
  readonly setting: string;
  readonly shard: number;
  readonly place: string;
}

async function withBook<T>(
  { own, settings, setting, shard, place }: BookPlace,
  read: (book: Sql) => Promise<T>,
): Promise<T> {
  if (place === home) return read(own);
  const server = settings.places.get(place);
  if (server === undefined)
    throw new ConfigError(`Shard ${shard} is on ${place}, which ${setting}_PLACES does not name.`);
  const url = databaseUrlOn(server, databaseOf(shard, place, settings));
  const book = await openSql({ url, connectionsMax: 1, durability: 'not needed' });
  try {
    return await read(book);
  } finally {
    await book.close();
  }
}

/** Many books as one: parts of one journal, which have its id in each of their shards, added up; balances too. Pure. */
export function wholeBook(books: readonly BookFacts[]): BookFacts {
  const [only] = books;
  if (only !== undefined && books.length === 1) return only;
  const journals = new Map<string, Journal>();
  const inTransit = new Map<string, bigint>();
  for (const book of books) {
    for (const journal of book.journals) {
      const { totalMinor = 0n, receivableMinor = 0n } = journals.get(journal.id) ?? {};
      journals.set(journal.id, {
        ...journal,
        totalMinor: totalMinor + journal.totalMinor,
        receivableMinor: receivableMinor + journal.receivableMinor,
      });
    }
    for (const [account, balance] of book.inTransit) inTransit.set(account, (inTransit.get(account) ?? 0n) + balance);
  }
  return { journals: [...journals.values()], inTransit };
}
