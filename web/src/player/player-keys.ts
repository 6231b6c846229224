/** The keys everybody's hands know, as commands. Pure: the player carries them out. */
export type PlayerCommand =
  | { readonly kind: 'toggle' | 'mute' | 'fullscreen' | 'captions' }
  | { readonly kind: 'seek'; readonly bySeconds: number }
  | { readonly kind: 'jump'; readonly toFraction: number }
  | { readonly kind: 'volume'; readonly by: number }
  | { readonly kind: 'speed'; readonly by: number };

export interface PressedKey {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  /** What has the focus: keys that a control or a field needs stay its own. */
  readonly on: 'field' | 'button' | 'slider' | 'other';
}

const commands: Readonly<Record<string, PlayerCommand>> = {
  k: { kind: 'toggle' },
  ' ': { kind: 'toggle' },
  j: { kind: 'seek', bySeconds: -10 },
  l: { kind: 'seek', bySeconds: 10 },
  arrowleft: { kind: 'seek', bySeconds: -5 },
  arrowright: { kind: 'seek', bySeconds: 5 },
  arrowup: { kind: 'volume', by: 0.1 },
  arrowdown: { kind: 'volume', by: -0.1 },
  m: { kind: 'mute' },
  f: { kind: 'fullscreen' },
  c: { kind: 'captions' },
  '<': { kind: 'speed', by: -1 },
  '>': { kind: 'speed', by: 1 },
};

/** Undefined when the key is not the player's. */
export function commandFor(pressed: PressedKey): PlayerCommand | undefined {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || pressed.on === 'field') return undefined;
  const key = pressed.key.toLowerCase();
  if (pressed.on === 'button' && (key === ' ' || key === 'enter')) return undefined;
  if (pressed.on === 'slider' && key.startsWith('arrow')) return undefined;
  if (/^\d$/.test(key)) return { kind: 'jump', toFraction: Number(key) / 10 };
  return commands[key];
}

export const speeds: readonly number[] = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

/** The next speed up or down; stays at the ends. */
export function nextSpeed(speed: number, by: number): number {
  const at = speeds.indexOf(speed);
  const from = at < 0 ? speeds.indexOf(1) : at;
  return speeds[Math.min(speeds.length - 1, Math.max(0, from + by))] ?? 1;
}
