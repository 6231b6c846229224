/** ETags of drafts: the version of the document, so that two authors cannot write over each other unseen (RFC 9110). */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';

export function etagOf(version: number): string {
  return `"v${version}"`;
}

/** `stale_etag` when If-Match names versions and the present one is not among them. A weak tag never matches. */
export function refuseStale(ifMatch: string, version: number): Refusal | undefined {
  if (ifMatch.trim() === '' || ifMatch.trim() === '*') return undefined;
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (tags.includes(etagOf(version))) return undefined;
  return refuse('stale_etag', 'It was changed since you read it: read it again, then repeat your change.');
}
