/**
 * Which addresses an event may be sent to. A URL given by a person must not reach what only this machine or this network
 * can reach (server-side request forgery, OWASP SSRF prevention): https, a host name or literal of a public address, no
 * credentials. Names are resolved again for each try and the connection goes to the address that was checked.
 */
import ipaddr from 'ipaddr.js';

/** Whether an address is one of the public internet: not private, loopback, link-local, multicast, reserved or mapped to one. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  // Of IPv6 only what is given out for the public (RFC 4291, 2.5.4); NAT64, 6to4 and their like are ranges of their own.
  return parsed instanceof ipaddr.IPv4 || parsed.match(ipaddr.IPv6.parse('2000::'), 3);
}

/** Why a URL cannot be an endpoint's; undefined when it may be. A name is looked up only when it is used. */
export function refuseUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'is not a URL';
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  if (url.hash !== '') return 'must not have a fragment';
  const host = hostOf(url);
  if (ipaddr.isValid(host)) return isPublicAddress(host) ? undefined : 'must be a public address';
  if (!host.includes('.') || /\.(localhost|local|internal|home\.arpa)$/i.test(host))
    return 'must be a public host name';
  return undefined;
}

/** Without the brackets of an IPv6 literal. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
