/**
 * SHA-256 of a file as lower-case hex, worked out in the browser. Undefined where the browser does not hash: it does so on
 * HTTPS and on this machine alone.
 */
export async function sha256Of(file: Blob): Promise<string | undefined> {
  if (globalThis.crypto?.subtle === undefined) return undefined;
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
