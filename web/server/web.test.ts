/** The built app as it is served: its size, its documents, its files. Builds it first when it is stale. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { create } from '@bufbuild/protobuf';
import {
  type ContentService,
  CourseStatus,
  GetCourseResponseSchema,
  GetLessonResponseSchema,
  GetOutlineResponseSchema,
  LessonKind,
  Level,
  ListCoursesResponseSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { RawContext } from '@suuupra/platform/http/route';
import { anonymous, type Client, type Principal, RpcFault, refuse } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFresh } from '../build-stamp.mjs';
import { filesOf, type Manifest, withImports } from './renderer.ts';
import { answerWith } from './service.ts';

const web = join(import.meta.dirname, '..');
const hostile = '</script><script>alert(1)</script> & "quotes"';

const course = {
  id: 'crs_1',
  slug: 'one',
  title: hostile,
  summary: 'What it is about.',
  level: Level.BEGINNER,
  language: 'en',
  price: { currency: 'INR', amountMinor: 49900n },
  instructor: { id: 'usr_1', displayName: 'Meera Iyer' },
  status: CourseStatus.RELEASED,
  release: 1,
  descriptionHtml: '<p>The <em>long</em> story.</p>',
  lessonCount: 2,
  durationSeconds: 600,
};
const lesson = { id: 'les_1', title: 'First lesson', kind: LessonKind.TEXT, durationSeconds: 300, preview: true };
const missing = refuse('not_found', 'There is no such thing.');

const catalogue = {
  listCourses: async () => create(ListCoursesResponseSchema, { courses: [course] }),
  getCourse: async ({ id }: { id?: string }) => {
    if (id === 'broken') throw new RpcFault('unavailable', 'content is down');
    return id === 'one' || id === 'crs_1' ? create(GetCourseResponseSchema, { course }) : missing;
  },
  getOutline: async () =>
    create(GetOutlineResponseSchema, {
      sections: [
        {
          id: 's',
          title: 'Beginnings',
          lessons: [lesson, { ...lesson, id: 'les_2', title: 'Second lesson', preview: false }],
        },
      ],
    }),
  getLesson: async ({ id }: { id?: string }) => {
    if (id === 'les_2') return refuse('not_enrolled', 'Not yours.');
    if (id !== 'les_1') return missing;
    return create(GetLessonResponseSchema, {
      lesson: { ...lesson, courseId: 'crs_1', html: '<p>Read me.</p><pre><code>x</code></pre>' },
    });
  },
} satisfies Partial<Client<typeof ContentService>>;

let server: Server;
let principal: Principal = anonymous;

beforeAll(async () => {
  if (!isFresh()) await promisify(execFile)(process.execPath, ['build.ts'], { cwd: web });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const answer = await answerWith({
    content: catalogue as unknown as Client<typeof ContentService>,
    publicUrl: 'http://x.test',
    log,
  });
  if (!answer) throw new Error('the web app is not built');
  server = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'http://x.test');
    const context = { principal, params: { path: url.pathname.slice(1) }, query: url.searchParams, requestId: 'req_1' };
    answer(incoming, response, context as unknown as RawContext).catch((error: unknown) =>
      response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server?.close();
});

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Sends the path as it stands: no client tidies `..` away. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('error', reject).end();
  });
}

describe('public pages, read without JavaScript', () => {
  test('the course page says what it is, what it costs, who teaches it and what is in it', async () => {
    const { status, text } = await get('/courses/one');
    expect(status).toBe(200);
    for (const said of [
      '₹499.00',
      'Meera Iyer',
      'Beginnings',
      'First lesson',
      'Second lesson',
      'The <em>long</em> story.',
    ]) {
      expect(text).toContain(said);
    }
    expect(text).toContain(
      '<title>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; · Suuupra</title>',
    );
    expect(text).not.toContain('<script>alert');
    expect(text).not.toContain(' style=');
  });

  test('the catalogue lists its courses, by every way there', async () => {
    for (const path of ['/', '/courses', '/courses?level=beginner']) {
      const { status, text } = await get(path);
      expect(status).toBe(200);
      expect(text).toContain('href="/courses/one"');
    }
  });

  test('a preview lesson can be read; one that is not is left to the browser', async () => {
    expect((await get('/lessons/les_1')).text).toContain('Read me.');
    const shut = await get('/lessons/les_2');
    expect(shut.status).toBe(200);
    expect(shut.text).toContain('<div id="root"></div>');
  });

  test('what does not exist is 404 with a page; for somebody signed in it may exist', async () => {
    for (const path of ['/nope', '/courses/nope', '/lessons/nope', '/courses/one/more'])
      expect((await get(path)).status).toBe(404);
    principal = { kind: 'user', userId: 'u', roles: [], sessionId: 's' };
    expect((await get('/courses/nope')).status).toBe(200);
    expect((await get('/nope')).status).toBe(404);
    expect((await get('/courses/one')).text).toContain('"signedIn":true');
    principal = anonymous;
  });

  test('a part that is down leaves a page that the browser can fill', async () => {
    const { status, text } = await get('/courses/broken');
    expect(status).toBe(200);
    expect(text).toContain('<div id="root"></div>');
  });

  test('HEAD answers the head alone', async () => {
    const head = await get('/courses/one', {}, 'HEAD');
    expect(head.status).toBe(200);
    expect(head.text).toBe('');
  });
});

describe('built files', () => {
  test('are served compressed and for ever', async () => {
    const names = await readdir(join(web, 'dist/client/assets'));
    const script = names.find((name) => /^main-.*\.js$/.test(name));
    const answer = await get(`/assets/${script}`, { 'accept-encoding': 'gzip, br' });
    expect(answer.headers).toMatchObject({
      'content-encoding': 'br',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
    });
    const plain = await get(`/assets/${script}`, { 'accept-encoding': 'br;q=0' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.text).toBe(await readFile(join(web, 'dist/client/assets', script ?? ''), 'utf8'));
  });

  test.each([
    '/assets/../../package.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/.vite/manifest.json',
    '/assets/nope.js',
    '/assets/',
  ])('%s is not one of them', async (path) => {
    const { status, text } = await get(path);
    expect(status).toBe(404);
    expect(text).not.toContain('@suuupra/web');
  });
});

describe('what a reader loads', () => {
  const javascriptBytesMax = 200_000;

  test('for the catalogue stays under 200 KB of compressed JavaScript', async () => {
    const manifest = JSON.parse(await readFile(join(web, 'dist/client/.vite/manifest.json'), 'utf8')) as Manifest;
    const files = new Set(
      ['src/main.tsx', 'src/theme-boot.ts', 'src/pages/catalogue.tsx'].flatMap((name) => withImports(manifest, name)),
    );
    expect(files.size).toBeGreaterThan(3);
    const sizes = await Promise.all(
      [...files].map(async (file) => (await readFile(join(web, 'dist/client', `${file}.br`))).byteLength),
    );
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeGreaterThan(20_000);
    expect(total).toBeLessThan(javascriptBytesMax);
  });

  test('is named in the document: one stylesheet, the theme script first, the page’s own module', async () => {
    const manifest = JSON.parse(await readFile(join(web, 'dist/client/.vite/manifest.json'), 'utf8')) as Manifest;
    const files = filesOf(manifest, '/courses/$slug');
    expect(files.styles).toHaveLength(1);
    expect(files.fonts).toHaveLength(2);
    expect(files.preloads.some((file) => file.includes('/course-'))).toBe(true);
    const theme = await readFile(join(web, 'dist/client', files.themeScript), 'utf8');
    expect(theme, 'it runs as a classic script').not.toMatch(/\b(import|export)\b/);
  });
});
