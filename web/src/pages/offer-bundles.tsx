import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { bundlesQuery, createBundle, withdrawBundle } from '../api/bundles.ts';
import type { Bundle, Course } from '../api/types.ts';
import { fieldError } from '../forms/form.tsx';
import { Money } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { CourseChoice, currencyOf, moneyOf, OfferDialog } from './offer-parts.tsx';

export function BundleOffers({ courses }: { courses: readonly Course[] }) {
  const query = useInfiniteQuery(bundlesQuery);
  const [making, setMaking] = useState(false);
  const mine = new Set(courses.map((course) => course.id));
  return (
    <div className="receipt-part">
      <div>
        <Button look="primary" isDisabled={courses.length < 2} onPress={() => setMaking(true)}>
          New bundle
        </Button>
      </div>
      {courses.length < 2 && <p>A bundle needs two courses of yours on sale.</p>}
      <QueryView query={query}>
        {(data) => {
          const bundles = data.pages
            .flatMap((page) => page.bundles)
            .filter((bundle) => bundle.courses.every((course) => mine.has(course.courseId)));
          if (bundles.length === 0) return <EmptyState icon="book" title="No bundles of your courses on sale" />;
          return (
            <ul className="list">
              {bundles.map((bundle) => (
                <BundleRow key={bundle.id} bundle={bundle} />
              ))}
            </ul>
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Look through older bundles
        </Button>
      )}
      {making && <NewBundle courses={courses} onClose={() => setMaking(false)} />}
    </div>
  );
}

function BundleRow({ bundle }: { bundle: Bundle }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => withdrawBundle(bundle.id),
    onSuccess: () => client.invalidateQueries({ queryKey: bundlesQuery.queryKey }),
    onError: toastProblem,
  });
  return (
    <li className="list-row">
      <div className="list-main">
        <span className="list-title">{bundle.title}</span>
        <span className="list-note">{bundle.courses.map((course) => course.title).join(', ')}</span>
      </div>
      <Money value={bundle.price} />
      <Button
        small
        aria-label={`Take off sale: ${bundle.title}`}
        isPending={end.isPending}
        onPress={() => end.mutate()}
      >
        Take off sale
      </Button>
    </li>
  );
}

function NewBundle({ courses, onClose }: { courses: readonly Course[]; onClose: () => void }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const client = useQueryClient();
  const currency = currencyOf(courses, chosen);
  const make = useMutation({
    mutationFn: createBundle,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: bundlesQuery.queryKey });
      toast('The bundle is on sale.');
      onClose();
    },
  });
  return (
    <OfferDialog
      title="New bundle"
      submitLabel="Put it on sale"
      mutation={make}
      fields={['title', 'summary', 'price', 'price.amountMinor', 'courseIds']}
      isReady={chosen.length >= 2}
      onSubmit={(values) =>
        make.mutate({
          title: (values.title ?? '').trim(),
          summary: (values.summary ?? '').trim(),
          courseIds: chosen,
          price: moneyOf(values.price, currency) ?? { currency, amountMinor: '0' },
        })
      }
      onClose={onClose}
    >
      <TextField label="Title" name="title" maxLength={120} isRequired error={fieldError(make.error, 'title')} />
      <TextField label="Summary" name="summary" rows={2} maxLength={500} error={fieldError(make.error, 'summary')} />
      <CourseChoice courses={courses} chosen={chosen} onChange={setChosen} error={make.error} />
      <TextField
        label={`Price of all together in ${currency}`}
        name="price"
        inputMode="decimal"
        isRequired
        error={fieldError(make.error, 'price') ?? fieldError(make.error, 'price.amountMinor')}
      />
    </OfferDialog>
  );
}
