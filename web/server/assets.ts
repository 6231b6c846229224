/** The built files of the browser: only what the build wrote is ever served, by exact name. */
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';

interface Asset {
  readonly file: string;
  readonly type: string;
  /** Its name holds a hash of its bytes, so it never changes under that name. */
  readonly isHashed: boolean;
  readonly encodings: readonly ('br' | 'gzip')[];
}

export interface Assets {
  /** False when there is no such file; then nothing was written. */
  send(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
};

const suffixes = { br: '.br', gzip: '.gz' } as const;

/** Reads the list of files once; their bytes when they are first asked for, then from memory (about a megabyte in all). */
export async function openAssets(folder: string): Promise<Assets> {
  const assets = await listAssets(folder);
  const bytes = new Map<string, Promise<Buffer>>();
  const read = (file: string) => {
    const known = bytes.get(file) ?? readFile(file);
    bytes.set(file, known);
    return known;
  };
  const send = async (path: string, request: IncomingMessage, response: ServerResponse) => {
    const asset = assets.get(path);
    if (!asset) return false;
    const encoding = asset.encodings.find((one) => accepts(request, one));
    const body = await read(asset.file + (encoding ? suffixes[encoding] : ''));
    response.setHeader('content-type', asset.type);
    response.setHeader(
      'cache-control',
      asset.isHashed ? 'public, max-age=31536000, immutable' : 'public, max-age=3600',
    );
    response.setHeader('vary', 'accept-encoding');
    if (encoding) response.setHeader('content-encoding', encoding);
    response.writeHead(200, { 'content-length': body.byteLength });
    response.end(request.method === 'HEAD' ? undefined : body);
    return true;
  };
  return { send };
}

async function listAssets(folder: string): Promise<Map<string, Asset>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = new Set(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')),
  );
  const assets = new Map<string, Asset>();
  for (const name of names) {
    const type = types[extname(name)];
    if (type === undefined || name.startsWith('.')) continue;
    const encodings = (['br', 'gzip'] as const).filter((one) => names.has(name + suffixes[one]));
    assets.set(`/${name}`, { file: join(folder, name), type, isHashed: name.startsWith('assets/'), encodings });
  }
  return assets;
}

/** Whether the client names the coding and does not refuse it (`;q=0`). */
export function accepts(request: Pick<IncomingMessage, 'headers'>, coding: string): boolean {
  const header = String(request.headers['accept-encoding'] ?? '');
  return header.split(',').some((part) => {
    const [name = '', ...params] = part.trim().split(';');
    return name.trim() === coding && !params.some((param) => /^\s*q=0(\.0*)?\s*$/.test(param));
  });
}
