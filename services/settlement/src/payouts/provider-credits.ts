/**
 * What arrives at the sandbox bank from the payment provider: the sandbox bank and the sandbox provider are the same world,
 * so the bank learns of the provider's transfers from the provider's settlement reports.
 */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { ProviderCredit, ProviderCredits } from './bank-sandbox.ts';
import { minorOf } from './decimal.ts';
import type { PayoutSurroundings } from './surroundings.ts';

/** A report larger than this is not read: the sandbox makes one a day. */
const reportBytesMax = 16 * 1024 * 1024;
/** The providers of the sandbox world are all named so; real ones pay to a real bank. */
const providerPrefix = 'sandbox';

/** The next report after this one, with the transfers it tells of. */
export async function creditsAfter(
  payments: PayoutSurroundings['payments'],
  reportId: string,
): Promise<ProviderCredits> {
  const answer = await payments.listProviderReports({ afterId: reportId, pageSize: 1 });
  if (isRefusal(answer)) throw new Error(`payments refused its providers' reports: ${answer.code}`);
  const [report] = answer.reports;
  if (report === undefined) return { reportId: '', credits: [] };
  if (!report.provider.startsWith(providerPrefix) || report.format !== 'settlement_csv')
    return { reportId: report.id, credits: [] };
  return { reportId: report.id, credits: readCredits(await readReport(payments, report.id)) };
}

async function readReport(payments: PayoutSurroundings['payments'], id: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (;;) {
    const answer = await payments.readProviderReport({ id, offset: BigInt(offset) });
    if (isRefusal(answer)) throw new Error(`payments refused a provider's report: ${answer.code}`);
    if (answer.content.byteLength === 0) return Buffer.concat(parts).toString('utf8');
    parts.push(answer.content);
    offset += answer.content.byteLength;
    if (offset > reportBytesMax) throw new Error(`a report of the provider is larger than ${reportBytesMax} bytes`);
  }
}

/** The lines of a settlement add up to its transfer; the line of type payout repeats the sum and is left out. */
export function readCredits(text: string): ProviderCredit[] {
  const [head = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  const names = head.split(',');
  const column = (name: string) => {
    const index = names.indexOf(name);
    if (index < 0) throw new Error(`a report of the sandbox provider without the column ${name}`);
    return index;
  };
  const at = { type: column('type'), net: column('net'), currency: column('currency'), utr: column('utr') };
  const credits = new Map<string, ProviderCredit>();
  for (const line of lines) {
    const cells = line.split(',');
    const cell = (index: number) => cells[index] ?? '';
    if (cell(at.type) === 'payout') continue;
    const reference = cell(at.utr);
    const currency = cell(at.currency);
    const key = `${reference} ${currency}`;
    const before = credits.get(key)?.amountMinor ?? 0n;
    credits.set(key, { reference, currency, amountMinor: before + minorOf(currency, cell(at.net)) });
  }
  return [...credits.values()];
}
