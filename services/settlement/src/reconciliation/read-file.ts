/** Any file as its statements and lines, by its format; throws BadFile with line and reason. */
import type { FileFormat, FileItem } from './file-item.ts';
import { readCamt053 } from './read-camt053.ts';
import { readDelimited } from './read-delimited.ts';
import { readMt940 } from './read-mt940.ts';

export function readFile(format: FileFormat, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<FileItem> {
  switch (format) {
    case 'settlement_csv':
    case 'settlement_tsv':
    case 'npci_csv':
      return readDelimited(bytes, format);
    case 'camt053':
      return readCamt053(bytes);
    case 'mt940':
      return readMt940(bytes);
  }
}
