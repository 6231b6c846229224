import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useRef } from 'react';
import { myPayoutsQuery } from '../api/payouts.ts';
import type { Payout } from '../api/types.ts';
import { backOffMs, pollAttemptsMax } from '../lib/interval.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Money, Time, type Tone } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';

const states: Readonly<Record<string, readonly [Tone, string]>> = {
  created: ['neutral', 'Waits for approval'],
  approved: ['info', 'Approved'],
  submitted: ['info', 'At the bank'],
  paid: ['good', 'Paid'],
  failed: ['danger', 'Failed'],
  returned: ['danger', 'Came back'],
};

/**
 * What was paid out, with its state at the bank; a failed or returned one says why and is owed again. `wishes` counts what was
 * asked for on this page: a payout follows within seconds, and is looked for.
 */
export function PayoutList({ wishes = 0 }: { wishes?: number }) {
  const looked = useRef({ wishes: 0, from: 0 });
  const query = useInfiniteQuery({
    ...myPayoutsQuery,
    refetchInterval: ({ state }) => {
      if (looked.current.wishes !== wishes) looked.current = { wishes, from: state.dataUpdateCount };
      const attempt = state.dataUpdateCount - looked.current.from;
      return wishes === 0 || attempt > pollAttemptsMax ? false : backOffMs(attempt);
    },
  });
  return (
    <section className="receipt-part" aria-labelledby="payouts-title">
      <h2 id="payouts-title" className="section-title">
        Paid to you
      </h2>
      <QueryView query={query}>
        {(data) => {
          const payouts = data.pages.flatMap((page) => page.payouts);
          if (payouts.length === 0) return <p>Nothing has been paid out yet.</p>;
          return (
            <ul className="list">
              {payouts.map((payout) => (
                <PayoutRow key={payout.id} payout={payout} />
              ))}
            </ul>
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older payouts
        </Button>
      )}
    </section>
  );
}

function PayoutRow({ payout }: { payout: Payout }) {
  const [tone, words] = states[payout.status] ?? ['neutral', sentence(payout.status)];
  return (
    <li className="list-row">
      <div className="list-main">
        <Link to="/teach/statements/$statementId" params={{ statementId: payout.statementId }} className="list-title">
          Payout of <Time at={payout.createdAt} style="date" />
        </Link>
        <span className="list-note">
          To <span className="tabular">{payout.maskedAccount}</span>
          {payout.bankReference && `, bank reference ${payout.bankReference}`}
          {payout.reason && `, ${sentence(payout.reason).toLowerCase()}: it is owed to you again`}
        </span>
      </div>
      {payout.simulated && <Badge tone="warn">Simulated</Badge>}
      <Badge tone={tone}>{words}</Badge>
      <Money value={payout.amount} />
    </li>
  );
}
