/** A video with a bar of our own: every control has a name, a key, and a size for thumbs. */
import { type KeyboardEvent, useRef } from 'react';
import type { Video } from '../api/types.ts';
import { formatPosition } from '../lib/time.ts';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { Menu, MenuItem } from '../ui/menu.tsx';
import { commandFor, type PressedKey, speeds } from './player-keys.ts';
import { useSavedPosition } from './saved-position.ts';
import { type Player, usePlayer } from './use-player.ts';

interface VideoPlayerProps {
  video: Video;
  title: string;
  lessonId: string;
  /** Where to go on. */
  startSeconds: number;
  /** Whether the platform keeps this person's position. */
  keeps: boolean;
  onEnded: () => void;
}

export function VideoPlayer({ video, title, lessonId, startSeconds, keeps, onEnded }: VideoPlayerProps) {
  const frame = useRef<HTMLDivElement>(null);
  const element = useRef<HTMLVideoElement>(null);
  const player = usePlayer(element, frame, startSeconds);
  useSavedPosition(element, lessonId, keeps);
  const onKey = (event: KeyboardEvent) => {
    const command = commandFor(pressedKey(event));
    if (!command) return;
    event.preventDefault();
    player.run(command);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys work wherever in the player the focus is.
    <div className={player.isPlaying ? 'player player-playing' : 'player'} ref={frame} onKeyDown={onKey}>
      {/* biome-ignore lint/a11y/useMediaCaption: captions are there exactly when the author gave them. */}
      <video
        ref={element}
        className="player-video"
        src={video.url}
        poster={video.posterUrl || undefined}
        preload="metadata"
        playsInline
        aria-label={title}
        onClick={() => player.run({ kind: 'toggle' })}
        onEnded={onEnded}
      >
        {video.captionsUrl && <track kind="captions" src={video.captionsUrl} label="Captions" />}
      </video>
      {player.failed && (
        <p className="player-failed" role="alert">
          This video could not be loaded.
        </p>
      )}
      <Bar player={player} hasCaptions={Boolean(video.captionsUrl)} />
    </div>
  );
}

function Bar({ player, hasCaptions }: { player: Player; hasCaptions: boolean }) {
  return (
    <div className="player-bar">
      <input
        className="player-seek"
        type="range"
        min={0}
        max={Math.max(1, Math.floor(player.durationSeconds))}
        step={1}
        value={Math.floor(player.positionSeconds)}
        onChange={(event) => player.seekTo(Number(event.currentTarget.value))}
        aria-label="Position"
        aria-valuetext={`${formatPosition(player.positionSeconds)} of ${formatPosition(player.durationSeconds)}`}
      />
      <div className="player-controls">
        <Button
          look="quiet"
          small
          iconOnly
          aria-label={player.isPlaying ? 'Pause' : 'Play'}
          aria-keyshortcuts="K"
          onPress={() => player.run({ kind: 'toggle' })}
        >
          <Icon name={player.isPlaying ? 'pause' : 'play'} />
        </Button>
        <Button
          look="quiet"
          small
          iconOnly
          aria-label={player.isMuted ? 'Unmute' : 'Mute'}
          aria-keyshortcuts="M"
          onPress={() => player.run({ kind: 'mute' })}
        >
          <Icon name={player.isMuted ? 'muted' : 'speaker'} />
        </Button>
        <span className="player-time tabular">
          {formatPosition(player.positionSeconds)} / {formatPosition(player.durationSeconds)}
        </span>
        <span className="player-gap" />
        <Menu
          label="Speed"
          trigger={
            <Button look="quiet" small aria-label={`Speed, ${player.speed} times`}>
              {player.speed}×
            </Button>
          }
        >
          {speeds.map((speed) => (
            <MenuItem key={speed} onAction={() => player.setSpeed(speed)} hint={speed === player.speed ? 'Now' : ''}>
              {`${speed}×`}
            </MenuItem>
          ))}
        </Menu>
        {hasCaptions && (
          <Button
            look="quiet"
            small
            iconOnly
            aria-label={player.hasCaptionsOn ? 'Hide captions' : 'Show captions'}
            aria-keyshortcuts="C"
            onPress={() => player.run({ kind: 'captions' })}
          >
            <span className={player.hasCaptionsOn ? 'player-on' : 'player-off'}>
              <Icon name="captions" />
            </span>
          </Button>
        )}
        <Button
          look="quiet"
          small
          iconOnly
          aria-label="Full screen"
          aria-keyshortcuts="F"
          onPress={() => player.run({ kind: 'fullscreen' })}
        >
          <Icon name="fullscreen" />
        </Button>
      </div>
    </div>
  );
}

function pressedKey(event: KeyboardEvent): PressedKey {
  const target = event.target as HTMLElement;
  const isSlider = target instanceof HTMLInputElement && target.type === 'range';
  const isField = !isSlider && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  const isButton = target.tagName === 'BUTTON' || target.getAttribute('role') === 'menuitem';
  const { key, ctrlKey, metaKey, altKey } = event;
  return { key, ctrlKey, metaKey, altKey, on: isField ? 'field' : isSlider ? 'slider' : isButton ? 'button' : 'other' };
}
