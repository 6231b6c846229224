/** The content service on real engines, its neighbours given: what the tests of this folder stand on. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ContentService, LessonKind } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { RawContext } from '@suuupra/platform/http/route';
import { anonymous, type CallOptions, isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { content } from './service.ts';

export const meera = userPrincipal('usr_meera', 'instructor');
export const tomas = userPrincipal('usr_tomas', 'instructor');
export const asha = userPrincipal('usr_asha');
export const admin = userPrincipal('usr_admin', 'admin');

export interface School {
  readonly service: ServiceUnderTest;
  readonly client: ReturnType<typeof contentClient>;
  readonly as: (principal: Principal, more?: CallOptions) => CallOptions;
  /** Who is enrolled: `<user> <course>` to the release; a test changes it. */
  readonly enrolled: Map<string, number>;
  /** How often identity was asked for names. */
  readonly asked: { names: number };
  /** What orders, learning and search call. */
  readonly inside: (caller: string) => ReturnType<typeof contentClient>;
  /** A server with the raw routes; requests are by whom the header x-test-user names (with x-test-roles). */
  readonly url: string;
  stop(): Promise<void>;
}

function contentClient(service: ServiceUnderTest, caller: string) {
  return service.client(ContentService, caller);
}

export async function openSchool(): Promise<School> {
  const enrolled = new Map<string, number>();
  const asked = { names: 0 };
  const service = await startServiceForTest(content, {
    others: {
      identity: {
        getUsers: async ({ ids }) => {
          asked.names += 1;
          return { users: ids.map((id) => ({ id, displayName: `Name of ${id}` })) };
        },
      },
      learning: {
        checkAccess: async ({ userId, courseId }) => {
          const release = enrolled.get(`${userId} ${courseId}`);
          return { entitled: release !== undefined, release: release ?? 0 };
        },
      },
    },
  });
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://test');
    const id = pathname.split('/')[4] ?? '';
    const route = service.routes.find(
      (one) => one.method === request.method && one.path.endsWith('{id}') === (id !== ''),
    );
    const user = request.headers['x-test-user'];
    const principal =
      typeof user === 'string'
        ? userPrincipal(user, ...String(request.headers['x-test-roles'] ?? 'learner').split(','))
        : anonymous;
    const context: RawContext = {
      ...{ principal, requestId: 'req_test', traceparent: '', idempotencyKey: '', ifMatch: '' },
      ...{ clientAddress: '', userAgent: '', signal: new AbortController().signal, deadlineAtMs: Date.now() + 30_000 },
      ...{ answer: {}, params: { id }, query: searchParams },
    };
    void route?.handle(request, response, context);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    service,
    client: contentClient(service, 'gateway'),
    as: (principal, more = {}) => ({ principal, ...more }),
    enrolled,
    asked,
    inside: (caller) => contentClient(service, caller),
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await service.stop();
    },
  };
}

/** The answer, or a failed test that says what was refused. */
export function granted<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused ${answer.code}: ${answer.detail} ${JSON.stringify(answer.errors)}`);
  return answer;
}

export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('nothing is there');
  return value;
}

export interface MadeCourse {
  readonly courseId: string;
  readonly sectionId: string;
  readonly previewId: string;
  readonly paidId: string;
}

/** A course of Meera's with a preview and a paid lesson, not published. */
export async function makeCourse(school: School, title = 'Double entry'): Promise<MadeCourse> {
  const { client, as } = school;
  const created = granted(
    await client.createCourse({ title, price: { currency: 'INR', amountMinor: 49900n } }, as(meera)),
  );
  const courseId = present(created.course).id;
  const section = present(granted(await client.createSection({ courseId, title: 'Part one' }, as(meera))).section);
  const preview = await addText(school, section.id, 'Open lesson', 'Words for everybody.', true);
  const paid = await addText(school, section.id, 'Closed lesson', 'Words for learners.', false);
  return { courseId, sectionId: section.id, previewId: preview, paidId: paid };
}

export async function addText(
  school: School,
  sectionId: string,
  title: string,
  markdown: string,
  preview = false,
): Promise<string> {
  const lesson = { sectionId, title, kind: LessonKind.TEXT, content: { markdown }, preview };
  return present(granted(await school.client.createLesson(lesson, school.as(meera))).lesson).id;
}

export async function publish(school: School, courseId: string): Promise<number> {
  return present(granted(await school.client.publishCourse({ id: courseId }, school.as(meera))).course).release;
}
