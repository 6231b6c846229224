import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { asProblem } from '../api/problem.ts';
import { setRoles, usersQuery } from '../api/session.ts';
import type { User } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Notice, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox, TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { RequireUser } from './require-user.tsx';

export function UsersPage() {
  useTitle('Users');
  return <RequireUser holding="admin">{() => <Users />}</RequireUser>;
}

function Users() {
  const [text, setText] = useState('');
  const query = useInfiniteQuery(usersQuery(useDeferredValue(text.trim())));
  const [editing, setEditing] = useState<User>();
  const columns: readonly Column<User>[] = [
    { name: 'Name', render: (user) => user.displayName },
    { name: 'E-mail address', render: (user) => user.email },
    { name: 'Verified', render: (user) => (user.emailVerified ? 'Yes' : 'No') },
    {
      name: 'Roles',
      render: (user) => (
        <span className="badge-row">
          {user.roles.map((role) => (
            <Badge key={role} tone={role === 'admin' ? 'warn' : 'neutral'}>
              {sentence(role)}
            </Badge>
          ))}
        </span>
      ),
    },
    { name: 'Since', render: (user) => <Time at={user.createdAt} style="date" /> },
    {
      name: 'Change',
      render: (user) => (
        <Button small aria-label={`Change the roles of ${user.displayName}`} onPress={() => setEditing(user)}>
          Roles
        </Button>
      ),
    },
  ];
  return (
    <div className="page">
      <PageHead title="Users and roles" />
      <TextField
        label="Find by the beginning of the address or of a name"
        type="search"
        value={text}
        onChange={setText}
        maxLength={100}
      />
      <QueryView query={query}>
        {(data) => {
          const users = data.pages.flatMap((page) => page.users);
          if (users.length === 0) return <EmptyState icon="user" title="Nobody matches" />;
          return <Table caption="Users" columns={columns} rows={users} rowKey={(user) => user.id} />;
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
      {editing && <RolesDialog user={editing} onClose={() => setEditing(undefined)} />}
    </div>
  );
}

const roles: readonly [string, string][] = [
  ['learner', 'Buys and takes courses.'],
  ['instructor', 'Writes and publishes courses.'],
  ['finance', 'Sees the books and all orders, and refunds.'],
  ['admin', 'May do everything, this included.'],
];

function RolesDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const [held, setHeld] = useState<ReadonlySet<string>>(new Set(user.roles));
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => setRoles(user.id, [...held]),
    onSuccess: async () => {
      toast(`${user.displayName}’s roles are changed.`);
      await client.invalidateQueries({ queryKey: ['users'] });
      onClose();
    },
  });
  const toggle = (role: string, on: boolean) =>
    setHeld((old) => new Set(on ? [...old, role] : [...old].filter((one) => one !== role)));
  return (
    <Dialog title={`Roles of ${user.displayName}`} isOpen onClose={onClose} busy={save.isPending}>
      <div className="form">
        {save.error && (
          <Notice tone="danger" live>
            <p>{asProblem(save.error).detail}</p>
          </Notice>
        )}
        {roles.map(([role, means]) => (
          <Checkbox key={role} isSelected={held.has(role)} onChange={(on) => toggle(role, on)}>
            {sentence(role)}
            <span className="choice-hint">{means}</span>
          </Checkbox>
        ))}
        <p className="field-hint">The change holds from the person’s next request.</p>
        <div className="button-row button-row-end">
          <Button onPress={onClose}>Leave as it is</Button>
          <Button look="primary" isPending={save.isPending} onPress={() => save.mutate()}>
            Save the roles
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
