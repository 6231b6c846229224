import { decimalsOf } from '@suuupra/platform/money';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchanged, rateOfDay, rateText, readSandboxRates } from './sandbox-exchange.ts';
import { reportOf } from './sandbox-reports.ts';
import type { SandboxMovement } from './sandbox-store.ts';

const rates = readSandboxRates('USD:INR@83.25, JPY:INR@0.5563,KWD:INR@271.412');
const dayMs = 24 * 3_600_000;
const atMs = Date.UTC(2026, 10, 20, 13);

const movement = (given: Partial<SandboxMovement>): SandboxMovement => ({
  ...{ kind: 'capture', provider: 'sandbox', providerReference: 'ch_1', merchantReference: 'pay_1' },
  ...{ currency: 'USD', grossMinor: 1_000n, feeMinor: 20n, taxMinor: 4n, atMs },
  ...given,
});
const cellsOf = (report: string) =>
  report
    .trimEnd()
    .split('\r\n')
    .map((row) => row.split(','));

describe('P16: what the sandbox settles in another currency', () => {
  it.each([
    ['USD', 'say e.g. USD:INR@83.25'],
    ['USD:INR@83.2500001', 'at most 6 decimals'],
    ['USD:INR@0', 'a rate of zero'],
    ['USD:USD@1', 'settles USD in itself'],
    ['USD:XQX@1', 'XQX, which is no currency'],
    ['USD:INR@83,USD:EUR@0.9', 'settles USD twice'],
    ['USD:EUR@0.9,EUR:INR@91', 'settles USD in EUR and that in another'],
  ])('"%s" stops the start with a sentence', (text, sentence) => {
    expect(() => readSandboxRates(text)).toThrow(sentence);
    expect(() => readSandboxRates(text)).toThrow('SUUUPRA_SANDBOX_SETTLES');
  });

  it('has a rate for each day, within a hundredth of what was said, the same all day', () => {
    const usd = rates.get('USD') ?? expect.fail('no rate of dollars');
    const days = Array.from({ length: 60 }, (_, day) => rateOfDay(usd, atMs + day * dayMs));
    expect(new Set(days).size).toBeGreaterThan(30);
    expect(days.every((rate) => rate >= 82_417_500n && rate <= 84_082_500n)).toBe(true);
    expect(rateOfDay(usd, atMs)).toBe(rateOfDay(usd, atMs + 3_600_000));
  });

  it('rounds to the nearest minor unit of the other currency, both ways alike', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('USD', 'JPY', 'KWD'),
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        (currency, amountMinor) => {
          const rate = rates.get(currency) ?? expect.fail('no rate');
          const settled = exchanged(amountMinor, rate, rate.millionths);
          const unit = 10n ** BigInt(decimalsOf(currency) ?? 2);
          const apart = settled * 1_000_000n * unit - amountMinor * rate.millionths * 100n;
          expect(2n * (apart < 0n ? -apart : apart)).toBeLessThanOrEqual(1_000_000n * unit);
          expect(exchanged(-amountMinor, rate, rate.millionths)).toBe(-settled);
        },
      ),
    );
  });

  it('is in the report as settled, with what was paid and the rate of its day, and adds up', () => {
    const usd = rates.get('USD') ?? expect.fail('no rate of dollars');
    const rows = [
      movement({}),
      movement({ kind: 'refund', providerReference: 're_1', grossMinor: -400n, feeMinor: 0n, taxMinor: 0n }),
      movement({ providerReference: 'ch_2', currency: 'INR', grossMinor: 49_900n, feeMinor: 998n, taxMinor: 180n }),
      movement({ providerReference: 'ch_3', currency: 'JPY', grossMinor: 1n, feeMinor: 0n, taxMinor: 0n }),
    ];
    const [header = [], ...lines] = cellsOf(reportOf('sandbox', 'INR', atMs, rows, 'x', rates));
    expect(header.slice(-3)).toEqual(['presentment_currency', 'presentment_gross', 'exchange_rate']);
    const rate = rateText(rateOfDay(usd, atMs));
    expect(lines.map((cells) => cells.slice(-3))).toEqual([
      ['USD', '10.00', rate],
      ['USD', '-4.00', rate],
      ['', '', ''],
      ['JPY', '1', expect.stringMatching(/^0\.55\d{4}$/)],
      ['', '', ''],
    ]);
    const minor = (text = '') => BigInt(text.replace('.', ''));
    const net = lines.slice(0, -1).reduce((sum, cells) => sum + minor(cells[6]), 0n);
    expect(minor(lines.at(-1)?.[6])).toBe(net);
    expect(lines.every((cells) => cells[7] === 'INR')).toBe(true);
  });

  it('is not mentioned in a report that holds none', () => {
    const [header = []] = cellsOf(reportOf('sandbox', 'INR', atMs, [movement({ currency: 'INR' })], 'x', rates));
    expect(header.at(-1)).toBe('utr');
    const [own = []] = cellsOf(reportOf('sandbox', 'USD', atMs, [movement({})], 'x'));
    expect(own.at(-1)).toBe('utr');
  });
});
