import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { changePassword, endSession, meQuery, sendVerification, sessionsQuery, updateMe } from '../api/session.ts';
import type { Session, User } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Notice, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { QueryView } from '../ui/states.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { RequireUser } from './require-user.tsx';

export function AccountPage() {
  useTitle('Account');
  return (
    <RequireUser>
      {(user) => (
        <div className="page page-medium">
          <PageHead title="Account" />
          <Profile user={user} />
          <Password />
          <Sessions />
        </div>
      )}
    </RequireUser>
  );
}

function Profile({ user }: { user: User }) {
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: updateMe,
    onSuccess: (data) => {
      client.setQueryData(meQuery.queryKey, data);
      toast('Your name is changed.');
    },
  });
  return (
    <section className="panel" aria-labelledby="profile-title">
      <h2 id="profile-title" className="section-title">
        You
      </h2>
      <Form
        label="Profile"
        onSubmit={(values) => save.mutate((values.displayName ?? '').trim())}
        error={save.error}
        fields={['displayName']}
      >
        <TextField
          label="Your name"
          name="displayName"
          defaultValue={user.displayName}
          autoComplete="name"
          maxLength={80}
          isRequired
          error={fieldError(save.error, 'displayName')}
        />
        <div>
          <Button type="submit" isPending={save.isPending}>
            Save the name
          </Button>
        </div>
      </Form>
      <dl className="facts">
        <div className="fact">
          <dt>E-mail address</dt>
          <dd>
            {user.email}{' '}
            {user.emailVerified ? (
              <Badge tone="good" icon="check">
                Verified
              </Badge>
            ) : (
              <Badge tone="warn">Not verified</Badge>
            )}
          </dd>
        </div>
        <div className="fact">
          <dt>Roles</dt>
          <dd>{user.roles.map(sentence).join(', ')}</dd>
        </div>
      </dl>
      {!user.emailVerified && <VerifyAgain />}
    </section>
  );
}

function VerifyAgain() {
  const send = useMutation({
    mutationFn: sendVerification,
    onSuccess: () => toast('The mail is on its way.'),
    onError: toastProblem,
  });
  return (
    <Notice tone="warn" title="Your address is not verified">
      <p>Open the link in the mail we sent you.</p>
      <Button small isPending={send.isPending} onPress={() => send.mutate()}>
        Send the mail again
      </Button>
    </Notice>
  );
}

function Password() {
  const [round, setRound] = useState(0);
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: changePassword,
    onSuccess: () => {
      toast('The password is changed. Every other session has ended.');
      setRound((old) => old + 1);
      void client.invalidateQueries({ queryKey: sessionsQuery.queryKey });
    },
  });
  return (
    <section className="panel" aria-labelledby="password-title">
      <h2 id="password-title" className="section-title">
        Password
      </h2>
      <Form
        key={round}
        label="Password"
        onSubmit={(values) =>
          change.mutate({ currentPassword: values.currentPassword ?? '', newPassword: values.newPassword ?? '' })
        }
        error={change.error}
        fields={['currentPassword', 'newPassword']}
      >
        <TextField
          label="Password now"
          name="currentPassword"
          type="password"
          autoComplete="current-password"
          isRequired
          error={fieldError(change.error, 'currentPassword')}
        />
        <TextField
          label="New password"
          name="newPassword"
          type="password"
          autoComplete="new-password"
          isRequired
          hint="At least 8 characters. Changing it ends every other session."
          error={fieldError(change.error, 'newPassword')}
        />
        <div>
          <Button type="submit" isPending={change.isPending}>
            Change the password
          </Button>
        </div>
      </Form>
    </section>
  );
}

function Sessions() {
  const query = useQuery(sessionsQuery);
  return (
    <section className="panel" aria-labelledby="sessions-title">
      <h2 id="sessions-title" className="section-title">
        Where you are signed in
      </h2>
      <QueryView query={query}>
        {(sessions) => (
          <ul className="list">
            {sessions.map((session) => (
              <SessionRow key={session.id} session={session} />
            ))}
          </ul>
        )}
      </QueryView>
    </section>
  );
}

function SessionRow({ session }: { session: Session }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => endSession(session.id),
    onSuccess: () => client.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
    onError: toastProblem,
  });
  const name = browserName(session.userAgent);
  return (
    <li className="list-row">
      <div className="list-main">
        <span className="list-title">{name}</span>
        <span className="list-note">
          Last used <Time at={session.lastSeenAt ?? session.createdAt} style="ago" />
        </span>
      </div>
      {session.current ? (
        <Badge tone="good">This one</Badge>
      ) : (
        <Button small aria-label={`End the session of ${name}`} isPending={end.isPending} onPress={() => end.mutate()}>
          End it
        </Button>
      )}
    </li>
  );
}

/** `Firefox on Linux`, as far as the browser says. */
function browserName(userAgent: string): string {
  const browser = [/Edg/, /Firefox/, /Chrome/, /Safari/]
    .find((one) => one.test(userAgent))
    ?.source.replace('Edg', 'Edge');
  const system = [/Android/, /iPhone|iPad/, /Windows/, /Mac OS/, /Linux/]
    .map((one) => one.exec(userAgent)?.[0])
    .find(Boolean);
  if (!browser) return userAgent.slice(0, 60) || 'A program';
  return system ? `${browser} on ${system}` : browser;
}
