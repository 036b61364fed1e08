/** Progress as one line: a bar with rate and time to go where the total is known, else counts. Pure. */
import { formatSize } from '../core/sizes.ts';
import type { SeenProgress } from '../view/wire.ts';
import { fitTo, padTo, widthOf } from './width.ts';

/** What is known of the share that is done: between 0 and 1, by bytes where they have a total, else by files. */
export function shareOf(progress: SeenProgress): number | undefined {
  const { bytesDone, bytesTotal, filesDone, filesTotal } = progress;
  if (bytesDone !== null && bytesTotal) return Math.min(1, bytesDone / bytesTotal);
  if (filesDone !== null && filesTotal) return Math.min(1, filesDone / filesTotal);
  return undefined;
}

/** The figures of a progress, such as `1.2 GiB of 2.7 GiB, 120.0 MiB/s, 0:12 to go`; unknown ones are left out. */
export function figuresOf(progress: SeenProgress): string {
  const { bytesDone, bytesTotal, filesDone, filesTotal, rateBytesPerS, etaS } = progress;
  const parts: string[] = [];
  if (bytesDone !== null)
    parts.push(bytesTotal ? `${formatSize(bytesDone)} of ${formatSize(bytesTotal)}` : formatSize(bytesDone));
  if (filesDone !== null) parts.push(filesTotal ? `${filesDone} of ${filesTotal} files` : `${filesDone} files`);
  if (rateBytesPerS !== null) parts.push(`${formatSize(Math.round(rateBytesPerS))}/s`);
  if (etaS !== null) parts.push(`${timeText(etaS)} to go`);
  return parts.join(', ');
}

const barColumnsMax = 30;
const barColumnsMin = 8;

/**
 * One line of at most `columns` columns: label, bar, percentage and figures. What does not fit goes in this order: the
 * bar shrinks, the figures are cut, then the label.
 */
export function barLine(label: string, progress: SeenProgress, columns: number): string {
  const share = shareOf(progress);
  const figures = figuresOf(progress);
  if (share === undefined) return fitTo([label, figures].filter(Boolean).join('  '), columns);
  const percent = padTo(`${Math.floor(share * 100)}%`, 4, 'end');
  const fixed = widthOf(label) + percent.length + widthOf(figures) + 8;
  const barColumns = Math.max(barColumnsMin, Math.min(barColumnsMax, columns - fixed));
  const filled = Math.floor(share * barColumns);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(barColumns - filled)}]`;
  return fitTo([label, bar, percent, figures].filter(Boolean).join('  '), columns);
}

/** `0:07`, `12:30`, `1:02:03`. */
export function timeText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
