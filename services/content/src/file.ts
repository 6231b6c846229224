/** What an uploaded file is: its stored description, and what its first bytes say it is. */

/** A document of `files`; the bytes are in the object store under the same id. */
export interface FileBody {
  readonly ownerId: string;
  readonly name: string;
  readonly contentType: FileType;
  readonly sizeBytes: number;
  /** SHA-256 of the bytes, hex. */
  readonly sha256: string;
  readonly createdAt: string;
}

const megabyte = 1_000_000;

/** What may be uploaded and how large; README, Limits. */
export const fileTypes = {
  'video/mp4': 200 * megabyte,
  'image/png': 5 * megabyte,
  'image/jpeg': 5 * megabyte,
  'image/webp': 5 * megabyte,
  'image/svg+xml': 5 * megabyte,
  'text/vtt': 5 * megabyte,
} as const;

export type FileType = keyof typeof fileTypes;

export const fileBytesMax = Math.max(...Object.values(fileTypes));

export function isFileType(type: string): type is FileType {
  return Object.hasOwn(fileTypes, type);
}

/** As much of a file's beginning as `sniff` wants to see. */
export const sniffBytes = 4_096;

/** What the bytes are, whatever they are called; undefined for anything that may not be uploaded. */
export function sniff(head: Uint8Array): FileType | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const ascii = (from: number, to: number) => bytes.toString('latin1', from, to);
  if (ascii(0, 8) === '\x89PNG\r\n\x1a\n') return 'image/png';
  if (ascii(0, 3) === '\xff\xd8\xff') return 'image/jpeg';
  if (ascii(0, 4) === 'RIFF' && ascii(8, 12) === 'WEBP') return 'image/webp';
  if (ascii(4, 8) === 'ftyp') return 'video/mp4';
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  if (/^WEBVTT(?:[ \t\r\n]|$)/.test(text)) return 'text/vtt';
  if (beginsAsSvg(text)) return 'image/svg+xml';
  return undefined;
}

/** An XML declaration, comments and a document type may come before the root element. */
function beginsAsSvg(text: string): boolean {
  const root = text.replace(/^\s*(?:<\?xml[^>]*\?>\s*)?(?:(?:<!--[\s\S]*?-->|<!DOCTYPE svg[^>[]*>)\s*)*/, '');
  return /^<svg[\s>]/.test(root);
}

export type RangeAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

/**
 * The part of a file that a Range header asks for (RFC 9110, section 14). A header that is malformed, of another unit
 * or of several ranges is passed over, as the RFC allows.
 */
export function readRange(header: string | undefined, sizeBytes: number): RangeAnswer {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return { kind: 'whole' };
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes);
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(from);
  const end = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (to !== '' && Number(to) < start) return { kind: 'whole' };
  return start >= sizeBytes ? { kind: 'unsatisfiable' } : { kind: 'part', start, end };
}
