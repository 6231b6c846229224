/** Ids that follow from what they name: the same inputs give the same id, in any process, at any time. No I/O. */
import { createHash } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const characters = 26;

/** `<prefix>_` and 130 bits of the SHA-256 of the parts, in base 32, so that no id looks like a card number. */
export function hashId(prefix: string, ...parts: readonly string[]): string {
  let rest = BigInt(`0x${sha256Hex(JSON.stringify(parts))}`);
  let text = '';
  for (let i = 0; i < characters; i += 1) {
    text += alphabet[Number(rest & 31n)];
    rest >>= 5n;
  }
  return `${prefix}_${text}`;
}

export function sha256Hex(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
