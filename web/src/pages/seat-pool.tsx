/** Seats of one purchase: who has them, giving one to somebody, taking one back, links by which people take one. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import {
  assignSeat,
  createJoinLink,
  joinLinksQuery,
  revokeJoinLink,
  seatPoolQuery,
  seatsQuery,
  withdrawSeat,
} from '../api/seats.ts';
import type { JoinLink, Seat, SeatPool } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { useTitle } from '../lib/use-title.ts';
import { plural } from '../lib/words.ts';
import { Badge, Notice, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { RefundSeatsDialog } from './refund-seats-dialog.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/seats/$poolId');

export function SeatPoolPage() {
  useTitle('Seats for a team');
  const { poolId } = route.useParams();
  return <RequireUser>{() => <Pool id={poolId} />}</RequireUser>;
}

function Pool({ id }: { id: string }) {
  const query = useQuery(seatPoolQuery(id));
  return (
    <div className="page page-medium">
      <QueryView query={query} skeleton={<Skeleton lines={6} label="Loading the seats" />}>
        {(pool) => <PoolView pool={pool} />}
      </QueryView>
    </div>
  );
}

function PoolView({ pool }: { pool: SeatPool }) {
  const [refunding, setRefunding] = useState(false);
  return (
    <>
      <PageHead
        title={pool.courseTitle}
        crumbs={[{ label: 'Seats', link: { to: '/seats' } }, { label: pool.courseTitle }]}
        actions={
          <>
            <ButtonLink to="/orders/$orderId" params={{ orderId: pool.orderId }}>
              Receipt
            </ButtonLink>
            {pool.seatsFree > 0 && <Button onPress={() => setRefunding(true)}>Return seats</Button>}
          </>
        }
      />
      <dl className="facts">
        <Fact name="Seats">{pool.seats}</Fact>
        <Fact name="Given out">{pool.seatsAssigned}</Fact>
        <Fact name="Free">{pool.seatsFree}</Fact>
        {pool.seatsRefunding > 0 && <Fact name="Being refunded">{pool.seatsRefunding}</Fact>}
        {pool.seatsRefunded > 0 && <Fact name="Refunded">{pool.seatsRefunded}</Fact>}
        <Fact name="May change hands">{plural(pool.reassignmentsLeft, 'more time')}</Fact>
      </dl>
      {pool.ended ? (
        <Notice tone="info">
          <p>These seats were refunded.</p>
        </Notice>
      ) : (
        <>
          <Assign pool={pool} />
          <JoinLinks pool={pool} />
        </>
      )}
      <Seats pool={pool} />
      {refunding && <RefundSeatsDialog pool={pool} onClose={() => setRefunding(false)} />}
    </>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd className="tabular">{children}</dd>
    </div>
  );
}

function useRefresh(poolId: string) {
  const client = useQueryClient();
  return async (pool?: SeatPool) => {
    if (pool) client.setQueryData(seatPoolQuery(poolId).queryKey, { pool });
    for (const key of ['seats', 'join-links', 'seat-pools']) await client.invalidateQueries({ queryKey: [key] });
  };
}

function Assign({ pool }: { pool: SeatPool }) {
  const [round, setRound] = useState(0);
  const refresh = useRefresh(pool.id);
  const assign = useMutation({
    mutationFn: (email: string) => assignSeat(pool.id, email),
    onSuccess: async (data) => {
      await refresh(data.pool);
      toast(
        data.seat.status === 'invited' ? 'The seat waits until they have an account.' : 'They can start learning now.',
      );
      setRound((old) => old + 1);
    },
  });
  return (
    <section className="panel" aria-labelledby="assign-title">
      <h2 id="assign-title" className="section-title">
        Give a seat to somebody
      </h2>
      <Form
        key={round}
        label="Give a seat"
        onSubmit={(values) => assign.mutate((values.email ?? '').trim())}
        error={assign.error}
        fields={['email']}
      >
        <TextField
          label="E-mail address"
          name="email"
          type="email"
          isRequired
          hint="Who has no account with this verified address yet gets the seat as soon as they have."
          error={fieldError(assign.error, 'email')}
        />
        <div>
          <Button type="submit" look="primary" isPending={assign.isPending} isDisabled={pool.seatsFree < 1}>
            Give the seat
          </Button>
        </div>
      </Form>
    </section>
  );
}

const states = {
  invited: ['warn', 'Waits for their account'],
  assigned: ['good', 'Has the seat'],
  withdrawn: ['neutral', 'Taken back'],
  ended: ['neutral', 'Refunded'],
} as const;

function Seats({ pool }: { pool: SeatPool }) {
  const query = useInfiniteQuery(seatsQuery(pool.id));
  return (
    <section className="receipt-part" aria-labelledby="seats-title">
      <h2 id="seats-title" className="section-title">
        Who has a seat
      </h2>
      <QueryView query={query}>
        {(data) => {
          const seats = data.pages.flatMap((page) => page.seats);
          if (seats.length === 0) return <EmptyState icon="user" title="Nobody has a seat yet" />;
          return (
            <ul className="list">
              {seats.map((seat) => (
                <SeatRow key={seat.id} seat={seat} pool={pool} />
              ))}
            </ul>
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </section>
  );
}

function SeatRow({ seat, pool }: { seat: Seat; pool: SeatPool }) {
  const refresh = useRefresh(pool.id);
  const withdraw = useMutation({
    mutationFn: () => withdrawSeat(pool.id, seat.id),
    onSuccess: async (data) => {
      await refresh(data.pool);
      toast('The seat is free again.');
    },
    onError: toastProblem,
  });
  const [tone, words] = states[seat.status ?? 'invited'];
  const who = seat.displayName || seat.email || 'Somebody';
  return (
    <li className="list-row">
      <div className="list-main">
        <span className="list-title">{who}</span>
        <span className="list-note">
          {seat.displayName && seat.email ? `${seat.email}, ` : ''}
          {seat.by === 'join_link' ? 'by a link, ' : ''}
          <Time at={seat.withdrawnAt ?? seat.assignedAt} />
        </span>
      </div>
      <Badge tone={tone}>{words}</Badge>
      {(seat.status === 'assigned' || seat.status === 'invited') && (
        <Button
          small
          aria-label={`Take it back from ${who}`}
          isPending={withdraw.isPending}
          onPress={() => withdraw.mutate()}
        >
          Take it back
        </Button>
      )}
    </li>
  );
}

function JoinLinks({ pool }: { pool: SeatPool }) {
  const query = useInfiniteQuery(joinLinksQuery(pool.id));
  const refresh = useRefresh(pool.id);
  const make = useMutation({
    mutationFn: () => createJoinLink(pool.id),
    onSuccess: () => refresh(),
    onError: toastProblem,
  });
  const links = query.data?.pages.flatMap((page) => page.links) ?? [];
  return (
    <section className="panel" aria-labelledby="links-title">
      <h2 id="links-title" className="section-title">
        Links
      </h2>
      <p>Who opens a link takes a free seat by themselves.</p>
      {make.data && (
        <Notice tone="good" title="Copy this link now; it is shown once" live>
          <code className="secret-once">{new URL(make.data.joinPath, location.origin).href}</code>
        </Notice>
      )}
      {links.length > 0 && (
        <ul className="list">
          {links.map((link) => (
            <LinkRow key={link.id} link={link} poolId={pool.id} />
          ))}
        </ul>
      )}
      <div>
        <Button isPending={make.isPending} isDisabled={pool.seatsFree < 1} onPress={() => make.mutate()}>
          Make a link
        </Button>
      </div>
    </section>
  );
}

function LinkRow({ link, poolId }: { link: JoinLink; poolId: string }) {
  const refresh = useRefresh(poolId);
  const stop = useMutation({
    mutationFn: () => revokeJoinLink(poolId, link.id),
    onSuccess: () => refresh(),
    onError: toastProblem,
  });
  const isOver = link.revoked || link.uses >= link.usesMax || new Date(link.expiresAt ?? 0).getTime() < Date.now();
  return (
    <li className="list-row">
      <div className="list-main">
        <span className="list-title tabular">
          {link.uses} of {plural(link.usesMax, 'use')}
        </span>
        <span className="list-note">
          Made <Time at={link.createdAt} />, open until <Time at={link.expiresAt} />
        </span>
      </div>
      {isOver ? (
        <Badge>{link.revoked ? 'Stopped' : 'Used up or run out'}</Badge>
      ) : (
        <Button small isPending={stop.isPending} onPress={() => stop.mutate()}>
          Stop it
        </Button>
      )}
    </li>
  );
}
