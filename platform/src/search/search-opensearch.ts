/**
 * The `search` port on an OpenSearch server (2.x; its form uses nothing that 3.x took away): one index behind an alias,
 * shared by all processes that open it by its name.
 *
 * What differs from the embedded engine: words near each other count in steps and where they stand in one form; words
 * that only begin as the last one typed weigh the same wherever they stand, but for the strongest field; a field's length
 * is held against a usual one. Of a query that the viewer's documents hold no word of, five spellings are looked at for
 * each word. A removal is kept as an empty document until the next rebuild.
 *
 * Every search has `searchMsMax` in all, every write `writeMsMax`; an engine that is away is `unavailable` at once when
 * it refuses connections and after that time when it is silent.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '../config.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type Language, languageCode, languageCodes, loadLanguage, noLanguage } from './analysis.ts';
import type { FieldWeights } from './match.ts';
import { type Write, writeAll } from './opensearch-bulk.ts';
import { type Door, openDoor } from './opensearch-door.ts';
import { formOf, putVersion, removeVersion, storedDocument, tombstone } from './opensearch-form.ts';
import { type Indices, indicesOf } from './opensearch-indices.ts';
import { marksMax } from './opensearch-query.ts';
import { searchOn } from './opensearch-search.ts';
import { type SearchAnswer, type SearchDocument, SearchFault, type SearchIndex, type SearchQuery } from './search.ts';

export interface OpenSearchOptions {
  /** `http:` or `https:`, with name and password where the server has accounts. Own authorities: NODE_EXTRA_CA_CERTS. */
  readonly url: string;
  /** Lower-case letters, digits and dashes; of the alias, and the beginning of its indices' names. */
  readonly name: string;
  readonly telemetry: Telemetry;
  /** What a word in each field counts; 1 where nothing is said. */
  readonly fieldWeights?: FieldWeights;
  /** Fewer hits than this, and documents with fewer of the words are taken too. */
  readonly relaxBelowHits?: number;
  readonly searchMsMax?: number;
  readonly writeMsMax?: number;
  /** How long a server that is starting is waited for. */
  readonly openMsMax?: number;
}

const defaults = {
  fieldWeights: { title: 4, summary: 2, body: 1 },
  relaxBelowHits: 3,
  searchMsMax: 2_000,
  writeMsMax: 20_000,
  openMsMax: 30_000,
};

const namePattern = /^[a-z][a-z0-9-]{0,99}$/;
const majorMin = 2;
const pingMsMax = 2_000;
const openPauseMs = 250;

/** Waits for a server that is starting. Throws ConfigError with a sentence when it is not one, or not there in time. */
export async function openOpenSearch(options: OpenSearchOptions): Promise<SearchIndex> {
  const settings = { ...defaults, ...options };
  if (!namePattern.test(settings.name)) {
    throw new ConfigError(`"${settings.name}" is no name for a search index; take lower-case letters, digits, dashes.`);
  }
  const door = openDoor(settings.url, settings.telemetry);
  try {
    const indices = indicesOf(door, settings.name, formOf(settings.fieldWeights));
    await waitForServer(door, indices, settings);
    const languages = await Promise.all(languageCodes.map(loadLanguage));
    return new OpenSearchIndex(door, indices, settings, languages);
  } catch (error) {
    await door.close();
    throw error;
  }
}

async function waitForServer(
  door: Door,
  indices: Indices,
  settings: { url: string; openMsMax: number },
): Promise<void> {
  const untilMs = performance.now() + settings.openMsMax;
  const { host } = new URL(settings.url);
  for (;;) {
    try {
      await refuseOtherProducts(door, host);
      return await indices.ensure();
    } catch (error) {
      if (!(error instanceof SearchFault)) throw error;
      if (performance.now() < untilMs && error.kind === 'unavailable') {
        await delay(openPauseMs);
        continue;
      }
      throw new ConfigError(
        `SUUUPRA_OPENSEARCH_URL names ${host}, where no index can be opened (${error.message}); start OpenSearch there, or give another address.`,
        { cause: error },
      );
    }
  }
}

async function refuseOtherProducts(door: Door, host: string): Promise<void> {
  const { version } = await door.send<{ version?: { distribution?: string; number?: string } }>(
    { kind: 'admin', method: 'GET', path: '/' },
    performance.now() + pingMsMax,
  );
  const major = Number(version?.number?.split('.')[0]);
  if (version?.distribution === 'opensearch' && major >= majorMin) return;
  throw new ConfigError(
    `SUUUPRA_OPENSEARCH_URL names ${host}, which is ${version?.distribution ?? 'not OpenSearch'} ${version?.number ?? ''}; give an OpenSearch server of version ${majorMin} or later.`,
  );
}

type Settings = Required<OpenSearchOptions>;

interface Building {
  readonly alias: string;
  /** Why it must not serve: a write did not reach it. */
  broken?: unknown;
}

