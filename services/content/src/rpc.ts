/** Binds the contract to the operations. */
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type Implementation, implement, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { Content } from './content.ts';
import * as drafts from './drafts.ts';
import { publishCourse } from './publishing.ts';
import * as reading from './reading.ts';
import * as serving from './serving.ts';

export function contentRpc(content: Content): Implementation {
  return implement(ContentService, {
    listCourses: (request, context) => reading.listCourses(content, request, context),
    getCourse: async (request, context) => answer(await reading.getCourse(content, request, context), asCourse),
    getOutline: (request, context) => reading.getOutline(content, request, context),
    getLesson: async (request, context) => answer(await reading.getLesson(content, request, context), asLesson),
    listMyCourses: (request, context) => reading.listMyCourses(content, request, context),
    createCourse: async (request, context) => {
      const course = await drafts.createCourse(content, request, context);
      return isRefusal(course) ? course : { course: await reading.showDraft(content, course, context) };
    },
    updateCourse: async (request, context) => {
      const course = await drafts.updateCourse(content, request, context);
      return isRefusal(course) ? course : { course: await reading.showDraft(content, course, context) };
    },
    createSection: async (request, context) =>
      answer(await drafts.createSection(content, request, context), (section) => ({ section })),
    createLesson: async (request, context) => answer(await drafts.createLesson(content, request, context), asLesson),
    updateLesson: async (request, context) => answer(await drafts.updateLesson(content, request, context), asLesson),
    publishCourse: async (request, context) => {
      const course = await publishCourse(content, request, context);
      return isRefusal(course) ? course : { course: await reading.showReleased(content, course, context) };
    },
    getOffers: (request) => serving.getOffers(content, request),
    getRelease: (request, context) => serving.getRelease(content, request, context),
    getQuiz: (request) => serving.getQuiz(content, request),
    locateLesson: (request) => serving.locateLesson(content, request),
    listReleasedCourses: (request) => serving.listReleasedCourses(content, request),
  });
}

function answer<T, A>(result: T | Refusal, wrap: (result: T) => A): A | Refusal {
  return isRefusal(result) ? result : wrap(result as T);
}

const asCourse = <T>(course: T) => ({ course });
const asLesson = <T>(lesson: T) => ({ lesson });
