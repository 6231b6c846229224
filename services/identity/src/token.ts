/** Bearer secrets: 256 random bits, of which only the SHA-256 is kept. A slow hash is for what people can remember. */
import { createHash } from 'node:crypto';
import type { World } from '@suuupra/platform/world';

const tokenBytes = 32;

/** Base64url after the prefix, which lets scanners of leaked secrets know ours. */
export function newToken(world: Pick<World, 'secret'>, prefix: string): string {
  return `${prefix}${Buffer.from(world.secret(tokenBytes)).toString('base64url')}`;
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
