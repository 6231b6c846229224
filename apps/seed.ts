/**
 * Fills an empty data folder with the demo school: accounts, then the courses in demo/, created through the public API
 * as an instructor would. A start that is killed half-way goes on with what is missing at the next.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import type { Config } from '@suuupra/platform/config';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Platform } from './compose.ts';
import { type CourseFile, type LessonFile, readCourse, readSchool, type School } from './demo-school.ts';
import { operatorName } from './topology.ts';

/** Whether the data folder holds nothing yet; ask before the platform is composed. */
export function isFresh(config: Config): boolean {
  return !existsSync(path.join(config.dataFolder, 'keys.json'));
}

/** What the filling needs of the platform, in one process or in many. */
export type Seeded = Pick<Platform, 'url' | 'client' | 'settled'>;

interface DemoState {
  readonly done: boolean;
}

const stateFile = (config: Config) => path.join(config.dataFolder, 'demo.json');
const loginsFile = (config: Config) => path.join(config.dataFolder, 'demo-logins.txt');

/**
 * Fills the school when the folder is fresh or an earlier filling was cut off. Answers the lines with the demo logins,
 * or undefined when this folder has no demo school.
 */
export async function seed(platform: Seeded, config: Config, fresh: boolean): Promise<string | undefined> {
  if (fresh) writeState(config, { done: false });
  const state = readState(config);
  if (state === undefined) return undefined;
  if (!state.done) {
    console.log('Filling the empty data folder with the demo school …');
    const school = readSchool();
    const password = demoPassword(config);
    await createAccounts(platform, school, password);
    await createCourses(platform, school, password);
    await platform.settled();
    writeState(config, { done: true });
  }
  return readFileSync(loginsFile(config), 'utf8').trimEnd();
}

function readState(config: Config): DemoState | undefined {
  return existsSync(stateFile(config)) ? (JSON.parse(readFileSync(stateFile(config), 'utf8')) as DemoState) : undefined;
}

function writeState(config: Config, state: DemoState): void {
  writeFileSync(stateFile(config), JSON.stringify(state), { mode: 0o600, flush: true });
}

const accounts = ['admin', 'finance', 'instructor', 'learner'] as const;
/** The author who signs in as instructor@…; the others have an address of their own. */
const emailOf = (author: string, school: School) =>
  author === school.instructors[0]?.key ? 'instructor@suuupra.test' : `${author}@suuupra.test`;

/** The password of the demo accounts: given, or made once; kept beside the data for whoever looks for it later. */
function demoPassword(config: Config): string {
  const kept = existsSync(loginsFile(config))
    ? /^password: (.+)$/m.exec(readFileSync(loginsFile(config), 'utf8'))?.[1]
    : undefined;
  const password = kept ?? (config.demoPassword || randomBytes(9).toString('base64url'));
  const lines = ['Demo logins:', ...accounts.map((name) => `  ${name}@suuupra.test`), `password: ${password}`];
  writeFileSync(loginsFile(config), `${lines.join('\n')}\n`, { mode: 0o600, flush: true });
  return password;
}

async function createAccounts(platform: Seeded, school: School, password: string): Promise<void> {
  const identity = platform.client(IdentityService, operatorName);
  const people = [
    { email: 'admin@suuupra.test', displayName: 'Ada Admin', roles: ['learner', 'admin'] },
    { email: 'finance@suuupra.test', displayName: 'Farah Finance', roles: ['learner', 'finance'] },
    { email: 'learner@suuupra.test', displayName: 'Leela Learner', roles: ['learner'] },
    ...school.instructors.map(({ key, displayName }) => ({
      email: emailOf(key, school),
      displayName,
      roles: ['learner', 'instructor'],
    })),
  ];
  for (const person of people) {
    const made = await identity.ensureUser({ ...person, password });
    if (isRefusal(made)) throw new Error(`The demo account ${person.email} was refused: ${made.detail}`);
  }
}

/** Drafts are made side by side; they are published from the last to the first, so that the catalogue begins with the first. */
async function createCourses(platform: Seeded, school: School, password: string): Promise<void> {
  const authors = new Map<string, Author>();
  for (const { key } of school.instructors) {
    authors.set(key, await openAuthor(await signIn(platform.url, emailOf(key, school), password)));
  }
  const drafts = await Promise.all(
    school.courses.map(async ({ folder, course: { slug, instructor } }) => {
      const author = authors.get(instructor);
      if (author === undefined) throw new Error(`The demo course ${slug} is by "${instructor}", who is no instructor.`);
      const known = author.courses.find((course) => course.slug === slug);
      if (known?.status === 'released') return undefined;
      return { api: author.api, id: await createDraft(author.api, folder, readCourse(folder), known?.id) };
    }),
  );
  for (const draft of drafts.reverse()) await draft?.api.post(`/courses/${draft.id}:publish`, {});
  await Promise.all([...authors.values()].map(({ api }) => api.signOut()));
}

