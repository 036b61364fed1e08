/** One transition as a line: what `watch` prints. */
import { printable } from '../core/printable.ts';
import type { SeenRecord } from '../view/wire.ts';
import { type Colours, paintState } from './colours.ts';
import { shownTime } from './times.ts';

export function transitionLine(record: SeenRecord, colours: Colours): string {
  const from = record.from === null ? '' : `${printable(record.from)} -> `;
  const details = [
    printable(record.event),
    record.reason ? printable(record.reason) : '',
    record.note ? `"${printable(record.note)}"` : '',
  ].filter(Boolean);
  const state = paintState(colours, printable(record.state));
  return `${shownTime(record.at)}  ${printable(record.kind)}/${printable(record.id)}  ${from}${state}  ${colours.faint(`(${details.join(', ')})`)}`;
}
