/** Short words about what just happened, said aloud to screen readers too. */
import { useSyncExternalStore } from 'react';
import { asProblem } from '../api/problem.ts';
import { Button } from './button.tsx';
import { Icon } from './icons.tsx';

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'good' | 'danger';
}

const shownMs = 6_000;
const toastsMax = 3;
let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

export function toast(text: string, tone: Toast['tone'] = 'good'): void {
  lastId += 1;
  const id = lastId;
  set([...toasts, { id, text, tone }].slice(-toastsMax));
  setTimeout(() => dismiss(id), shownMs);
}

/** Says what went wrong with something the person did. */
export function toastProblem(error: unknown): void {
  toast(asProblem(error).detail, 'danger');
}

function dismiss(id: number): void {
  set(toasts.filter((shown) => shown.id !== id));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const none: readonly Toast[] = [];

export function Toasts() {
  const shown = useSyncExternalStore(
    subscribe,
    () => toasts,
    () => none,
  );
  return (
    <div className="toasts no-print" role="status" aria-live="polite">
      {shown.map((one) => (
        <div key={one.id} className={`toast toast-${one.tone}`}>
          <Icon name={one.tone === 'good' ? 'check' : 'warning'} />
          <span>{one.text}</span>
          <Button look="quiet" small iconOnly aria-label="Dismiss" onPress={() => dismiss(one.id)}>
            <Icon name="close" size={16} />
          </Button>
        </div>
      ))}
    </div>
  );
}
