/** Times and durations as sentences. */

/** `12 min`, `1 h 5 min`; '' for nothing. */
export function formatDuration(seconds: number): string {
  if (seconds <= 0) return '';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}

/** `4:07`, `1:02:33`: a position in a video. */
export function formatPosition(seconds: number): string {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

const steps: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** `3 hours ago`; a date beyond a week. */
export function formatAgo(at: Date, now: Date): string {
  const seconds = (now.getTime() - at.getTime()) / 1000;
  if (seconds > 7 * 86_400) return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
  const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  for (const [unit, length] of steps)
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), unit);
  return 'just now';
}

/** `in 6 days`; `passed` when it is over. */
export function formatLeft(at: Date, now: Date): string {
  const seconds = (at.getTime() - now.getTime()) / 1000;
  if (seconds <= 0) return 'passed';
  const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
  for (const [unit, length] of steps) if (seconds >= length) return relative.format(Math.floor(seconds / length), unit);
  return 'in less than a minute';
}
