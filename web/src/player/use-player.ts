/** The state of a video element as React sees it, and what can be done to it. */
import { type RefObject, useEffect, useState } from 'react';
import { nextSpeed, type PlayerCommand } from './player-keys.ts';

export interface Player {
  readonly isPlaying: boolean;
  readonly isMuted: boolean;
  readonly hasCaptionsOn: boolean;
  readonly failed: boolean;
  readonly positionSeconds: number;
  readonly durationSeconds: number;
  readonly speed: number;
  run(command: PlayerCommand): void;
  seekTo(seconds: number): void;
  setSpeed(speed: number): void;
}

interface Seen {
  readonly isPlaying: boolean;
  readonly isMuted: boolean;
  readonly positionSeconds: number;
  readonly durationSeconds: number;
  readonly speed: number;
  readonly failed: boolean;
}

const nothing: Seen = {
  isPlaying: false,
  isMuted: false,
  positionSeconds: 0,
  durationSeconds: 0,
  speed: 1,
  failed: false,
};
const watched = [
  'play',
  'pause',
  'timeupdate',
  'seeked',
  'durationchange',
  'loadedmetadata',
  'volumechange',
  'ratechange',
  'ended',
  'error',
];

function look(video: HTMLVideoElement): Seen {
  return {
    isPlaying: !video.paused && !video.ended,
    isMuted: video.muted || video.volume === 0,
    positionSeconds: video.currentTime,
    durationSeconds: Number.isFinite(video.duration) ? video.duration : 0,
    speed: video.playbackRate,
    failed: video.error !== null,
  };
}

export function usePlayer(
  video: RefObject<HTMLVideoElement | null>,
  frame: RefObject<HTMLElement | null>,
  startSeconds: number,
): Player {
  const [seen, setSeen] = useState(nothing);
  const [hasCaptionsOn, setCaptionsOn] = useState(false);
  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    const update = () => setSeen(look(element));
    for (const name of watched) element.addEventListener(name, update);
    update();
    return () => {
      for (const name of watched) element.removeEventListener(name, update);
    };
  }, [video]);
  useResume(video, startSeconds);
  const run = (command: PlayerCommand) => {
    const element = video.current;
    if (!element) return;
    if (command.kind === 'fullscreen') toggleFullscreen(frame.current);
    else if (command.kind === 'captions') setCaptionsOn(toggleCaptions(element));
    else carryOut(element, command);
  };
  const seekTo = (seconds: number) => {
    if (video.current) video.current.currentTime = seconds;
  };
  const setSpeed = (speed: number) => {
    if (video.current) video.current.playbackRate = speed;
  };
  return { ...seen, hasCaptionsOn, run, seekTo, setSpeed };
}

/** Goes on where the person stopped, once, unless that was the end. */
function useResume(video: RefObject<HTMLVideoElement | null>, startSeconds: number): void {
  useEffect(() => {
    const element = video.current;
    if (!element || startSeconds <= 0) return undefined;
    const resume = () => {
      if (element.currentTime === 0 && startSeconds < element.duration - 5) element.currentTime = startSeconds;
    };
    if (element.readyState >= HTMLMediaElement.HAVE_METADATA) resume();
    else element.addEventListener('loadedmetadata', resume, { once: true });
    return () => element.removeEventListener('loadedmetadata', resume);
  }, [video, startSeconds]);
}

function carryOut(video: HTMLVideoElement, command: PlayerCommand): void {
  switch (command.kind) {
    case 'toggle':
      if (video.paused) void video.play().catch(() => undefined);
      else video.pause();
      return;
    case 'mute':
      video.muted = !video.muted;
      return;
    case 'seek':
      video.currentTime = Math.max(0, video.currentTime + command.bySeconds);
      return;
    case 'jump':
      if (Number.isFinite(video.duration)) video.currentTime = video.duration * command.toFraction;
      return;
    case 'volume':
      video.muted = false;
      video.volume = Math.min(1, Math.max(0, video.volume + command.by));
      return;
    case 'speed':
      video.playbackRate = nextSpeed(video.playbackRate, command.by);
      return;
    default:
      return;
  }
}

function toggleFullscreen(frame: HTMLElement | null): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void frame?.requestFullscreen();
}

/** Whether captions show now. */
function toggleCaptions(video: HTMLVideoElement): boolean {
  const track = video.textTracks[0];
  if (!track) return false;
  track.mode = track.mode === 'showing' ? 'hidden' : 'showing';
  return track.mode === 'showing';
}
