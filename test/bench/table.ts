/** Rows as a table of Markdown whose columns line up on a terminal. */
import type { Row } from './measure.ts';

const heads: Row = {
  figure: 'figure',
  value: 'measured',
  anchor: 'anchor',
  ratio: 'ratio',
  target: 'target',
  met: true,
};

export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ figure, value, anchor, ratio, target, met }) =>
    [figure, value, anchor, ratio, target, verdictOf(target, met)].map(cell => cell.replaceAll('|', '\\|')),
  );
  const head = [heads.figure, heads.value, heads.anchor, heads.ratio, heads.target, ''];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map(row => row[column]?.length ?? 0), 3));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

/** Without a target there is nothing to meet, unless the figure itself is missing. */
function verdictOf(target: string, met: boolean): string {
  if (!met) return '**MISSED**';
  return target === '' ? '' : 'met';
}
