import { LessonKind } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRange } from './file.ts';
import {
  addText,
  asha,
  granted,
  makeCourse,
  meera,
  openSchool,
  present,
  publish,
  type School,
  tomas,
} from './school-for-test.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.stop());

const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(200, 7)]);
const svg = Buffer.from(
  '<?xml version="1.0"?>\n<!-- a --><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
);
const vtt = Buffer.from('\ufeffWEBVTT\n\n00:00.000 --> 00:01.000\nHello');
const mp4 = Buffer.concat([Buffer.from('\0\0\0\x18ftypisom', 'latin1'), Buffer.alloc(100_000, 9)]);
const author = { 'x-test-user': 'usr_meera', 'x-test-roles': 'instructor' };

async function upload(body: Uint8Array, type: string, headers: Record<string, string> = author, name = 'a file') {
  const response = await fetch(`${school.url}/api/v1/files?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body: new Uint8Array(body),
  });
  const json = (await response.json()) as {
    file?: { id: string; url: string; sizeBytes: number; contentType: string };
    code?: string;
  };
  return { status: response.status, file: json.file, code: json.code };
}

async function uploaded(body: Uint8Array, type: string): Promise<string> {
  return present((await upload(body, type)).file).id;
}

async function download(id: string, headers: Record<string, string> = {}, method = 'GET') {
  return await fetch(`${school.url}/api/v1/files/${id}`, { method, headers });
}

describe('uploads', () => {
  it('take what is allowed and answer where it is', async () => {
    for (const [body, type] of [
      [png, 'image/png'],
      [svg, 'image/svg+xml'],
      [vtt, 'text/vtt'],
      [mp4, 'video/mp4'],
    ] as const) {
      const { status, file } = await upload(body, type);
      expect(status).toBe(201);
      expect(file).toMatchObject({ sizeBytes: body.byteLength, contentType: type, url: `/api/v1/files/${file?.id}` });
      const whole = await download(present(file).id, author);
      expect(Buffer.from(await whole.arrayBuffer()).equals(body)).toBe(true);
    }
  });

  it('go by what the bytes are, not by what they are called', async () => {
    expect(await upload(svg, 'image/png')).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(await upload(Buffer.from('<html><script>'), 'image/svg+xml')).toMatchObject({ status: 415 });
    expect(await upload(png, 'application/zip')).toMatchObject({ status: 415 });
    expect(await upload(Buffer.alloc(0), 'image/png')).toMatchObject({ status: 415 });
  });

  it('have a limit by type, and a name without control characters', async () => {
    const large = Buffer.concat([png, Buffer.alloc(5_000_000)]);
    expect(await upload(large, 'image/png')).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(await upload(png, 'image/png', author, 'a\r\nset-cookie: x')).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });
});

describe('downloads', () => {
  it('are the author’s until a release shows the file, then of whom the release is', async () => {
    const { client, as, enrolled } = school;
    const { courseId, sectionId } = await makeCourse(school);
    const figure = await uploaded(png, 'image/png');
    const film = await uploaded(mp4, 'video/mp4');
    await addText(school, sectionId, 'Figure', `![f](/api/v1/files/${figure} "A figure")`, true);
    const lesson = {
      sectionId,
      title: 'Film',
      kind: LessonKind.VIDEO,
      content: { video: { fileId: film, transcript: 't' } },
    };
    const made = present(granted(await client.createLesson(lesson, as(meera))).lesson);
    expect(made.content?.video?.url).toBe(`/api/v1/files/${film}`);
    const learner = { 'x-test-user': 'usr_asha' };
    for (const id of [figure, film]) {
      expect((await download(id)).status).toBe(404);
      expect((await download(id, learner)).status).toBe(404);
      expect((await download(id, author)).status).toBe(200);
    }
    await publish(school, courseId);
    const open = await download(figure);
    expect(open.status).toBe(200);
    expect(open.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await download(film)).status).toBe(401);
    const shut = await download(film, learner);
    expect(shut.status).toBe(403);
    expect(shut.headers.get('content-type')).toBe('application/problem+json');
    enrolled.set(`usr_asha ${courseId}`, 1);
    const paid = await download(film, learner);
    expect(paid.status).toBe(200);
    expect(paid.headers.get('cache-control')).toMatch(/^private/);
    await client.updateLesson({ id: made.id, preview: true }, as(meera));
    expect((await download(film)).status).toBe(401);
    await publish(school, courseId);
    expect((await download(film)).status).toBe(200);
    await client.updateLesson({ id: made.id, preview: false }, as(meera));
    await publish(school, courseId);
    expect((await download(film)).status).toBe(401);
    expect((await download(film, learner)).status).toBe(200);
  });

  it('are not opened by an author who names somebody else’s file', async () => {
    const film = await uploaded(mp4, 'video/mp4');
    const { client, as } = school;
    const theirs = present(granted(await client.createCourse({ title: 'Theirs' }, as(tomas))).course);
    const section = present(
      granted(await client.createSection({ courseId: theirs.id, title: 'S' }, as(tomas))).section,
    );
    const stolen = { sectionId: section.id, title: 'L', preview: true };
    expect(
      await client.createLesson({ ...stolen, kind: LessonKind.VIDEO, content: { video: { fileId: film } } }, as(tomas)),
    ).toMatchObject({ errors: [{ field: 'content.video.fileId' }] });
    expect(
      await client.createLesson(
        { ...stolen, kind: LessonKind.TEXT, content: { markdown: `[x](/api/v1/files/${film})` } },
        as(tomas),
      ),
    ).toMatchObject({ errors: [{ field: 'content.markdown' }] });
    expect(
      await client.updateCourse({ id: theirs.id, description: `![x](/api/v1/files/${film})` }, as(tomas)),
    ).toMatchObject({
      errors: [{ field: 'description' }],
    });
    expect((await download(film, { 'x-test-user': asha.kind === 'user' ? asha.userId : '' })).status).toBe(404);
  });

  it('want the file to be what the place is for', async () => {
    const { client, as } = school;
    const { sectionId } = await makeCourse(school);
    const image = await uploaded(png, 'image/png');
    const film = await uploaded(mp4, 'video/mp4');
    const video = { fileId: image, captionsFileId: film };
    expect(
      await client.createLesson({ sectionId, title: 'V', kind: LessonKind.VIDEO, content: { video } }, as(meera)),
    ).toMatchObject({ errors: [{ field: 'content.video.fileId' }, { field: 'content.video.captionsFileId' }] });
  });

  it('run nothing: every file is sandboxed, named and of one type', async () => {
    const id = await uploaded(svg, 'image/svg+xml');
    const { headers } = await download(id, author);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toBe("sandbox; default-src 'none'; style-src 'unsafe-inline'");
    expect(headers.get('content-type')).toBe('image/svg+xml');
    expect(headers.get('content-disposition')).toBe("inline; filename*=UTF-8''a%20file");
  });

  it('answer ranges, conditions and HEAD by the book', async () => {
    const id = await uploaded(mp4, 'video/mp4');
    const whole = await download(id, author);
    const etag = present(whole.headers.get('etag') ?? undefined);
    expect(whole.headers.get('accept-ranges')).toBe('bytes');
    const part = await download(id, { ...author, range: 'bytes=4-11' });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 4-11/${mp4.byteLength}`);
    expect(await part.text()).toBe('ftypisom');
    expect((await download(id, { ...author, range: 'bytes=-5' })).headers.get('content-length')).toBe('5');
    expect((await download(id, { ...author, range: 'bytes=4-11', 'if-range': etag })).status).toBe(206);
    expect((await download(id, { ...author, range: 'bytes=4-11', 'if-range': '"other"' })).status).toBe(200);
    const beyond = await download(id, { ...author, range: `bytes=${mp4.byteLength}-` });
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get('content-range')).toBe(`bytes */${mp4.byteLength}`);
    expect((await download(id, { ...author, 'if-none-match': `W/${etag}` })).status).toBe(304);
    const head = await download(id, author, 'HEAD');
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(mp4.byteLength));
    expect(await head.text()).toBe('');
  });

  it.each([
    ['bytes=0-0', { kind: 'part', start: 0, end: 0 }],
    ['bytes=5-', { kind: 'part', start: 5, end: 9 }],
    ['bytes=0-99', { kind: 'part', start: 0, end: 9 }],
    ['bytes=-99', { kind: 'part', start: 0, end: 9 }],
    ['bytes=-0', { kind: 'unsatisfiable' }],
    ['bytes=10-', { kind: 'unsatisfiable' }],
    ['bytes=7-3', { kind: 'whole' }],
    ['bytes=0-1,3-4', { kind: 'whole' }],
    ['bytes=-', { kind: 'whole' }],
    ['items=0-1', { kind: 'whole' }],
    [undefined, { kind: 'whole' }],
  ])('read the range %s of ten bytes', (header, expected) => {
    expect(readRange(header, 10)).toEqual(expected);
  });
});
