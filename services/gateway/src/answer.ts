/** How an answer goes out: entity tags, conditions, compression. */
import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/** As the header wants it: quoted, weak where the service did not say otherwise. */
export function etagOf(note: string | undefined, bytes: Buffer): string {
  if (note === undefined || note === '') return `W/"${hash('sha1', bytes, 'base64url').slice(0, 20)}"`;
  return /^(?:W\/)?"[^"]*"$/.test(note) ? note : `"${note.replaceAll('"', '')}"`;
}

/** True when If-None-Match names this tag (weak comparison, RFC 9110 13.1.2). */
export function isKnown(headers: IncomingHttpHeaders, etag: string): boolean {
  const given = headers['if-none-match'];
  if (given === undefined) return false;
  const plain = (tag: string) => tag.trim().replace(/^W\//, '');
  return given.trim() === '*' || given.split(',').some((tag) => plain(tag) === plain(etag));
}

export type Coding = 'br' | 'gzip';

/** The coding that the client takes and we prefer; undefined for none. */
export function codingOf(acceptEncoding: string | undefined): Coding | undefined {
  if (acceptEncoding === undefined) return undefined;
  const taken = acceptEncoding
    .toLowerCase()
    .split(',')
    .map((entry) => entry.trim().split(';'))
    .filter(([, quality]) => !/^\s*q=0(?:\.0*)?\s*$/.test(quality ?? ''))
    .map(([name]) => name);
  return taken.includes('br') ? 'br' : taken.includes('gzip') ? 'gzip' : undefined;
}

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);
/** Levels at which an answer of 20 KB costs well under a millisecond. */
const brotliQuality = 4;
const gzipLevel = 5;

export interface Compressor {
  /** Undefined when too many are under way already: the answer then goes out as it is. */
  compress(bytes: Buffer, coding: Coding): Promise<Buffer | undefined>;
}

export function openCompressor(atOnceMax: number): Compressor {
  let running = 0;
  return {
    compress: async (bytes, coding) => {
      if (running >= atOnceMax) return undefined;
      running += 1;
      try {
        return coding === 'br'
          ? await brotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality } })
          : await gzipped(bytes, { level: gzipLevel });
      } finally {
        running -= 1;
      }
    },
  };
}
