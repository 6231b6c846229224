/** Keeps where somebody is in a video: every few seconds while it plays, on pause, and when the page goes away. */
import { type RefObject, useEffect } from 'react';
import { putProgress } from '../api/learning.ts';

const saveEveryMs = 5_000;

export function useSavedPosition(video: RefObject<HTMLVideoElement | null>, lessonId: string, enabled: boolean): void {
  useEffect(() => {
    const element = video.current;
    if (!element || !enabled) return undefined;
    let saved = -1;
    const save = (keepalive: boolean) => {
      const positionSeconds = Math.floor(element.currentTime);
      if (positionSeconds === saved || positionSeconds === 0) return;
      saved = positionSeconds;
      // A position that is not kept is no loss worth a message; the next one comes in a few seconds.
      putProgress(lessonId, { positionSeconds }, keepalive).catch(() => {
        saved = -1;
      });
    };
    const onPause = () => save(false);
    const onHide = () => document.visibilityState === 'hidden' && save(true);
    const onLeave = () => save(true);
    const timer = setInterval(() => !element.paused && save(false), saveEveryMs);
    element.addEventListener('pause', onPause);
    document.addEventListener('visibilitychange', onHide);
    window.addEventListener('pagehide', onLeave);
    return () => {
      save(true);
      clearInterval(timer);
      element.removeEventListener('pause', onPause);
      document.removeEventListener('visibilitychange', onHide);
      window.removeEventListener('pagehide', onLeave);
    };
  }, [video, lessonId, enabled]);
}
