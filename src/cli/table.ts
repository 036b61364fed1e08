/** Aligned tables of text for people. Cells may come from outside: they are escaped here. */
import { printable } from '../core/printable.ts';
import { padTo, widthOf } from './width.ts';

export interface Column<Row> {
  title: string;
  /** The cell's text; null and undefined become a dash. */
  cell: (row: Row) => string | number | null | undefined;
  align?: 'start' | 'end';
  /** Colours the padded cell; it gets the text for its columns as it is shown. */
  paint?: (shown: string, row: Row) => string;
}

/** The lines of a table, its header first; no line ends in spaces. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = rows.map(row => columns.map(column => shownCell(column.cell(row))));
  const widths = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...cells.map(line => widthOf(line[index] ?? ''))),
  );
  const header = columns.map((column, index) => padTo(column.title, widths[index] ?? 0, column.align));
  const body = rows.map((row, line) =>
    columns.map((column, index) => {
      const padded = padTo(cells[line]?.[index] ?? '', widths[index] ?? 0, column.align);
      return column.paint ? column.paint(padded, row) : padded;
    }),
  );
  return [header, ...body].map(line => line.join('  ').trimEnd());
}

/** `name: value` lines with the values aligned; undefined ones are left out. */
export function fieldLines(fields: readonly (readonly [string, string | number | null | undefined])[]): string[] {
  const shown = fields.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name)));
  return shown.map(([name, value]) => `${padTo(`${name}:`, width + 1)}  ${shownCell(value)}`);
}

function shownCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === '') return '-';
  return printable(String(value));
}
