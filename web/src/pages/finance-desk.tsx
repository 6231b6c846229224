/** What the pages of the finance desk are made of. */
import { type InfiniteData, type UseInfiniteQueryResult, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, type LinkProps } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Form, fieldError } from '../forms/form.tsx';
import { formatLeft } from '../lib/time.ts';
import { useMe } from '../lib/use-me.ts';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Badge, type Crumb, Money, PageHead, Time, type Tone } from '../ui/bits.tsx';
import { Button, type Look } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import type { IconName } from '../ui/icons.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { FinanceNav } from './finance-nav.tsx';
import { PersonName } from './person-name.tsx';
import { RequireUser } from './require-user.tsx';

interface RoomProps {
  title: string;
  lead?: ReactNode;
  crumbs?: readonly Crumb[];
  actions?: ReactNode;
  children: ReactNode;
}

/** A page of the desk, for finance alone. */
export function FinanceRoom({ title, lead, crumbs, actions, children }: RoomProps) {
  useTitle(title);
  return (
    <RequireUser holding="finance">
      {() => (
        <div className="page">
          <FinanceNav />
          <PageHead title={title} lead={lead} actions={actions} {...(crumbs && { crumbs })} />
          {children}
        </div>
      )}
    </RequireUser>
  );
}

interface ListPartProps<Page, Row> {
  query: UseInfiniteQueryResult<InfiniteData<Page>>;
  rowsOf: (page: Page) => readonly Row[];
  caption: string;
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  icon: IconName;
  /** Said when there is nothing. */
  nothing: string;
  children?: ReactNode;
}

