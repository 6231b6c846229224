import type { ReactNode } from 'react';

export interface Column<Row> {
  readonly name: string;
  /** Figures stand right and in equal width. */
  readonly numeric?: boolean;
  /** Holds several words, which a narrow screen does not squeeze. */
  readonly wide?: boolean;
  readonly render: (row: Row) => ReactNode;
}

interface TableProps<Row> {
  /** Says what the table holds, for people who cannot see it at a glance. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  foot?: ReactNode;
}

/** A table that scrolls in itself when the screen is narrow. */
export function Table<Row>({ caption, columns, rows, rowKey, foot }: TableProps<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <section className="table-scroll" aria-label={caption} tabIndex={0}>
      <table className="table">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={column.numeric ? 'numeric' : undefined}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column) => (
                <td key={column.name} className={cellClass(column)}>
                  {column.render(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {foot && <tfoot>{foot}</tfoot>}
      </table>
    </section>
  );
}

function cellClass({ numeric, wide }: { readonly numeric?: boolean; readonly wide?: boolean }): string | undefined {
  return numeric ? 'numeric' : wide ? 'wide' : undefined;
}
