import {
  CourseCreatedSchema,
  ReleasePublishedSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import { CourseStatus, LessonKind, Level, QuestionKind } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LessonBody } from './lesson.ts';
import {
  addText,
  admin,
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

const quiz = {
  questions: [
    {
      kind: QuestionKind.SINGLE,
      stem: 'Which side is `debit`?',
      options: [
        { text: 'left', feedback: 'SECRET yes' },
        { text: 'right', feedback: 'SECRET no' },
      ],
      key: { optionPositions: [0] },
      feedback: { correct: 'SECRET **well**', incorrect: 'SECRET' },
    },
    { kind: QuestionKind.NUMERIC, stem: 'How much?', unit: 'paise', key: { value: 42, tolerance: 1 } },
  ],
};

describe('drafts', () => {
  it('are their instructor’s: created, changed, told of once, hidden from others', async () => {
    const { client, as } = school;
    const created = granted(
      await client.createCourse(
        { title: '  Ledgers für alle  ', summary: 'S', level: Level.ADVANCED, language: 'de' },
        as(meera),
      ),
    );
    const course = present(created.course);
    expect(course).toMatchObject({
      title: 'Ledgers für alle',
      slug: 'ledgers-fur-alle',
      status: CourseStatus.DRAFT,
      release: 0,
    });
    expect(course.price).toMatchObject({ currency: 'INR', amountMinor: 0n });
    expect(course.instructor).toMatchObject({ id: 'usr_meera', displayName: 'Name of usr_meera' });
    expect(
      (await school.service.published(CourseCreatedSchema)).filter((event) => event.courseId === course.id),
    ).toHaveLength(1);
    for (const id of [course.id, course.slug]) {
      expect(granted(await client.getCourse({ id }, as(meera))).course?.id).toBe(course.id);
      expect(granted(await client.getCourse({ id }, as(admin))).course?.id).toBe(course.id);
      for (const who of [as(tomas), as(asha), {}])
        expect(await client.getCourse({ id }, who)).toMatchObject({ code: 'not_found' });
      expect(await client.getOutline({ id, draft: true }, as(tomas))).toMatchObject({ code: 'not_found' });
    }
    expect(await client.updateCourse({ id: course.id, title: 'Mine' }, as(tomas))).toMatchObject({ code: 'not_found' });
    expect(await client.createSection({ courseId: course.id, title: 'x' }, as(tomas))).toMatchObject({
      code: 'not_found',
    });
  });

  it('have a slug of their own: a chosen one that is taken is refused, a made one is made different', async () => {
    const { client, as } = school;
    const first = granted(await client.createCourse({ title: 'Same', slug: 'the-slug' }, as(meera)));
    expect(first.course?.slug).toBe('the-slug');
    expect(await client.createCourse({ title: 'Other', slug: 'the-slug' }, as(meera))).toMatchObject({
      code: 'slug_taken',
    });
    const slugs = await Promise.all(
      Array.from(
        { length: 5 },
        async () => granted(await client.createCourse({ title: 'Twin course' }, as(meera))).course?.slug,
      ),
    );
    expect(new Set(slugs).size).toBe(5);
    expect(granted(await client.createCourse({ title: 'हिन्दी' }, as(meera))).course?.slug).toMatch(/^course-/);
  });

  it('change only for who has seen the newest: a stale If-Match is refused for courses and lessons each', async () => {
    const { client, as } = school;
    const { courseId, paidId } = await makeCourse(school);
    const read = async () => granted(await client.getCourse({ id: courseId, draft: true }, as(meera)));
    await read();
    expect(
      granted(await client.updateCourse({ id: courseId, summary: 'a' }, as(meera, { ifMatch: '"v1"' }))).course
        ?.summary,
    ).toBe('a');
    expect(await client.updateCourse({ id: courseId, summary: 'b' }, as(meera, { ifMatch: '"v1"' }))).toMatchObject({
      code: 'stale_etag',
    });
    expect(
      granted(await client.updateCourse({ id: courseId, summary: 'b' }, as(meera, { ifMatch: '"x", "v2"' }))).course
        ?.summary,
    ).toBe('b');
    await client.updateLesson({ id: paidId, title: 'New' }, as(meera, { ifMatch: '"v1"' }));
    expect(await client.updateLesson({ id: paidId, title: 'Newer' }, as(meera, { ifMatch: '"v1"' }))).toMatchObject({
      code: 'stale_etag',
    });
    expect(await client.updateLesson({ id: paidId, title: 'Newer' }, as(meera, { ifMatch: 'W/"v2"' }))).toMatchObject({
      code: 'stale_etag',
    });
    const changed = granted(await client.getLesson({ id: paidId, draft: true }, as(meera)));
    expect(changed.lesson?.title).toBe('New');
  });

  it('lose no lesson and no order when authors write at once', async () => {
    const { client, as } = school;
    const { courseId, sectionId } = await makeCourse(school);
    const titles = Array.from({ length: 12 }, (_, number) => `Lesson ${number}`);
    await Promise.all(titles.map((title) => addText(school, sectionId, title, 'x')));
    const outline = granted(await client.getOutline({ id: courseId, draft: true }, as(meera)));
    const found = outline.sections.flatMap((section) => section.lessons.map((lesson) => lesson.title));
    expect(found.slice(0, 2)).toEqual(['Open lesson', 'Closed lesson']);
    expect(found.slice(2).sort()).toEqual([...titles].sort());
  });

  it('refuse what does not fit, naming the field', async () => {
    const { client, as } = school;
    const { sectionId, courseId } = await makeCourse(school);
    const create = async (lesson: Parameters<typeof client.createLesson>[0]) => {
      const answer = await client.createLesson({ sectionId, title: 'T', ...lesson }, as(meera));
      if (!isRefusal(answer)) throw new Error('was not refused');
      expect(answer.code).toBe('invalid_request');
      return answer.errors.map(({ field }) => field);
    };
    expect(await create({ kind: LessonKind.ASSIGNMENT, content: { markdown: 'x' } })).toEqual(['kind']);
    expect(await create({ kind: LessonKind.TEXT, content: {} })).toEqual(['content.markdown']);
    expect(await create({ kind: LessonKind.TEXT, content: { markdown: 'x', quiz } })).toEqual(['content.quiz']);
    expect(await create({ kind: LessonKind.QUIZ, content: { markdown: 'x' } })).toEqual(['content.markdown']);
    expect(await create({ kind: LessonKind.QUIZ, content: {} })).toEqual(['content.quiz']);
    expect(await create({ kind: LessonKind.VIDEO, content: { video: { fileId: 'fil_none' } } })).toEqual([
      'content.video.fileId',
    ]);
    expect(await create({ kind: LessonKind.TEXT, content: { markdown: '![x](/api/v1/files/fil_none)' } })).toEqual([
      'content.markdown',
    ]);
    expect(await create({ kind: LessonKind.TEXT, content: { markdown: 'x' }, title: '  ' })).toEqual(['title']);
    expect(await create({ kind: LessonKind.TEXT, content: { markdown: '> '.repeat(1_000) } })).toEqual([
      'content.markdown',
    ]);
    const price = { currency: 'INR', amountMinor: -1n };
    expect(await client.updateCourse({ id: courseId, price }, as(meera))).toMatchObject({
      errors: [{ field: 'price.amountMinor' }],
    });
    expect(
      await client.createLesson(
        { sectionId: 'sec_none', title: 'T', kind: LessonKind.TEXT, content: { markdown: 'x' } },
        as(meera),
      ),
    ).toMatchObject({ code: 'not_found' });
  });

  it('take the length of a text from its words unless the author says', async () => {
    const { client, as } = school;
    const { sectionId } = await makeCourse(school);
    const id = await addText(school, sectionId, 'Long', 'word '.repeat(1_000));
    const seconds = async () => granted(await client.getLesson({ id, draft: true }, as(meera))).lesson?.durationSeconds;
    expect(await seconds()).toBe(300);
    await client.updateLesson({ id, content: { markdown: 'word '.repeat(500) } }, as(meera));
    expect(await seconds()).toBe(150);
    await client.updateLesson({ id, durationSeconds: 77 }, as(meera));
    await client.updateLesson({ id, content: { markdown: 'word' } }, as(meera));
    expect(await seconds()).toBe(77);
  });
});

describe('publishing', () => {
  it('says what is missing', async () => {
    const { client, as } = school;
    const { course } = granted(await client.createCourse({ title: 'Empty' }, as(meera)));
    const id = present(course).id;
    expect(await client.publishCourse({ id }, as(meera))).toMatchObject({
      code: 'course_incomplete',
      errors: [{ field: 'sections' }],
    });
    await client.createSection({ courseId: id, title: 'S' }, as(meera));
    expect(await client.publishCourse({ id }, as(meera))).toMatchObject({
      code: 'course_incomplete',
      errors: [{ field: 'sections[0].lessons' }],
    });
    expect(await client.publishCourse({ id }, as(tomas))).toMatchObject({ code: 'not_found' });
  });

  it('freezes the draft under the next number, tells of it, and makes no release of the same', async () => {
    const { client, as, service } = school;
    const { courseId, paidId } = await makeCourse(school);
    expect(await publish(school, courseId)).toBe(1);
    expect(await publish(school, courseId)).toBe(1);
    await client.updateCourse(
      { id: courseId, title: 'Renamed', price: { currency: 'USD', amountMinor: 1900n } },
      as(meera),
    );
    await client.updateLesson({ id: paidId, content: { markdown: 'Second words.' } }, as(meera));
    const shown = granted(await client.getCourse({ id: courseId }));
    expect(shown.course).toMatchObject({
      title: 'Double entry',
      release: 1,
      price: { currency: 'INR', amountMinor: 49900n },
    });
    expect(
      granted(await school.inside('orders').getOffers({ courseIds: [courseId, 'crs_none'] })).offers,
    ).toMatchObject([{ courseId, title: 'Double entry', price: { amountMinor: 49900n }, release: 1 }]);
    expect(await publish(school, courseId)).toBe(2);
    expect(granted(await client.getCourse({ id: courseId })).course).toMatchObject({ title: 'Renamed', release: 2 });
    const told = (await service.published(ReleasePublishedSchema)).filter((event) => event.courseId === courseId);
    expect(told.map(({ release }) => release)).toEqual([1, 2]);
    expect(new Set(told.map(({ contentHash }) => contentHash)).size).toBe(2);
    expect(told[0]?.contentHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('makes one release of many publishings at once', async () => {
    const { courseId } = await makeCourse(school);
    const numbers = await Promise.all(Array.from({ length: 6 }, () => publish(school, courseId)));
    expect(numbers).toEqual([1, 1, 1, 1, 1, 1]);
    expect(
      (await school.service.published(ReleasePublishedSchema)).filter((event) => event.courseId === courseId),
    ).toHaveLength(1);
  });

  it('shares lessons that did not change, and goes back to an older text', async () => {
    const { client, as } = school;
    const { courseId, paidId } = await makeCourse(school);
    const versions = async () => {
      const { documents } = school.service;
      const all = (await documents?.find<LessonBody>('lesson_versions', {}, { limit: 1_000 })) ?? [];
      return all.filter(({ body }) => body.lessonId === paidId).length;
    };
    await publish(school, courseId);
    await client.updateCourse({ id: courseId, summary: 'Only this' }, as(meera));
    await publish(school, courseId);
    expect(await versions()).toBe(1);
    await client.updateLesson({ id: paidId, content: { markdown: 'Other words.' } }, as(meera));
    await publish(school, courseId);
    await client.updateLesson({ id: paidId, content: { markdown: 'Words for learners.' } }, as(meera));
    expect(await publish(school, courseId)).toBe(4);
    expect(await versions()).toBe(2);
  });

  it('bears a course of 1,000 lessons, and no more', async () => {
    const { client, as } = school;
    const { courseId, sectionId } = await makeCourse(school, 'Very long');
    for (let at = 0; at < 998; at += 20) {
      const batch = Array.from({ length: Math.min(20, 998 - at) }, (_, number) => `Lesson ${at + number}`);
      await Promise.all(batch.map((title) => addText(school, sectionId, title, `About ${title}.`)));
    }
    const more = { sectionId, title: 'x', kind: LessonKind.TEXT, content: { markdown: 'x' } };
    expect(await client.createLesson(more, as(meera))).toMatchObject({ code: 'limit_reached' });
    expect(await publish(school, courseId)).toBe(1);
    const release = granted(await school.inside('search').getRelease({ courseId, withText: true }));
    expect(release.lessons).toHaveLength(1_000);
    expect(release.lessons.every((lesson) => lesson.plainText !== '')).toBe(true);
  });
});

describe('lessons', () => {
  it('are open to whom they should be', async () => {
    const { client, as, enrolled } = school;
    const { courseId, previewId, paidId } = await makeCourse(school);
    const hidden = { code: 'not_found' };
    for (const who of [{}, as(asha), as(tomas)])
      expect(await client.getLesson({ id: paidId }, who)).toMatchObject(hidden);
    await publish(school, courseId);
    expect(granted(await client.getLesson({ id: previewId })).lesson?.html).toBe('<p>Words for everybody.</p>\n');
    expect(await client.getLesson({ id: paidId })).toMatchObject({ code: 'unauthenticated' });
    expect(await client.getLesson({ id: paidId }, as(asha))).toMatchObject({ code: 'not_enrolled' });
    expect(await client.getLesson({ id: paidId, draft: true }, as(asha))).toMatchObject({ code: 'permission_denied' });
    expect(granted(await client.getLesson({ id: paidId }, as(meera))).lesson?.release).toBe(1);
    expect(granted(await client.getLesson({ id: paidId }, as(admin))).lesson?.release).toBe(1);
    enrolled.set(`usr_asha ${courseId}`, 1);
    expect(granted(await client.getLesson({ id: paidId }, as(asha))).lesson?.content?.markdown).toBe(
      'Words for learners.',
    );
    enrolled.delete(`usr_asha ${courseId}`);
    expect(await client.getLesson({ id: paidId }, as(asha))).toMatchObject({ code: 'not_enrolled' });
  });

  it('stay as they were in the release a learner is on; what came later is shown from the newest', async () => {
    const { client, as, enrolled } = school;
    const { courseId, sectionId, paidId } = await makeCourse(school);
    await publish(school, courseId);
    enrolled.set(`usr_asha ${courseId}`, 1);
    await client.updateLesson({ id: paidId, title: 'Renamed', content: { markdown: 'Newest words.' } }, as(meera));
    const laterId = await addText(school, sectionId, 'Later', 'Came later.');
    await publish(school, courseId);
    expect(granted(await client.getLesson({ id: paidId }, as(asha))).lesson).toMatchObject({
      release: 1,
      title: 'Closed lesson',
      html: '<p>Words for learners.</p>\n',
    });
    expect(granted(await client.getLesson({ id: laterId }, as(asha))).lesson).toMatchObject({ release: 2 });
    enrolled.set(`usr_asha ${courseId}`, 2);
    expect(granted(await client.getLesson({ id: paidId }, as(asha))).lesson).toMatchObject({
      release: 2,
      title: 'Renamed',
    });
  });

  it('with a quiz carry key and feedback for grading and for their author, never for a learner', async () => {
    const { client, as, enrolled } = school;
    const { courseId, sectionId } = await makeCourse(school);
    const made = await client.createLesson(
      { sectionId, title: 'Q', kind: LessonKind.QUIZ, content: { quiz }, preview: true },
      as(meera),
    );
    const id = present(granted(made).lesson).id;
    const closed = await client.createLesson(
      { sectionId, title: 'Q', kind: LessonKind.QUIZ, content: { quiz } },
      as(meera),
    );
    const closedId = present(granted(closed).lesson).id;
    await publish(school, courseId);
    enrolled.set(`usr_asha ${courseId}`, 1);
    for (const answer of [
      await client.getLesson({ id }),
      await client.getLesson({ id: closedId }, as(asha)),
      await client.getLesson({ id: closedId }, as(meera)),
    ]) {
      const questions = present(granted(answer).lesson?.content?.quiz?.questions);
      expect(questions[0]?.stemHtml).toBe('<p>Which side is <code>debit</code>?</p>\n');
      expect(questions.every((question) => question.key === undefined && question.feedback === undefined)).toBe(true);
      expect(questions.flatMap((question) => question.options).every((option) => option.feedback === '')).toBe(true);
    }
    const author = granted(await client.getLesson({ id: closedId, draft: true }, as(meera)));
    expect(author.lesson?.content?.quiz?.questions[0]?.key?.optionIds).toHaveLength(1);
    const grading = granted(await school.inside('learning').getQuiz({ lessonId: closedId, release: 1 }));
    expect(grading.quiz?.questions[1]?.key).toMatchObject({ value: 42, tolerance: 1 });
    expect(grading.quiz?.questions[0]?.feedback?.correctHtml).toBe('<p>SECRET <strong>well</strong></p>\n');
    expect(await client.getQuiz({ lessonId: closedId }, as(asha))).toMatchObject({ code: 'permission_denied' });
  });

  it('are located for other services once they are released', async () => {
    const { courseId, paidId } = await makeCourse(school);
    const learning = school.inside('learning');
    expect(await learning.locateLesson({ lessonId: paidId })).toMatchObject({ code: 'not_found' });
    await publish(school, courseId);
    expect(granted(await learning.locateLesson({ lessonId: paidId }))).toMatchObject({
      courseId,
      kind: LessonKind.TEXT,
      preview: false,
      newestRelease: 1,
      instructorId: 'usr_meera',
    });
  });
});

describe('the catalogue', () => {
  it('lists what is released, newest first, page by page, while courses are added; by level and language', async () => {
    const own = await openSchool();
    try {
      const ids: string[] = [];
      for (const title of ['A', 'B', 'C', 'D', 'E']) {
        const { courseId } = await makeCourse(own, title);
        ids.push(courseId);
        await publish(own, courseId);
      }
      await makeCourse(own, 'Draft');
      await own.client.updateCourse({ id: present(ids[1]), level: Level.ADVANCED, language: 'hi' }, own.as(meera));
      await publish(own, present(ids[1]));
      const first = granted(await own.client.listCourses({ pageSize: 2 }));
      expect(first.courses.map(({ id }) => id)).toEqual([ids[4], ids[3]]);
      const { courseId: added } = await makeCourse(own, 'F');
      await publish(own, added);
      const second = granted(await own.client.listCourses({ pageSize: 2, pageToken: first.nextPageToken }));
      const third = granted(await own.client.listCourses({ pageSize: 2, pageToken: second.nextPageToken }));
      expect([...second.courses, ...third.courses].map(({ id }) => id)).toEqual([ids[2], ids[1], ids[0]]);
      expect(third.nextPageToken).toBe('');
      expect(
        granted(await own.client.listCourses({ level: Level.ADVANCED, language: 'hi' })).courses.map(({ id }) => id),
      ).toEqual([ids[1]]);
      expect(granted(await own.client.listCourses({ language: 'ta' })).courses).toEqual([]);
      const all = granted(await own.inside('search').listReleasedCourses({ pageSize: 100 }));
      expect(all.courseIds).toEqual([...ids, added]);
      const mine = granted(await own.client.listMyCourses({ pageSize: 100 }, own.as(meera)));
      expect(mine.courses.map(({ title }) => title)).toEqual(['F', 'Draft', 'E', 'D', 'C', 'B', 'A']);
      expect(granted(await own.client.listMyCourses({}, own.as(tomas))).courses).toEqual([]);
      expect(await own.client.listCourses({ pageSize: 101 })).toMatchObject({ errors: [{ field: 'pageSize' }] });
      expect(await own.client.listCourses({ pageToken: 'nonsense' })).toMatchObject({
        errors: [{ field: 'pageToken' }],
      });
      expect(own.asked.names).toBeLessThan(5);
    } finally {
      await own.stop();
    }
  });

  it('shows a course and its outline to everybody, with sanitised description, the source to its instructor', async () => {
    const { client, as } = school;
    const { courseId, previewId, paidId } = await makeCourse(school, 'Shown');
    await client.updateCourse({ id: courseId, description: '## For whom\n\n<script>alert(1)</script>You.' }, as(meera));
    await publish(school, courseId);
    const shown = present(granted(await client.getCourse({ id: 'shown' })).course);
    expect(shown.descriptionHtml).toContain('<h2 id="h-for-whom">For whom</h2>');
    expect(shown.descriptionHtml).not.toContain('script');
    expect(shown.description).toBe('');
    expect(shown).toMatchObject({ lessonCount: 2, durationSeconds: 20, rating: { count: 0 } });
    expect(present(granted(await client.getCourse({ id: courseId }, as(meera))).course).description).toContain(
      '## For whom',
    );
    const outline = granted(await client.getOutline({ id: courseId }));
    expect(outline.sections[0]?.lessons).toMatchObject([
      { id: previewId, preview: true, kind: LessonKind.TEXT },
      { id: paidId, preview: false },
    ]);
    expect(await client.getOutline({ id: courseId, draft: true })).toMatchObject({ code: 'unauthenticated' });
    expect(await client.getOutline({ id: courseId, draft: true }, as(asha))).toMatchObject({
      code: 'permission_denied',
    });
    expect(await client.updateCourse({ id: courseId, title: 'x' }, as(tomas))).toMatchObject({
      code: 'permission_denied',
    });
    expect(await client.getCourse({ id: 'crs_none' })).toMatchObject({ code: 'not_found' });
  });
});
