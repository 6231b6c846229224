import type { Exchange } from '../api/types.ts';
import { Money } from '../ui/bits.tsx';

/** The whole of an exchange, beside either half of it: what became what, at whose rate. */
export function ExchangeNote({ exchange }: { exchange: Exchange }) {
  return (
    <span className="list-note list-note-below">
      <Money value={{ currency: exchange.soldCurrency, amountMinor: exchange.soldMinor }} /> became{' '}
      <Money value={{ currency: exchange.boughtCurrency, amountMinor: exchange.boughtMinor }} /> at {exchange.rate},{' '}
      {exchange.source}
    </span>
  );
}
