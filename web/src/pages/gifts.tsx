import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { giftsQuery, resendGift } from '../api/gifts.ts';
import type { Gift } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { useTitle } from '../lib/use-title.ts';
import { Badge, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { toast } from '../ui/toast.tsx';
import { RequireUser } from './require-user.tsx';

export function GiftsPage() {
  useTitle('Gifts');
  return <RequireUser>{() => <Gifts />}</RequireUser>;
}

function Gifts() {
  const query = useInfiniteQuery(giftsQuery);
  return (
    <div className="page page-medium">
      <PageHead title="Gifts you bought" />
      <QueryView query={query}>{(data) => <GiftList gifts={data.pages.flatMap((page) => page.gifts)} />}</QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older gifts
        </Button>
      )}
    </div>
  );
}

const states = {
  open: ['warn', 'Not redeemed yet'],
  redeemed: ['good', 'Redeemed'],
  void: ['neutral', 'Refunded'],
  ended: ['neutral', 'Refunded, access ended'],
} as const;

function GiftList({ gifts }: { gifts: readonly Gift[] }) {
  const [sending, setSending] = useState<Gift>();
  if (gifts.length === 0) {
    return (
      <EmptyState icon="mail" title="No gifts yet" action={<ButtonLink to="/courses">See the courses</ButtonLink>}>
        <p>Each course that has a price can be given: “Give it as a gift” stands beside its price.</p>
      </EmptyState>
    );
  }
  return (
    <>
      <ul className="list">
        {gifts.map((gift) => (
          <li key={gift.id} className="list-row">
            <div className="list-main">
              <Link to="/orders/$orderId" params={{ orderId: gift.orderId }} className="list-title">
                {gift.courseTitle}
              </Link>
              <span className="list-note">
                For {gift.recipientName ? `${gift.recipientName}, ` : ''}
                {gift.recipientEmail}; <GiftTime gift={gift} />
              </span>
            </div>
            <Badge tone={states[gift.status ?? 'open'][0]}>{states[gift.status ?? 'open'][1]}</Badge>
            {gift.status === 'open' && (
              <Button
                small
                aria-label={`Send again: the gift for ${gift.recipientEmail}`}
                onPress={() => setSending(gift)}
              >
                Send again
              </Button>
            )}
          </li>
        ))}
      </ul>
      {sending && <ResendDialog gift={sending} onClose={() => setSending(undefined)} />}
    </>
  );
}

function GiftTime({ gift }: { gift: Gift }) {
  if (gift.redeemedAt) {
    return (
      <>
        redeemed <Time at={gift.redeemedAt} style="date" />
      </>
    );
  }
  return (
    <>
      bought <Time at={gift.boughtAt} style="date" />
    </>
  );
}

function ResendDialog({ gift, onClose }: { gift: Gift; onClose: () => void }) {
  const client = useQueryClient();
  const send = useMutation({
    mutationFn: (email: string) => resendGift(gift.id, email),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: giftsQuery.queryKey });
      toast('A mail with a new code is on its way.');
      onClose();
    },
  });
  return (
    <Dialog title="Send the gift again" isOpen onClose={onClose} busy={send.isPending}>
      <Form
        label="Send the gift again"
        onSubmit={(values) => send.mutate((values.recipientEmail ?? '').trim())}
        error={send.error}
        fields={['recipientEmail']}
      >
        <p>The code that was sent before stops working; a new one is sent.</p>
        <TextField
          label="E-mail address"
          name="recipientEmail"
          type="email"
          defaultValue={gift.recipientEmail}
          isRequired
          error={fieldError(send.error, 'recipientEmail')}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={send.isPending}>
            Leave it
          </Button>
          <Button type="submit" look="primary" isPending={send.isPending}>
            Send it
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
