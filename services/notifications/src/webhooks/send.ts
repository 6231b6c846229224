/** One try: resolve, check, connect to what was checked, post, and read the status. Bounded in time and bytes. */
import { lookup } from 'node:dns/promises';
import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { LookupFunction } from 'node:net';
import { hostOf, isPublicAddress } from './public-address.ts';
import { type Outcome, outcomeOf } from './webhook.ts';

/** A receiver that has not answered by then is tried again later. */
export const answerMsMax = 15_000;
/** The answer's body says nothing to us; a longer one is cut off. */
const answerBytesMax = 65_536;

export type Send = (url: string, headers: Readonly<Record<string, string>>, body: string) => Promise<Outcome>;

/** What a test replaces: a receiver on this machine is not a public address. */
export interface SendOptions {
  readonly isAllowed?: (address: string) => boolean;
  readonly answerMsMax?: number;
  readonly resolve?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;
}

class AddressRefused extends Error {}

export function sender(options: SendOptions = {}): Send {
  const { isAllowed = isPublicAddress, resolve = (host) => lookup(host, { all: true, verbatim: true }) } = options;
  const patienceMs = options.answerMsMax ?? answerMsMax;
  return async (text, headers, body) => {
    const deadline = AbortSignal.timeout(patienceMs);
    try {
      const url = new URL(text);
      const addresses = await within(resolve(hostOf(url)), deadline);
      // One forbidden address among several is enough: which of them is used would be chance.
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => isAllowed(address))) throw new AddressRefused();
      return outcomeOf(await post(url, first, headers, body, deadline));
    } catch (error) {
      if (error instanceof AddressRefused) return { kind: 'refused', httpStatus: 0, problem: 'address_refused' };
      return { kind: 'refused', httpStatus: 0, problem: deadline.aborted ? 'timeout' : 'connection_failed' };
    }
  };
}

function post(
  url: URL,
  pinned: { readonly address: string; readonly family: number },
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<number> {
  const pin: LookupFunction = (_host, { all }, done) =>
    all === true ? done(null, [pinned]) : done(null, pinned.address, pinned.family);
  // Endpoints are https (refuseUrl); a receiver of a test has no certificate.
  const request = url.protocol === 'https:' ? requestSecure : requestPlain;
  return new Promise((resolve, reject) => {
    const sending = request(
      url,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        lookup: pin,
        agent: false,
        signal,
      },
      (answer) => {
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > answerBytesMax) answer.destroy();
        });
        answer.on('error', () => {});
        answer.on('close', () => resolve(answer.statusCode ?? 0));
      },
    );
    sending.on('error', reject);
    sending.end(body);
  });
}

async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
  return Promise.race([work, aborted]);
}
