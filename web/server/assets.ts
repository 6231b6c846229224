/** The built files of the browser: only what the build wrote is ever served, by exact name. */
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';

interface Asset {
  readonly type: string;
  /** Its name holds a hash of its bytes, so it never changes under that name. */
  readonly isHashed: boolean;
  readonly body: Buffer;
  /** The compressed forms that the build made, the best first. */
  readonly compressed: readonly { readonly coding: string; readonly body: Buffer }[];
}

export interface Assets {
  /** False when there is no such file; then nothing was written. */
  send(path: string, request: IncomingMessage, response: ServerResponse): boolean;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

/** Reads every file once (about two megabytes in all), so that a build made meanwhile never mixes with this one. */
export async function openAssets(folder: string): Promise<Assets> {
  const assets = await readAssets(folder);
  const send = (path: string, request: IncomingMessage, response: ServerResponse) => {
    const asset = assets.get(path);
    if (!asset) return false;
    const small = asset.compressed.find(({ coding }) => accepts(request, coding));
    const body = small?.body ?? asset.body;
    response.setHeader('content-type', asset.type);
    response.setHeader(
      'cache-control',
      asset.isHashed ? 'public, max-age=31536000, immutable' : 'public, max-age=3600',
    );
    response.setHeader('vary', 'accept-encoding');
    if (small) response.setHeader('content-encoding', small.coding);
    response.writeHead(200, { 'content-length': body.byteLength });
    response.end(request.method === 'HEAD' ? undefined : body);
    return true;
  };
  return { send };
}

async function readAssets(folder: string): Promise<Map<string, Asset>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const bytes = new Map(
    await Promise.all(files.map(async (file) => [nameOf(folder, file), await readFile(file)] as const)),
  );
  const assets = new Map<string, Asset>();
  for (const [name, body] of bytes) {
    const type = types[extname(name)];
    if (type === undefined || name.startsWith('.')) continue;
    const forms = [
      { coding: 'br', body: bytes.get(`${name}.br`) },
      { coding: 'gzip', body: bytes.get(`${name}.gz`) },
    ];
    const compressed = forms.flatMap((form) => (form.body ? [{ coding: form.coding, body: form.body }] : []));
    assets.set(`/${name}`, { type, isHashed: name.startsWith('assets/'), body, compressed });
  }
  return assets;
}

function nameOf(folder: string, file: string): string {
  return relative(folder, file).split(sep).join('/');
}

/** Whether the client names the coding and does not refuse it (`;q=0`). */
export function accepts(request: Pick<IncomingMessage, 'headers'>, coding: string): boolean {
  const header = String(request.headers['accept-encoding'] ?? '');
  return header.split(',').some((part) => {
    const [name = '', ...params] = part.trim().split(';');
    return name.trim() === coding && !params.some((param) => /^\s*q=0(\.0*)?\s*$/.test(param));
  });
}
