/**
 * The web app's service: the built files, and the documents around the pages. Public pages are rendered here, so that
 * they read without JavaScript; every other page is a small document that the browser fills.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import type { Client } from '@suuupra/platform/rpc/rpc';
import { defineService } from '@suuupra/platform/service';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import { type PageHead, siteDescription, titled } from '../src/lib/page-head.ts';
import { matchPage, type PageMatch } from '../src/route-patterns.ts';
import { type Assets, accepts, openAssets } from './assets.ts';
import { htmlDocument } from './document.ts';
import { type PublicPage, readPublicPage } from './public-pages.ts';
import { clientFolder, openRenderer, type Renderer } from './renderer.ts';

interface Surroundings {
  readonly content: Client<typeof ContentService>;
  readonly publicUrl: string;
  readonly log: Log;
}

interface Web extends Surroundings {
  readonly assets: Assets;
  readonly renderer: Renderer;
}

/** Takes what no other route does; HEAD is answered by it too. */
const pageRoute: RawRouteDeclaration = {
  method: 'GET',
  path: '/{path*}',
  summary: 'The web app',
  access: 'public',
  hidden: true,
  bodyBytesMax: 0,
};

export const web = defineService({
  name: 'web',
  provides: [],
  calls: { content: ContentService },
  engines: [],
  consumes: [],
  publishes: [],
  routes: [pageRoute],
  start: async ({ clients, settings, telemetry }) => {
    const { publicUrl } = settings;
    const answer = await answerWith({ content: clients.content, publicUrl, log: telemetry.log });
    if (!answer) telemetry.log.warn('the web app is not built: pages answer 503 until "npm run build:web" has run');
    return { implementations: [], routes: [{ ...pageRoute, handle: answer ?? sendNotBuilt }] };
  },
});

/** Answers every path that is a file or a page; undefined when the web app is not built. */
export async function answerWith(surroundings: Surroundings): Promise<RawRoute['handle'] | undefined> {
  const renderer = await openRenderer();
  if (!renderer) return undefined;
  const parts: Web = { ...surroundings, renderer, assets: await openAssets(fileURLToPath(clientFolder)) };
  return (request, response, context) => answer(parts, request, response, context);
}

async function answer(
  parts: Web,
  request: IncomingMessage,
  response: ServerResponse,
  context: RawContext,
): Promise<void> {
  const path = `/${context.params['path'] ?? ''}`;
  if (parts.assets.send(path, request, response)) return;
  if (path.startsWith('/assets/')) {
    response
      .writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
      .end('There is no such file.\n');
    return;
  }
  const { status, html } = await documentFor(parts, path, context);
  await sendHtml(request, response, status, html);
}

interface Answered {
  readonly status: number;
  readonly html: string;
}

/** Strangers get 404 for what they cannot see; somebody signed in may see more, which the browser will ask for. */
async function documentFor(parts: Web, path: string, context: RawContext): Promise<Answered> {
  const match = matchPage(path);
  const signedIn = context.principal.kind === 'user';
  const page = match ? await readOrNot(parts, match, context) : 'not_found';
  if (typeof page === 'object' && match) return rendered(parts, match, page, context, signedIn);
  const isLost = page === 'not_found' && !(match && signedIn);
  return { status: isLost ? 404 : 200, html: shell(parts, match, signedIn, isLost) };
}

/** A part that is down must not take the page with it: the browser gets the document and says what is wrong. */
async function readOrNot(
  parts: Web,
  match: PageMatch,
  context: RawContext,
): Promise<PublicPage | 'not_found' | 'not_public'> {
  const { content, publicUrl, renderer } = parts;
  try {
    return await readPublicPage(match, { content, publicUrl, keys: renderer.keys, context });
  } catch (error) {
    parts.log.warn('a public page could not be read and is left to the browser', {
      requestId: context.requestId,
      error,
    });
    return 'not_public';
  }
}

async function rendered(
  parts: Web,
  match: PageMatch,
  page: PublicPage,
  context: RawContext,
  signedIn: boolean,
): Promise<Answered> {
  const { renderer, publicUrl } = parts;
  const search = context.query.size > 0 ? `?${context.query}` : '';
  const path = match.pattern.replaceAll(/\$(\w+)/g, (_, name: string) => encodeURIComponent(match.params[name] ?? ''));
  const { html: body, state } = await renderer.renderPage(path + search, page.seeds, signedIn);
  const files = renderer.filesOf(match.pattern);
  return { status: 200, html: htmlDocument({ head: page.head, publicUrl, body, state, files, indexed: true }) };
}

function shell(parts: Web, match: PageMatch | undefined, signedIn: boolean, isLost: boolean): string {
  const head: PageHead = {
    title: titled(isLost ? 'Page not found' : ''),
    description: siteDescription,
    canonicalPath: '/',
    type: 'website',
  };
  const files = parts.renderer.filesOf(match?.pattern);
  return htmlDocument({ head, publicUrl: parts.publicUrl, body: '', state: { signedIn }, files, indexed: false });
}

const compress = promisify(brotliCompress);
const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

async function sendHtml(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  html: string,
): Promise<void> {
  const isSmall = accepts(request, 'br');
  const body = isSmall ? await compress(html, quality) : Buffer.from(html);
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.setHeader('cache-control', 'private, no-cache');
  response.setHeader('vary', 'accept-encoding, cookie');
  if (isSmall) response.setHeader('content-encoding', 'br');
  response.writeHead(status, { 'content-length': body.byteLength });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function sendNotBuilt(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end('The web app is not built. Run: npm run build:web\n');
}