interface Author {
  readonly api: Api;
  readonly courses: readonly { readonly id: string; readonly slug: string; readonly status: string }[];
}

async function openAuthor(api: Api): Promise<Author> {
  const mine = (await api.get('/instructors/me/courses?pageSize=100')) as Pick<Author, 'courses'>;
  return { api, courses: mine.courses };
}

interface DraftOutline {
  readonly sections: readonly {
    readonly id: string;
    readonly title: string;
    readonly lessons: readonly { title: string }[];
  }[];
}

/** Makes the course, or what is missing of it, and answers its id. */
async function createDraft(api: Api, folder: string, course: CourseFile, draftId: string | undefined): Promise<string> {
  const { sections, instructor: _author, ...fields } = course;
  const id = draftId ?? ((await api.post('/courses', fields)) as { course: { id: string } }).course.id;
  const outline = (await api.get(`/courses/${id}/outline?draft=true`)) as DraftOutline;
  for (const section of sections) {
    const known = outline.sections.find(({ title }) => title === section.title);
    const sectionId = known?.id ?? (await createSection(api, id, section.title));
    const have = new Set(known?.lessons.map(({ title }) => title));
    for (const lesson of section.lessons) {
      if (!have.has(lesson.title))
        await api.post(`/sections/${sectionId}/lessons`, await withFiles(api, folder, lesson));
    }
  }
  return id;
}

async function createSection(api: Api, courseId: string, title: string): Promise<string> {
  return ((await api.post(`/courses/${courseId}/sections`, { title })) as { section: { id: string } }).section.id;
}

/** The lesson as the API takes it, after its figures and films are uploaded. */
async function withFiles(api: Api, folder: string, lesson: LessonFile): Promise<unknown> {
  if (lesson.kind === 'video') {
    const { file, captions, poster, transcript, ...rest } = lesson;
    const video = {
      fileId: await api.upload(file),
      transcript,
      ...(captions === undefined ? {} : { captionsFileId: await api.upload(captions) }),
      ...(poster === undefined ? {} : { posterFileId: await api.upload(poster) }),
    };
    return { ...rest, content: { video } };
  }
  if (lesson.kind === 'quiz') return lesson;
  let { markdown } = lesson.content;
  for (const figure of new Set([...markdown.matchAll(/\((figures\/[\w.-]+)/g)].map(([, name]) => name ?? ''))) {
    markdown = markdown.replaceAll(`(${figure}`, `(/api/v1/files/${await api.upload(path.join(folder, figure))}`);
  }
  return { ...lesson, content: { markdown } };
}

interface Api {
  get(route: string): Promise<unknown>;
  post(route: string, body: unknown): Promise<unknown>;
  /** Answers the file's id; the same file is sent once. */
  upload(file: string): Promise<string>;
  signOut(): Promise<void>;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.mp4': 'video/mp4',
  '.vtt': 'text/vtt',
};
const requestMsMax = 30_000;

async function signIn(url: string, email: string, password: string): Promise<Api> {
  let token = '';
  const call = async (
    method: string,
    route: string,
    body?: string | Uint8Array<ArrayBuffer>,
    contentType = 'application/json',
  ) => {
    const response = await fetch(`${url}/api/v1${route}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(requestMsMax),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`The demo school could not be filled: ${method} ${route} answered ${response.status} ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
  token = ((await call('POST', '/sessions', JSON.stringify({ email, password }))) as { accessToken: string })
    .accessToken;
  const uploaded = new Map<string, string>();
  return {
    get: (route) => call('GET', route),
    post: (route, body) => call('POST', route, JSON.stringify(body)),
    upload: async (file) => {
      const known = uploaded.get(file);
      if (known !== undefined) return known;
      const type = contentTypes[path.extname(file)] ?? 'application/octet-stream';
      const answer = await call(
        'POST',
        `/files?name=${encodeURIComponent(path.basename(file))}`,
        new Uint8Array(readFileSync(file)),
        type,
      );
      const { id } = (answer as { file: { id: string } }).file;
      uploaded.set(file, id);
      return id;
    },
    signOut: async () => {
      await call('DELETE', '/sessions/current');
    },
  };
}
