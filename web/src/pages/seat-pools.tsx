import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { seatPoolsQuery } from '../api/seats.ts';
import type { SeatPool } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { plural } from '../lib/words.ts';
import { Badge, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { RequireUser } from './require-user.tsx';

export function SeatPoolsPage() {
  useTitle('Seats for a team');
  return <RequireUser>{() => <SeatPools />}</RequireUser>;
}

function SeatPools() {
  const query = useInfiniteQuery(seatPoolsQuery);
  return (
    <div className="page page-medium">
      <PageHead title="Seats for a team" />
      <QueryView query={query}>{(data) => <PoolList pools={data.pages.flatMap((page) => page.pools)} />}</QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older purchases
        </Button>
      )}
    </div>
  );
}

function PoolList({ pools }: { pools: readonly SeatPool[] }) {
  if (pools.length === 0) {
    return (
      <EmptyState icon="user" title="No seats yet" action={<ButtonLink to="/courses">See the courses</ButtonLink>}>
        <p>“Buy seats for a team” stands beside the price of each course.</p>
      </EmptyState>
    );
  }
  return (
    <ul className="list">
      {pools.map((pool) => (
        <li key={pool.id} className="list-row">
          <div className="list-main">
            <Link to="/seats/$poolId" params={{ poolId: pool.id }} className="list-title">
              {pool.courseTitle}
            </Link>
            <span className="list-note">
              Bought <Time at={pool.boughtAt} style="date" />
            </span>
          </div>
          {pool.ended ? (
            <Badge>Refunded</Badge>
          ) : (
            <Badge tone={pool.seatsFree > 0 ? 'warn' : 'good'}>
              {pool.seatsFree > 0 ? `${plural(pool.seatsFree, 'seat')} free` : 'All given out'}
            </Badge>
          )}
          <span className="tabular">
            {pool.seatsAssigned} of {plural(pool.seats, 'seat')}
          </span>
        </li>
      ))}
    </ul>
  );
}
