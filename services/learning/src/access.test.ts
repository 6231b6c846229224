import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccessFact, accessOf, enrolmentTimes, nobodySpecial } from './access.ts';

const at = (day: number) => new Date(Date.UTC(2026, 0, day));
const granted = (line: number, day = line, release = 1): AccessFact => ({
  kind: 'granted',
  lineId: `line_${line}`,
  orderId: `ord_${line}`,
  release,
  at: at(day),
});
const ended = (line: number, day = line + 10): AccessFact => ({
  kind: 'ended',
  lineId: `line_${line}`,
  orderId: `ord_${line}`,
  refundId: `rfd_${line}`,
  at: at(day),
});
const access = (...facts: AccessFact[]) => accessOf('crs_1', facts, nobodySpecial);

describe('accessOf', () => {
  it('gives no access without an order, and says so', () => {
    expect(access()).toEqual({
      entitled: false,
      enrolled: false,
      release: 0,
      because: [{ kind: 'no_order', reference: 'course:crs_1' }],
    });
  });

  it('gives access by a paid order, on the release that was bought', () => {
    expect(access(granted(1, 1, 3))).toEqual({
      entitled: true,
      enrolled: true,
      release: 3,
      because: [{ kind: 'order_paid', reference: 'order:ord_1', at: at(1) }],
    });
  });

  it('ends access by the refund, and tells the whole chain', () => {
    const { entitled, because } = access(granted(1), ended(1));
    expect(entitled).toBe(false);
    expect(because.map(({ reference }) => reference)).toEqual(['order:ord_1', 'refund:rfd_1 of order:ord_1']);
  });

  it("keeps access while one of two orders is not refunded, on that order's release", () => {
    expect(access(granted(1, 1, 1), granted(2, 2, 2))).toMatchObject({ entitled: true, release: 1 });
    expect(access(granted(1, 1, 1), granted(2, 2, 2), ended(1))).toMatchObject({ entitled: true, release: 2 });
    expect(access(granted(1, 1, 1), granted(2, 2, 2), ended(2))).toMatchObject({ entitled: true, release: 1 });
    expect(access(granted(1), granted(2), ended(1), ended(2))).toMatchObject({ entitled: false, release: 0 });
  });

  it('opens to who teaches and to administrators, without calling them enrolled', () => {
    expect(accessOf('crs_1', [], { teaches: true, isAdmin: false })).toMatchObject({
      entitled: true,
      enrolled: false,
      because: [{ kind: 'teaches', reference: 'course:crs_1' }],
    });
    expect(accessOf('crs_1', [granted(1), ended(1)], { teaches: false, isAdmin: true })).toMatchObject({
      entitled: true,
      enrolled: false,
      because: [{ kind: 'order_paid' }, { kind: 'order_refunded' }, { kind: 'admin', reference: 'role:admin' }],
    });
  });

  it('comes to the same whatever the order of the facts and however often each is heard', () => {
    const line = fc.record({ line: fc.integer({ min: 1, max: 5 }), isEnd: fc.boolean() });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (lines, chance) => {
        const facts = lines.map(({ line, isEnd }) => (isEnd ? ended(line) : granted(line, line, line)));
        const again = [...facts, ...facts.filter(() => (chance.next().value ?? 0) % 2 === 0)]
          .map((fact) => ({ fact, key: chance.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ fact }) => fact);
        expect(access(...again)).toEqual(access(...facts));
        expect(enrolmentTimes(again)).toEqual(enrolmentTimes(facts));
        const open = new Set(lines.filter((one) => !one.isEnd).map((one) => one.line));
        for (const one of lines) if (one.isEnd) open.delete(one.line);
        expect(access(...facts).entitled).toBe(open.size > 0);
      }),
    );
  });
});
