import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { giftCodeQuery, redeemGift } from '../api/gifts.ts';
import { asProblem } from '../api/problem.ts';
import type { LookAtGiftResponse } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { Notice } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';

const route = getRouteApi('/gifts/$code');

export function RedeemGiftPage() {
  useTitle('A gift for you');
  const { code } = route.useParams();
  const query = useQuery(giftCodeQuery(code));
  return (
    <div className="page page-narrow">
      {query.error && asProblem(query.error).status === 404 ? (
        <EmptyState icon="mail" title="This code opens no gift">
          <p>It may have been typed wrongly, or a newer mail with another code may have been sent.</p>
        </EmptyState>
      ) : (
        <QueryView query={query} skeleton={<Skeleton lines={5} label="Looking at the gift" />}>
          {(gift) => <GiftView gift={gift} code={code} />}
        </QueryView>
      )}
    </div>
  );
}

function GiftView({ gift, code }: { gift: LookAtGiftResponse; code: string }) {
  const me = useMe();
  const client = useQueryClient();
  const redeem = useMutation({
    mutationFn: () => redeemGift(code),
    onSuccess: async () => {
      for (const key of ['access', 'enrolments', 'gift-code']) await client.invalidateQueries({ queryKey: [key] });
    },
  });
  if (redeem.data) {
    return (
      <EmptyState
        icon="check"
        good
        title="The course is yours"
        action={
          <ButtonLink
            to="/courses/$slug"
            params={{ slug: redeem.data.courseSlug || redeem.data.courseId }}
            look="primary"
          >
            Start learning
          </ButtonLink>
        }
      >
        <p>{redeem.data.courseTitle}</p>
      </EmptyState>
    );
  }
  if (gift.status !== 'open') {
    return (
      <EmptyState icon="mail" title="This gift cannot be redeemed">
        <p>
          {gift.status === 'redeemed'
            ? 'Somebody has redeemed it already. If it was you, the course is in your learning.'
            : 'Who bought it has had it refunded.'}
        </p>
      </EmptyState>
    );
  }
  return (
    <section className="panel" aria-labelledby="gift-title">
      <h1 id="gift-title" className="page-title">
        {gift.recipientName ? `A gift for ${gift.recipientName}` : 'A gift for you'}
      </h1>
      <p className="page-lead">{gift.courseTitle}</p>
      {gift.message && <blockquote className="gift-message">{gift.message}</blockquote>}
      {redeem.error && (
        <Notice tone="danger" title={asProblem(redeem.error).title} live>
          <p>{asProblem(redeem.error).detail}</p>
        </Notice>
      )}
      {me.state === 'anonymous' ? (
        <ButtonLink to="/sign-in" search={{ return: `/gifts/${code}` }} look="primary" wide>
          Sign in to take it
        </ButtonLink>
      ) : (
        <Button
          look="primary"
          wide
          isDisabled={me.state !== 'user'}
          isPending={redeem.isPending}
          onPress={() => redeem.mutate()}
        >
          Take the gift
        </Button>
      )}
    </section>
  );
}