class OpenSearchIndex implements SearchIndex {
  readonly shared = true;
  readonly #door: Door;
  readonly #indices: Indices;
  readonly #settings: Settings;
  readonly #languages: readonly Language[];
  readonly #closed = new AbortController();
  /** The index that a rebuild in this process fills; takes every write as well. */
  #building: Building | undefined;

  constructor(door: Door, indices: Indices, settings: Settings, languages: readonly Language[]) {
    this.#door = door;
    this.#indices = indices;
    this.#settings = settings;
    this.#languages = languages;
  }

  async put(documents: readonly SearchDocument[]): Promise<void> {
    await this.#write(documents.map((document) => this.#writeOf(document)));
  }

  async remove(ids: readonly string[], version: number): Promise<void> {
    await this.#write(ids.map((id) => ({ id, version: removeVersion(version), body: { id, ...tombstone } })));
  }

  #writeOf(document: SearchDocument): Write {
    const code = languageCode(document.language);
    const language = this.#languages.find((one) => one.code === code) ?? noLanguage;
    const body = storedDocument(document, language, this.#settings.fieldWeights);
    return { id: document.id, version: putVersion(document.version), body };
  }

  /** What serves comes first; a building index that misses a write is thrown away, and the write is no less done. */
  async #write(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return;
    const building = this.#building;
    const alsoBuilding =
      building &&
      this.#writeTo(building.alias, writes, false).catch((error: unknown) => {
        building.broken = error;
      });
    await Promise.all([this.#writeTo(this.#settings.name, writes, true), alsoBuilding]);
  }

  async #writeTo(alias: string, writes: readonly Write[], refresh: boolean): Promise<void> {
    const untilMs = performance.now() + this.#settings.writeMsMax;
    await writeAll({ door: this.#door, alias, refresh, untilMs }, writes);
  }

  async search(query: SearchQuery): Promise<SearchAnswer> {
    if (query.viewerMarks.size > marksMax) {
      throw new SearchFault('invalid', `A viewer may hold ${marksMax} marks, not ${query.viewerMarks.size}.`);
    }
    const { name: target, relaxBelowHits, searchMsMax } = this.#settings;
    const untilMs = performance.now() + searchMsMax;
    return await searchOn({ door: this.#door, target, languages: this.#languages, relaxBelowHits, untilMs }, query);
  }

  async needsRebuild(): Promise<boolean> {
    return !(await this.#indices.isBuilt());
  }

  async rebuild(documents: AsyncIterable<readonly SearchDocument[]>, signal?: AbortSignal): Promise<void> {
    if (this.#building !== undefined) throw new SearchFault('invalid', 'The search index is being rebuilt already.');
    const stop = AbortSignal.any([this.#closed.signal, ...(signal === undefined ? [] : [signal])]);
    // What a rebuild that died has left, or one that was switched off and not yet removed.
    for (const index of await this.#indices.idle()) await this.#indices.remove(index);
    const before = await this.#indices.serving();
    const { index, alias } = await this.#indices.create();
    const building: Building = { alias };
    this.#building = building;
    try {
      await this.#fill(building, index, documents, stop);
      stop.throwIfAborted();
      await this.#indices.switchTo(index, alias, before);
    } catch (error) {
      await this.#indices.remove(index).catch((problem: unknown) =>
        this.#settings.telemetry.log.warn('a search index that failed to fill stays until the next rebuild', {
          error: problem,
        }),
      );
      throw error;
    } finally {
      this.#building = undefined;
    }
    await this.#removeLater(before, stop);
  }

  async #fill(
    building: Building,
    index: string,
    documents: AsyncIterable<readonly SearchDocument[]>,
    stop: AbortSignal,
  ): Promise<void> {
    const ids = new Set<string>();
    for await (const some of documents) {
      stop.throwIfAborted();
      if (building.broken !== undefined) throw building.broken;
      const writes = some.map((document) => this.#writeOf(document));
      if (writes.length > 0) await this.#writeTo(building.alias, writes, false);
      for (const { id } of some) ids.add(id);
    }
    const held = await this.#indices.count(index);
    if (building.broken !== undefined) throw building.broken;
    // Writes of the meantime may have added to it, and removals stay in it as empty documents.
    if (held < ids.size) {
      throw new SearchFault('unavailable', `The rebuilt search index holds ${held} of ${ids.size} documents.`);
    }
  }

  /** Searches that found the alias before the switch are still being answered from the old index. */
  async #removeLater(before: readonly string[], stop: AbortSignal): Promise<void> {
    try {
      await delay(this.#settings.searchMsMax, undefined, { signal: stop });
      for (const old of before) await this.#indices.remove(old);
    } catch (error) {
      this.#settings.telemetry.log.warn('an old search index stays until the next rebuild', { error });
    }
  }

  async ping(): Promise<number> {
    const startedMs = performance.now();
    const path = `/${this.#settings.name}/_count`;
    await this.#door.send({ kind: 'admin', method: 'GET', path }, startedMs + pingMsMax);
    return performance.now() - startedMs;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#door.close();
  }
}
