/** Words for the platform's words. */
export const levelWords: Readonly<Record<string, string>> = {
  beginner: 'Beginner',
  intermediate: 'Intermediate',
  advanced: 'Advanced',
};

export const kindWords: Readonly<Record<string, string>> = {
  text: 'Reading',
  video: 'Video',
  quiz: 'Quiz',
  assignment: 'Assignment',
  live: 'Live session',
  package: 'Package',
};

export const orderStatusWords: Readonly<Record<string, string>> = {
  awaiting_payment: 'Awaiting payment',
  paid: 'Paid',
  cancelled: 'Cancelled',
  partially_refunded: 'Partly refunded',
  refunded: 'Refunded',
};

export const journalWords: Readonly<Record<string, string>> = {
  order_paid: 'Order paid',
  order_refunded: 'Order refunded',
  dispute_opened: 'Dispute opened',
  provider_settled: 'Provider paid us',
  provider_fee: 'Fee of the provider',
  exchange_sold: 'Currency sold',
  exchange_bought: 'Currency bought',
  revaluation: 'Foreign exchange valued',
  revaluation_reversed: 'Valuation taken back',
  late_payment_received: 'Late payment received',
  late_payment_returned: 'Late payment returned',
};

/** `en` is `English`, in English; an unknown tag stays as it is. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** `card_declined` is `Card declined`. */
export function sentence(code: string): string {
  const text = code.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
