/** The cells of the table in a text of Markdown, however a formatter has padded them. */
export function cellsOf(text: string): string[][] {
  const rows = text.split('\n').filter(line => line.startsWith('|'));
  return rows.map(row => row.split('|').map(cell => cell.trim().replace(/^-+$/, '---')));
}
