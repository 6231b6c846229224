/** Unencrypted calls between services stay on the machine. */
const loopback = /^(?:dns:\/*|ipv4:|ipv6:)?(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|::1)(?::\d+)?$/;

/** Throws at start-up when `address` is not of this machine. */
export function requireLoopback(address: string, who: string): void {
  if (loopback.test(address)) return;
  throw new Error(
    `${who}: "${address}" is not a loopback address, so calls to it need credentials; give TLS credentials, or use 127.0.0.1.`,
  );
}
