import { useMutation, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { putProgress } from '../api/learning.ts';
import type { Lesson, LessonProgress, Video } from '../api/types.ts';
import { useInBrowser } from '../ui/bits.tsx';
import { Prose } from '../ui/prose.tsx';
import { EmptyState, Skeleton } from '../ui/states.tsx';

const Quiz = lazy(() => import('./quiz.tsx').then((page) => ({ default: page.Quiz })));
const VideoPlayer = lazy(() => import('../player/video-player.tsx').then((part) => ({ default: part.VideoPlayer })));

interface BodyProps {
  lesson: Lesson;
  progress: LessonProgress | undefined;
  /** Whether what is known of the person has arrived: a video must not start before its place is known. */
  isReady: boolean;
  keeps: boolean;
}

export function LessonBody({ lesson, progress, isReady, keeps }: BodyProps) {
  if (lesson.kind === 'video')
    return <VideoLesson lesson={lesson} progress={progress} isReady={isReady} keeps={keeps} />;
  if (lesson.kind === 'quiz') {
    if (!isReady) return <Skeleton lines={5} label="Loading the quiz" />;
    return (
      <Suspense fallback={<Skeleton lines={5} label="Loading the quiz" />}>
        <Quiz lesson={lesson} keeps={keeps} />
      </Suspense>
    );
  }
  if (!lesson.html) {
    return (
      <EmptyState icon="text" title="Nothing to read here">
        <p>This kind of lesson cannot be shown yet.</p>
      </EmptyState>
    );
  }
  return <Prose html={lesson.html} />;
}

function VideoLesson({ lesson, progress, isReady, keeps }: BodyProps) {
  const client = useQueryClient();
  const inBrowser = useInBrowser();
  const finish = useMutation({
    mutationFn: () => putProgress(lesson.id, { completed: true }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['progress', lesson.courseId] });
      void client.invalidateQueries({ queryKey: ['enrolments'] });
    },
  });
  const video = lesson.content?.video;
  if (!video?.url) {
    return (
      <EmptyState icon="video" title="There is no video yet">
        <p>The author has not uploaded it.</p>
      </EmptyState>
    );
  }
  const waiting = <PlainVideo video={video} title={lesson.title} />;
  return (
    <>
      {isReady && inBrowser ? (
        <Suspense fallback={waiting}>
          <VideoPlayer
            video={video}
            title={lesson.title}
            lessonId={lesson.id}
            startSeconds={progress?.positionSeconds ?? 0}
            keeps={keeps}
            onEnded={() => keeps && finish.mutate()}
          />
        </Suspense>
      ) : (
        waiting
      )}
      {lesson.html && <Prose html={lesson.html} />}
      {video.transcript && (
        <details className="transcript">
          <summary>Transcript</summary>
          <div className="prose transcript-text">
            {video.transcript.split(/\n{2,}/).map((paragraph) => (
              <p key={paragraph}>{paragraph}</p>
            ))}
          </div>
        </details>
      )}
    </>
  );
}

/** The browser's own player: what is there without JavaScript, and while ours is loading. */
function PlainVideo({ video, title }: { video: Video; title: string }) {
  return (
    <div className="player player-pending">
      {/* biome-ignore lint/a11y/useMediaCaption: captions are there exactly when the author gave them. */}
      <video
        className="player-video"
        src={video.url}
        poster={video.posterUrl || undefined}
        preload="none"
        controls
        aria-label={title}
      >
        {video.captionsUrl && <track kind="captions" src={video.captionsUrl} label="Captions" />}
      </video>
    </div>
  );
}
