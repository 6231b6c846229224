import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { breaksQuery, expectationsQuery, matchManually } from '../api/settlement.ts';
import type { Expectation, FileLine, Money as MoneyJson, ReconciliationBreak } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Money, Time } from '../ui/bits.tsx';
import { Checkbox } from '../ui/fields.tsx';
import { ActDialog } from './finance-desk.tsx';

/** Joins lines and expectations of one side whose sums are equal; what is in this break is chosen from the start. */
export function MatchDialog({ one, onClose }: { one: ReconciliationBreak; onClose: () => void }) {
  const open = useInfiniteQuery(breaksQuery({ status: 'open' }));
  const due = useInfiniteQuery(expectationsQuery({ state: 'open', side: one.side }));
  const others = open.data?.pages.flatMap((page) => page.breaks).filter((other) => isOther(other, one)) ?? [];
  const notDue = due.data?.pages.flatMap((page) => page.expectations) ?? [];
  const lines = [...one.lines, ...others.flatMap((other) => other.lines)];
  const expectations = [...one.expectations, ...others.flatMap((other) => other.expectations), ...notDue];
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    new Set([...one.lines, ...one.expectations].map((item) => item.id)),
  );
  const toggle = (id: string, on: boolean) =>
    setChosen((old) => new Set(on ? [...old, id] : [...old].filter((other) => other !== id)));
  const chosenLines = lines.filter((line) => chosen.has(line.id));
  const chosenExpectations = expectations.filter((expectation) => chosen.has(expectation.id));
  return (
    <ActDialog
      title="Match by hand"
      note={{ label: 'Why they belong together', field: 'note', charsMax: 2_000 }}
      confirm="Match them"
      act={(note) =>
        matchManually({
          lineIds: chosenLines.map((line) => line.id),
          expectationIds: chosenExpectations.map((expectation) => expectation.id),
          note,
        })
      }
      said="They are matched."
      onClose={onClose}
    >
      <Choices title="Lines of files" items={lines} chosen={chosen} onToggle={toggle} words={lineWords} />
      <Choices title="Expectations" items={expectations} chosen={chosen} onToggle={toggle} words={expectationWords} />
      <p>
        Lines <Money value={sumOf(chosenLines)} />, expected <Money value={sumOf(chosenExpectations)} />. They can be
        matched when the two are equal.
      </p>
    </ActDialog>
  );
}

const isOther = (other: ReconciliationBreak, one: ReconciliationBreak) =>
  other.id !== one.id && other.side === one.side;

/** Undefined for nothing, and for more than one currency, which have no sum. */
function sumOf(items: readonly (FileLine | Expectation)[]): MoneyJson | undefined {
  const amounts = items.flatMap((item) => item.amount ?? []);
  const currency = amounts[0]?.currency;
  if (currency === undefined || amounts.some((amount) => amount.currency !== currency)) return undefined;
  return { currency, amountMinor: amounts.reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n).toString() };
}

function lineWords(line: FileLine) {
  return (
    <>
      {sentence(line.kind)} <Money value={line.amount} />
      <span className="choice-hint">
        {line.valueDate} {line.references.join(', ')}
        {line.settled !== undefined && (
          <>
            {' '}
            settled as <Money value={line.settled} /> at {line.exchangeRate}
          </>
        )}
      </span>
    </>
  );
}

function expectationWords(expectation: Expectation) {
  return (
    <>
      {sentence(expectation.kind)} <Money value={expectation.amount} />
      <span className="choice-hint">
        <Time at={expectation.expectedAt} style="date" /> {expectation.references.join(', ')}
      </span>
    </>
  );
}

interface ChoicesProps<Item extends { id: string }> {
  title: string;
  items: readonly Item[];
  chosen: ReadonlySet<string>;
  onToggle: (id: string, on: boolean) => void;
  words: (item: Item) => React.ReactNode;
}

function Choices<Item extends { id: string }>({ title, items, chosen, onToggle, words }: ChoicesProps<Item>) {
  return (
    <fieldset className="choices">
      <legend className="field-label">{title}</legend>
      {items.length === 0 && <p>There are none.</p>}
      {items.map((item) => (
        <Checkbox key={item.id} isSelected={chosen.has(item.id)} onChange={(on) => onToggle(item.id, on)}>
          {words(item)}
        </Checkbox>
      ))}
    </fieldset>
  );
}
