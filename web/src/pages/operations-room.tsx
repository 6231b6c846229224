/** What the operator's pages are made of. */
import { Link, useRouterState } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTitle } from '../lib/use-title.ts';
import { type Crumb, Notice, PageHead } from '../ui/bits.tsx';
import { RequireUser } from './require-user.tsx';

const doors = [
  { to: '/operations', label: 'Health' },
  { to: '/operations/traces', label: 'Traces' },
  { to: '/operations/events', label: 'Events' },
] as const;

interface RoomProps {
  title: string;
  lead?: ReactNode;
  crumbs?: readonly Crumb[];
  children: ReactNode;
}

export function OperationsRoom({ title, lead, crumbs, children }: RoomProps) {
  useTitle(title);
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <RequireUser holding="admin">
      {() => (
        <div className="page">
          <nav className="subnav no-print" aria-label="Operations">
            {doors.map(({ to, label }) => {
              const on = to === '/operations' ? path === to : path.startsWith(to);
              return (
                <Link
                  key={to}
                  to={to}
                  className={on ? 'subnav-link subnav-on' : 'subnav-link'}
                  activeProps={{ className: '' }}
                  activeOptions={{ exact: true }}
                  aria-current={path === to ? 'page' : on ? 'true' : undefined}
                >
                  {label}
                </Link>
              );
            })}
          </nav>
          <PageHead title={title} lead={lead} {...(crumbs && { crumbs })} />
          {children}
        </div>
      )}
    </RequireUser>
  );
}

/** Which processes did not answer in time, so that nobody takes a part for the whole. */
export function Silent({ names }: { names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <Notice tone="warn" title="Not all processes answered" live>
      <p>What they know is missing here: {names.join(', ')}.</p>
    </Notice>
  );
}

export function milliseconds(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(2)} ms`;
}
