import { Link } from '@tanstack/react-router';
import type { Money as MoneyJson, Order, OrderLine } from '../api/types.ts';
import { type Receiver, receiverWords } from '../lib/gift-words.ts';
import { isZero, subtract } from '../lib/money.ts';
import { plural } from '../lib/words.ts';
import { CoverArt, Money } from '../ui/bits.tsx';

type Summed = Pick<Order, 'lines' | 'subtotal' | 'discount' | 'tax' | 'total'> &
  Partial<Pick<Order, 'refunded' | 'couponCode' | 'credit'>>;

interface SumsProps {
  order: Summed;
  /** Who gets a line that is a gift, where that is known. */
  receiverOf?: (line: OrderLine, at: number) => Receiver | undefined;
}

/** What is bought and what it comes to, the tax in lines of its own. An order, or a quote of one. */
export function OrderSums({ order, receiverOf }: SumsProps) {
  return (
    <section className="sums" aria-label="Order summary">
      <ul className="sum-lines">
        {order.lines.map((line, at) => (
          // Two gifts of one course are the same but for who gets them: only their places tell them apart.
          <Line key={line.id || `${line.kind}.${line.courseId}.${at}`} line={line} receiver={receiverOf?.(line, at)} />
        ))}
      </ul>
      <dl className="sum-table">
        {!isZero(order.discount) && (
          <>
            <Row name="Price">
              <Money value={listPrice(order)} />
            </Row>
            <Row name={order.couponCode ? `Discount with ${order.couponCode}` : 'Discount'}>
              <Minus value={order.discount} />
            </Row>
          </>
        )}
        <Row name={isZero(order.discount) ? 'Price before tax' : 'What is left before tax'}>
          <Money value={order.total && subtract(order.total, order.tax)} />
        </Row>
        {taxRows(order).map(([name, amount]) => (
          <Row key={name} name={name}>
            <Money value={amount} />
          </Row>
        ))}
        <Row name="Total" strong>
          <Money value={order.total} />
        </Row>
        {order.credit && !isZero(order.credit.amount) && (
          <Row name="Paid by what was exchanged">
            <Minus value={order.credit.amount} />
          </Row>
        )}
        {!isZero(order.refunded) && (
          <Row name="Refunded">
            <Minus value={order.refunded} />
          </Row>
        )}
      </dl>
    </section>
  );
}

const kindWords: Readonly<Record<string, string>> = {
  gift: 'A gift',
  cohort: 'A place in a cohort',
  subscription: 'Subscription',
};

function Line({ line, receiver }: { line: OrderLine; receiver: Receiver | undefined }) {
  return (
    <li className="sum-line">
      <span className="sum-cover">
        <CoverArt slug={line.courseSlug || line.courseId} />
      </span>
      <span className="sum-name">
        <Link to="/courses/$slug" params={{ slug: line.courseSlug || line.courseId }}>
          {line.title}
        </Link>
        {line.kind === 'seats' ? (
          <span className="sum-note">
            {plural(line.quantity, 'seat')} at <Money value={line.unitPrice} />
          </span>
        ) : (
          kindWords[line.kind] && (
            <span className="sum-note">
              {kindWords[line.kind]}
              {receiver && ` for ${receiverWords(receiver)}`}
            </span>
          )
        )}
        {!isZero(line.refunded) && (
          <span className="sum-note">
            <Money value={line.refunded} /> refunded
          </span>
        )}
      </span>
      <Money value={line.price} />
    </li>
  );
}

const taxWords: Readonly<Record<string, string>> = { cgst: 'CGST', sgst: 'SGST', igst: 'IGST' };

/** What the lines cost before the discount, tax included. */
function listPrice({ lines, total }: Summed): MoneyJson | undefined {
  const minor = lines.reduce((sum, line) => sum + BigInt(line.price?.amountMinor ?? '0'), 0n);
  return total && { currency: total.currency, amountMinor: minor.toString() };
}

/** The parts of the tax over all lines; the tax as one where the lines do not say them. */
function taxRows({ lines, tax }: Summed): (readonly [string, MoneyJson | undefined])[] {
  const sums = new Map<string, MoneyJson>();
  for (const { kind, rateBasisPoints, amount } of lines.flatMap((line) => line.taxes ?? [])) {
    if (!amount) continue;
    const name = `${taxWords[kind] ?? kind} ${rateBasisPoints / 100} %`;
    const before = BigInt(sums.get(name)?.amountMinor ?? '0');
    sums.set(name, { currency: amount.currency, amountMinor: (before + BigInt(amount.amountMinor)).toString() });
  }
  return sums.size === 0 ? [['Tax', tax]] : [...sums];
}

function Minus({ value }: { value: MoneyJson | undefined }) {
  return (
    <span>
      −<Money value={value} />
    </span>
  );
}

function Row({ name, strong, children }: { name: string; strong?: boolean; children: React.ReactNode }) {
  return (
    <div className={strong ? 'sum-row sum-row-strong' : 'sum-row'}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
