/** Text that only the holder of a key can read: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D). */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const prefix = 'sealed1.';
const nonceBytes = 12;
const tagBytes = 16;

export interface TextSeal {
  /** `about` is bound to the text: sealed for one mail, it opens for no other. */
  seal(text: string, about: string): string;
  /** Gives text that was never sealed back as it is. Throws when it was changed, or sealed with another key or `about`. */
  open(text: string, about: string): string;
}

/** `secret` has at least 32 random bytes; its other uses do not matter, the key is derived (RFC 5869). */
export function textSeal(secret: Uint8Array): TextSeal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'suuupra sealed text', 32));
  return {
    seal: (text, about) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return `${prefix}${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`;
    },
    open: (text, about) => {
      if (!text.startsWith(prefix)) return text;
      const bytes = Buffer.from(text.slice(prefix.length), 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
        .setAAD(Buffer.from(about))
        .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString('utf8');
    },
  };
}
