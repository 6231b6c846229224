import { Navigate, useRouterState } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Problem } from '../api/problem.ts';
import type { User } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { ErrorState, Skeleton } from '../ui/states.tsx';

const forbidden = (role: string) =>
  new Problem({
    status: 403,
    code: 'permission_denied',
    title: 'This room is not open to you',
    detail: `It is for people with the role “${role}”. If you should have it, ask an administrator.`,
  });

/** Shows its page to someone signed in (and holding the role); everybody else is told what to do. */
export function RequireUser({ holding, children }: { holding?: string; children: (user: User) => ReactNode }) {
  const me = useMe();
  const href = useRouterState({ select: (state) => state.location.href });
  if (me.state === 'unknown') {
    return (
      <div className="page">
        <Skeleton lines={6} />
      </div>
    );
  }
  if (!me.user) return <Navigate to="/sign-in" search={{ return: href }} replace />;
  if (holding && !me.has(holding)) {
    return (
      <div className="page page-narrow">
        <ErrorState problem={forbidden(holding)} />
      </div>
    );
  }
  return children(me.user);
}
