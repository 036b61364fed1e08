/** Progress as one line: a bar with rate and time to go where the total is known, else counts. Pure. */
import { formatSize } from '../core/sizes.ts';
import type { Progress } from '../domain/run.ts';
import { fitTo, padTo, widthOf } from './width.ts';

/** What is known of the share that is done: between 0 and 1, by bytes where they have a total, else by files. */
export function shareOf(progress: Progress): number | undefined {
  const { bytesDone, bytesTotal, filesDone, filesTotal } = progress;
  if (bytesDone !== null && bytesTotal) return Math.min(1, bytesDone / bytesTotal);
  if (filesDone !== null && filesTotal) return Math.min(1, filesDone / filesTotal);
  return undefined;
}

/** The figures of a progress, such as `1.2 GiB of 2.7 GiB, 3 files, 120.0 MiB/s, 0:12 to go`; unknown ones are left out. */
export function figuresOf(progress: Progress): string {
  return Object.values(parts(progress))
    .filter(part => part !== undefined)
    .join(', ');
}

const barColumnsMax = 30;
const barColumnsMin = 8;

/**
 * One line of at most `columns` columns: label, bar, percentage and figures. Where it is narrow the bar shrinks, then
 * figures are left out, the time to go last, for it is what people wait for; at last the line is cut.
 */
export function barLine(label: string, progress: Progress, columns: number): string {
  const share = shareOf(progress);
  if (share === undefined) return fitTo([label, figuresOf(progress)].filter(Boolean).join('  '), columns);
  const percent = padTo(`${Math.floor(share * 100)}%`, 4, 'end');
  const lineWith = (figures: string, barColumns: number) => {
    const filled = Math.floor(share * barColumns);
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(barColumns - filled)}]`;
    return [label, bar, percent, figures].filter(Boolean).join('  ');
  };
  const choices = figureChoices(progress);
  const figures = choices.find(choice => widthOf(lineWith(choice, barColumnsMin)) <= columns) ?? choices.at(-1) ?? '';
  const left = columns - widthOf(lineWith(figures, 0));
  return fitTo(lineWith(figures, Math.max(barColumnsMin, Math.min(barColumnsMax, left))), columns);
}

/** The figures from all of them to the time to go alone. */
function figureChoices(progress: Progress): string[] {
  const { bytes, files, rate, eta } = parts(progress);
  const done = parts({ ...progress, bytesTotal: null }).bytes;
  const choices = [[bytes, files, rate, eta], [bytes, rate, eta], [done, rate, eta], [rate, eta], [eta]];
  return choices.map(choice => choice.filter(part => part !== undefined).join(', '));
}

function parts({ bytesDone, bytesTotal, filesDone, filesTotal, rateBytesPerS, etaS }: Progress) {
  const of = (total: string | false) => (total ? ` of ${total}` : '');
  return {
    bytes: bytesDone === null ? undefined : `${formatSize(bytesDone)}${of(!!bytesTotal && formatSize(bytesTotal))}`,
    files: filesDone === null ? undefined : `${filesDone}${of(!!filesTotal && `${filesTotal}`)} files`,
    rate: rateBytesPerS === null ? undefined : `${formatSize(Math.round(rateBytesPerS))}/s`,
    eta: etaS === null ? undefined : `${timeText(etaS)} to go`,
  };
}

/** `0:07`, `12:30`, `1:02:03`. */
export function timeText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
