/** What readers of all formats give: statements, their lines, and how they close. No I/O. */

export type Side = 'bank' | 'provider';

export const fileFormats = ['settlement_csv', 'settlement_tsv', 'npci_csv', 'camt053', 'mt940'] as const;
export type FileFormat = (typeof fileFormats)[number];

export function isFileFormat(text: string): text is FileFormat {
  return (fileFormats as readonly string[]).includes(text);
}

export type LineKind =
  | 'payment'
  | 'refund'
  | 'dispute'
  | 'dispute_reversal'
  | 'dispute_fee'
  | 'fee'
  | 'adjustment'
  | 'entry';

/** A statement begins: of a bank account, or one settlement of a provider. */
export interface OpenedStatement {
  readonly type: 'open';
  /** Names the statement in this file; lines and close refer to it. */
  readonly key: string;
  readonly line: number;
  readonly side: Side;
  readonly account: string;
  readonly currency: string;
  readonly reference: string;
  /** 0 where the format or the sender has none. */
  readonly sequence: number;
  readonly page: number;
  readonly openingMinor: bigint;
  /** What names the settlement at a provider that gives each one whole and once; a second file with it is refused. */
  readonly onceKey?: string;
}

export interface ReadLine {
  readonly type: 'line';
  readonly key: string;
  readonly line: number;
  readonly kind: LineKind;
  /** What was paid in, which is what we expect; the statement's own currency unless `settled` is there. */
  readonly currency: string;
  /** Positive when it is money to us; before what the provider kept. */
  readonly amountMinor: bigint;
  /** In the statement's currency. */
  readonly feeMinor: bigint;
  /** It was paid in another currency than the statement's: what it came to in that one. */
  readonly settled?: Settled;
  readonly valueDate: string;
  /** What it may be known by, the most telling first; at most `referencesMax`, no empty ones. */
  readonly references: readonly string[];
  /** Names the movement at its sender: a second line with it is a duplicate. '' when there is none. */
  readonly ownReference: string;
  readonly description: string;
}

export interface Settled {
  readonly currency: string;
  /** Before what the provider kept; of the same sign as what was paid. */
  readonly amountMinor: bigint;
  /** Units of this currency for one of the paid, an exact decimal. */
  readonly rate: string;
  /** Whose rate it is. */
  readonly source: string;
}

export interface ClosedStatement {
  readonly type: 'close';
  readonly key: string;
  readonly line: number;
  readonly currency: string;
  /** Undefined when the sender gives no total: then it is what the lines add up to. */
  readonly closingMinor: bigint | undefined;
  /** Undefined when the sender does not count. */
  readonly lines: number | undefined;
  readonly isLastPage: boolean;
  readonly date: string;
}

export type FileItem = OpenedStatement | ReadLine | ClosedStatement;

export const referencesMax = 8;
export const referenceCharsMax = 200;
export const descriptionCharsMax = 500;

/** Trimmed, without empty and repeated ones, at most `referencesMax`. */
export function references(...texts: readonly string[]): string[] {
  const clean = texts
    .map((text) => text.trim())
    .filter((text) => text !== '' && text !== 'NOTPROVIDED' && text !== 'NONREF');
  return [...new Set(clean)].filter((text) => text.length <= referenceCharsMax).slice(0, referencesMax);
}

/** A reference as it is compared: banks change case and signs (SWIFT's x set has no underscore), not letters and digits. */
export function referenceKey(reference: string): string {
  return reference.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}
