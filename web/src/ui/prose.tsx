import { useEffect, useRef } from 'react';
import { framed } from '../lib/prose.ts';

/** What an author wrote, set for reading. `html` is what the platform answered: sanitised there, shown here. */
export function Prose({ html }: { html: string }) {
  const ref = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text has other frames.
  useEffect(() => {
    if (!ref.current) return undefined;
    const update = () => markScrollable(ref.current);
    const watch = new ResizeObserver(update);
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, [html]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: the platform answers sanitised HTML.
  return <div ref={ref} className="prose" dangerouslySetInnerHTML={{ __html: framed(html) }} />;
}

/** What scrolls sideways can be reached with the keyboard; what does not is no stop on the way. */
function markScrollable(prose: HTMLElement | null): void {
  for (const frame of prose?.querySelectorAll<HTMLElement>('pre, .prose-frame') ?? []) {
    if (frame.scrollWidth > frame.clientWidth) {
      frame.tabIndex = 0;
      frame.setAttribute('role', 'region');
      frame.setAttribute('aria-label', frame.tagName === 'PRE' ? 'Code' : 'Table');
    } else {
      for (const name of ['tabindex', 'role', 'aria-label']) frame.removeAttribute(name);
    }
  }
}

/** A short piece of the same, within a line. */
export function InlineHtml({ html }: { html: string }) {
  // biome-ignore lint/security/noDangerouslySetInnerHtml: the platform answers sanitised HTML.
  return <span className="inline-html" dangerouslySetInnerHTML={{ __html: html }} />;
}
