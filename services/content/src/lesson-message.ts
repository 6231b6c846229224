/** A lesson as the API shows it. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { LessonSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { kindOf } from './course.ts';
import { type ContentAudience, contentMessage, type LessonBody, type LessonHead } from './lesson.ts';

export interface ShownLesson {
  readonly id: string;
  readonly head: Pick<LessonHead, 'courseId' | 'sectionId' | 'title' | 'kind' | 'durationSeconds' | 'preview'>;
  readonly body: LessonBody;
  /** 0: the draft. */
  readonly release: number;
  readonly audience: ContentAudience;
}

export function lessonMessage(shown: ShownLesson): MessageInitShape<typeof LessonSchema> {
  const { id, head, body, release, audience } = shown;
  return {
    id,
    courseId: head.courseId,
    sectionId: head.sectionId,
    title: head.title,
    kind: kindOf(head.kind),
    durationSeconds: head.durationSeconds,
    preview: head.preview,
    content: contentMessage(body.content, audience),
    html: body.html,
    release,
  };
}
