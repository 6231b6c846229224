/**
 * Which operations of the ports are asked of a server, and what their spans are called (client-spans.ts). Rate limits are
 * counted in the process most of the time and have none; what is found by a health check neither. SQL has sql/sql-spans.ts.
 */
import type { Cache } from '../cache/cache.ts';
import type { Documents } from '../documents/documents.ts';
import type { Objects } from '../objects/objects.ts';
import { parseS3Url } from '../objects/s3-url.ts';
import type { SearchIndex } from '../search/search.ts';
import { withClientSpans } from './client-spans.ts';
import { span as names } from './semantic-names.ts';
import type { Telemetry } from './telemetry.ts';

type Spans = Pick<Telemetry, 'span'>;

export function withRedisSpans(cache: Cache, telemetry: Spans): Cache {
  return withClientSpans(cache, telemetry, [
    { method: 'get', name: 'GET', attributes: database('redis', 'GET') },
    { method: 'set', name: 'SET', attributes: database('redis', 'SET') },
    { method: 'delete', name: 'DEL', attributes: database('redis', 'DEL') },
  ]);
}

export function withOpenSearchSpans(index: SearchIndex, telemetry: Spans): SearchIndex {
  return withClientSpans(index, telemetry, [
    { method: 'search', name: 'search', attributes: database('opensearch', 'search') },
    { method: 'put', name: 'bulk', attributes: database('opensearch', 'bulk') },
    { method: 'remove', name: 'bulk', attributes: database('opensearch', 'bulk') },
  ]);
}

/** A unit of work is one span. */
export function withMongodbSpans<D extends Documents>(documents: D, telemetry: Spans): D {
  const ofCollection = { firstArgument: names.dbCollection };
  return withClientSpans<D>(documents, telemetry, [
    { method: 'get', name: 'find', attributes: database('mongodb', 'find'), ...ofCollection },
    { method: 'getMany', name: 'find', attributes: database('mongodb', 'find'), ...ofCollection },
    { method: 'find', name: 'find', attributes: database('mongodb', 'find'), ...ofCollection },
    { method: 'transaction', name: 'transaction', attributes: database('mongodb', 'transaction') },
  ]);
}

/** A read ends when its bytes begin to come. */
export function withS3Spans<O extends Objects>(objects: O, telemetry: Spans, url: string): O {
  const { bucket } = parseS3Url(url);
  const operation = (method: 'put' | 'stat' | 'read' | 'delete', name: string) => ({
    method,
    name: `S3/${name}`,
    attributes: { [names.rpcMethod]: `S3/${name}`, [names.s3Bucket]: bucket },
  });
  return withClientSpans<O>(objects, telemetry, [
    operation('put', 'PutObject'),
    operation('stat', 'HeadObject'),
    operation('read', 'GetObject'),
    operation('delete', 'DeleteObject'),
  ]);
}

function database(system: string, operation: string) {
  return { [names.dbSystem]: system, [names.dbOperation]: operation };
}
