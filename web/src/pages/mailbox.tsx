import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { asProblem } from '../api/problem.ts';
import { mailQuery } from '../api/session.ts';
import type { Mail } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { Badge, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Checkbox } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { RequireUser } from './require-user.tsx';

export function MailboxPage() {
  useTitle('Mailbox');
  return <RequireUser>{() => <Mailbox />}</RequireUser>;
}

function Mailbox() {
  const me = useMe();
  const [all, setAll] = useState(false);
  const query = useInfiniteQuery(mailQuery(all));
  return (
    <div className="page page-medium">
      <PageHead
        title="Mailbox"
        lead="No mail server is set up here, so mail to you is kept on this machine instead of being sent."
        actions={
          <Badge tone="warn" icon="info">
            Simulated mailbox
          </Badge>
        }
      />
      {me.has('admin') && (
        <Checkbox isSelected={all} onChange={setAll}>
          Everybody’s mail
        </Checkbox>
      )}
      {asProblem(query.error).code === 'mailbox_off' ? (
        <EmptyState icon="mail" title="Mail is really sent">
          <p>A mail server is set up, so there is no mailbox here. Look into your own.</p>
        </EmptyState>
      ) : (
        <QueryView query={query}>
          {(data) => <Mails mails={data.pages.flatMap((page) => page.mails)} showTo={all} />}
        </QueryView>
      )}
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older mail
        </Button>
      )}
    </div>
  );
}

function Mails({ mails, showTo }: { mails: readonly Mail[]; showTo: boolean }) {
  if (mails.length === 0) return <EmptyState icon="mail" title="No mail yet" />;
  return (
    <ul className="mails">
      {mails.map((mail) => (
        <li key={mail.id}>
          <details className="mail">
            <summary className="mail-head">
              <span className="list-title">{mail.subject}</span>
              <span className="list-note">
                {showTo && `${mail.to}, `}
                <Time at={mail.sentAt} />
              </span>
            </summary>
            <p className="mail-text">{linked(mail.text)}</p>
          </details>
        </li>
      ))}
    </ul>
  );
}

/** Web addresses in the text become links; only http and https ever match. */
function linked(text: string) {
  return text.split(/(https?:\/\/[^\s<>"]+)/).map((part, index) =>
    part.startsWith('http') ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts of one text have no other identity.
      <a key={index} href={part}>
        {part}
      </a>
    ) : (
      part
    ),
  );
}