/** A list of the platform as a table, read on page by page. */
export function ListPart<Page, Row>(props: ListPartProps<Page, Row>) {
  const { query, rowsOf, caption, columns, rowKey, icon, nothing, children } = props;
  return (
    <>
      <QueryView query={query}>
        {(data) => {
          const rows = data.pages.flatMap((page) => rowsOf(page));
          return rows.length === 0 ? (
            <EmptyState icon={icon} title={nothing}>
              {children}
            </EmptyState>
          ) : (
            <Table caption={caption} columns={columns} rows={rows} rowKey={rowKey} />
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </>
  );
}

type Place = Pick<LinkProps, 'to' | 'params' | 'search'>;

interface FilterProps {
  label: string;
  value: string | undefined;
  values: readonly string[];
  placeOf: (value: string | undefined) => Place;
  /** Names the first chip, which narrows nothing. */
  allWords?: string;
}

/** One of several values, kept in the address. */
export function FilterChips({ label, value, values, placeOf, allWords = 'All' }: FilterProps) {
  return (
    <nav className="filters" aria-label={label}>
      <ul className="chips">
        {[undefined, ...values].map((one) => (
          <li key={one ?? ''}>
            <Link
              {...placeOf(one)}
              className={one === value ? 'chip chip-on' : 'chip'}
              aria-current={one === value ? 'true' : undefined}
            >
              {one === undefined ? allWords : sentence(one)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** `text` when it is one of `values`. */
export function oneOf<T extends string>(values: readonly T[], text: string | undefined): T | undefined {
  return values.find((value) => value === text);
}

const tones: Readonly<Record<string, Tone>> = {
  ...tonesOf('good', 'won processed matched paid booked delivered enabled done allow succeeded'),
  ...tonesOf('warn', 'opened pending processing created write_off_requested proposed challenge review collecting'),
  ...tonesOf('good', 'active applied'),
  ...tonesOf('warn', 'settling frozen requested waiting'),
  ...tonesOf('danger', 'lost accepted expired failed returned rejected refused block break'),
  ...tonesOf('info', 'challenged approved submitted written_off'),
};

function tonesOf(tone: Tone, states: string): Record<string, Tone> {
  return Object.fromEntries(states.split(' ').map((state) => [state, tone]));
}

export function StateBadge({ state }: { state: string | undefined }) {
  return state ? <Badge tone={tones[state] ?? 'neutral'}>{sentence(state)}</Badge> : '–';
}

export function Simulated() {
  return <Badge tone="accent">Simulated</Badge>;
}

/** Who did something: the reader is `You`, others have their names. */
export function Who({ id }: { id: string }) {
  const me = useMe();
  if (id === '') return '–';
  if (id === me.user?.id) return 'You';
  return id === 'system' ? 'The platform' : <PersonName id={id} />;
}

/** The beginning of a hash, the whole of it on hover and for copying. */
export function Hash({ value }: { value: string }) {
  return value === '' ? '–' : <code title={value}>{`${value.slice(0, 12)}…`}</code>;
}

export function Minor({ currency, minor }: { currency: string; minor: string }) {
  return <Money value={{ currency, amountMinor: minor }} />;
}

/** A deadline: when it is, and how far off while it still counts. */
export function Deadline({ at, counts }: { at: string | undefined; counts: boolean }) {
  if (!at) return '–';
  return (
    <>
      <Time at={at} />
      {counts && <span className="list-note list-note-below">{formatLeft(new Date(at), new Date())}</span>}
    </>
  );
}

interface FactsProps {
  items: readonly (readonly [string, ReactNode])[];
  /** One below the other, as in a dialog. */
  rows?: boolean;
}

export function Facts({ items, rows = false }: FactsProps) {
  return (
    <dl className={rows ? 'facts facts-rows' : 'facts'}>
      {items.map(([name, value]) => (
        <div key={name} className="fact">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Part({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="receipt-part" aria-label={title}>
      <h2 className="section-title section-title-row">
        {title}
        {actions}
      </h2>
      {children}
    </section>
  );
}

/** Does something at the desk; every list of the desk is asked again afterwards. */
export function useAct<Given, Answer>(
  act: (given: Given) => Promise<Answer>,
  said: string | ((answer: Answer) => string),
  then?: (a: Answer) => void,
) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: async (answer) => {
      toast(typeof said === 'string' ? said : said(answer));
      await client.invalidateQueries({ queryKey: ['finance'] });
      then?.(answer);
    },
  });
}

interface ActButtonProps {
  act: () => Promise<unknown>;
  said: string;
  look?: Look;
  small?: boolean;
  label?: string;
  children: ReactNode;
}

/** For what needs no second thought; a refusal is said in a toast. */
export function ActButton({ act, said, look = 'secondary', small = false, label, children }: ActButtonProps) {
  const run = useAct<void, unknown>(act, said);
  return (
    <Button
      look={look}
      small={small}
      isPending={run.isPending}
      onPress={() => run.mutate(undefined, { onError: toastProblem })}
      {...(label && { 'aria-label': label })}
    >
      {children}
    </Button>
  );
}

interface NoteField {
  readonly label: string;
  /** As the platform calls it in its refusals. */
  readonly field: string;
  readonly hint?: string;
  readonly charsMax: number;
  readonly optional?: boolean;
}

interface ActDialogProps {
  title: string;
  children: ReactNode;
  note?: NoteField;
  confirm: string;
  look?: Look;
  act: (note: string) => Promise<unknown>;
  said: string;
  onClose: () => void;
}

/** Says what will happen, takes a note where one is due, and does it. */
export function ActDialog({ title, children, note, confirm, look = 'primary', act, said, onClose }: ActDialogProps) {
  const [text, setText] = useState('');
  const [isMissing, setMissing] = useState(false);
  const run = useAct(act, said, onClose);
  const submit = () => {
    const missing = note !== undefined && !note.optional && text.trim() === '';
    setMissing(missing);
    if (!missing) run.mutate(text.trim());
  };
  return (
    <Dialog title={title} isOpen onClose={onClose} busy={run.isPending}>
      <Form label={title} onSubmit={submit} error={run.error} fields={note ? [note.field] : []}>
        {children}
        {note && (
          <TextField
            label={note.optional ? `${note.label} (optional)` : note.label}
            rows={4}
            value={text}
            onChange={setText}
            maxLength={note.charsMax}
            hint={note.hint}
            error={fieldError(run.error, note.field) ?? (isMissing && text.trim() === '' ? 'Fill this in.' : undefined)}
          />
        )}
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={run.isPending}>
            Not now
          </Button>
          <Button type="submit" look={look} isPending={run.isPending}>
            {confirm}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

/** What a datetime-local or date field gave, as RFC 3339; undefined when it gave nothing. */
export function instantOf(value: string | undefined): string | undefined {
  const when = new Date(value ?? '');
  return value === undefined || Number.isNaN(when.getTime()) ? undefined : when.toISOString();
}

/** What a datetime-local field holds: the reader's own time without a zone. */
export function localInput(at: string | undefined): string {
  if (at === undefined) return '';
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
