/** Who is at the other end of the connection, as far as it can be believed. */
import { isIP } from 'node:net';

/**
 * The address of the client. Only as many entries of X-Forwarded-For are believed, from its end, as there are proxies
 * of our own in front; what a client writes itself stands before them and is passed over.
 */
export function clientAddress(socketAddress: string, forwardedFor: string | undefined, trustedHops: number): string {
  const own = plainAddress(socketAddress);
  if (trustedHops === 0 || forwardedFor === undefined) return own;
  const chain = [...forwardedFor.split(',').map((entry) => plainAddress(entry.trim())), own];
  const believed = chain[Math.max(0, chain.length - 1 - trustedHops)] ?? own;
  return isIP(believed) === 0 ? own : believed;
}

function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

/** What is counted as one client: a host of IPv4, a network of IPv6, in which one person has 2^64 addresses. */
export function clientNetwork(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
