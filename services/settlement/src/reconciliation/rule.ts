/** Matching rules: what may be joined with what. No I/O. */
import type { Side } from './file-item.ts';

export type Shape = 'one_to_one' | 'one_to_many' | 'many_to_one' | 'many_to_many';
export type ReferenceTest = 'equals' | 'contains' | 'any';

export interface Rule {
  readonly id: string;
  /** Smaller is tried first; equal ones in the order of their ids. */
  readonly priority: number;
  readonly side: Side;
  readonly shape: Shape;
  readonly reference: ReferenceTest;
  /** The sums may be apart by the larger of the two. */
  readonly amountToleranceMinor: bigint;
  readonly amountToleranceBps: number;
  readonly daysApartMax: number;
  /** How many lines or expectations one match may join. */
  readonly groupMax: number;
  readonly enabled: boolean;
}

export const shapes: readonly Shape[] = ['one_to_one', 'one_to_many', 'many_to_one', 'many_to_many'];
export const referenceTests: readonly ReferenceTest[] = ['equals', 'contains', 'any'];
export const groupMost = 50;

/** What is wrong with a rule, as field and sentence; undefined when nothing is. */
export function ruleFault(rule: Rule): { readonly field: string; readonly detail: string } | undefined {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(rule.id))
    return { field: 'id', detail: 'lower-case letters, digits and hyphens, at most 40' };
  if (rule.side !== 'bank' && rule.side !== 'provider') return { field: 'side', detail: 'bank or provider' };
  if (!shapes.includes(rule.shape)) return { field: 'shape', detail: shapes.join(', ') };
  if (!referenceTests.includes(rule.reference)) return { field: 'reference', detail: referenceTests.join(', ') };
  if (rule.shape.startsWith('many') && rule.reference !== 'equals')
    return { field: 'reference', detail: 'lines are joined only by an equal reference' };
  if (rule.shape === 'one_to_one' ? rule.groupMax > 1 : rule.groupMax < 2 || rule.groupMax > groupMost)
    return { field: 'groupMax', detail: `0 or 1 for one_to_one, else 2 to ${groupMost}` };
  return undefined;
}

/**
 * Whether the rule would write off what no rule in force does: then it needs two people. One that is off or tolerates nothing
 * writes nothing off, and neither does one that only tolerates less than it does now.
 */
export function needsSecondPerson(rule: Rule, inForce: Rule | undefined): boolean {
  if (!rule.enabled || (rule.amountToleranceMinor === 0n && rule.amountToleranceBps === 0)) return false;
  if (inForce?.enabled !== true) return true;
  const isWider =
    rule.amountToleranceMinor > inForce.amountToleranceMinor || rule.amountToleranceBps > inForce.amountToleranceBps;
  const lessOf = { amountToleranceMinor: 0n, amountToleranceBps: 0 };
  return isWider || !sameRule({ ...rule, ...lessOf }, { ...inForce, ...lessOf });
}

export function sameRule(a: Rule, b: Rule): boolean {
  const keys = Object.keys(a) as (keyof Rule)[];
  return keys.every((key) => a[key] === b[key]);
}

export function inOrder(rules: readonly Rule[]): Rule[] {
  return rules.filter(({ enabled }) => enabled).sort((a, b) => a.priority - b.priority || byText(a.id, b.id));
}

export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
