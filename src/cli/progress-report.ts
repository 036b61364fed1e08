/**
 * How a run under way is shown: on a terminal one line that is drawn in place and taken away at the end; elsewhere plain
 * lines, at most one each 5 s or each 10 %.
 */
import type { Clock } from '../core/clock.ts';
import { printable } from '../core/printable.ts';
import type { Progress } from '../domain/run.ts';
import type { Output } from './environment.ts';
import { LiveRegion } from './live-region.ts';
import { barLine, figuresOf, shareOf } from './progress-bar.ts';

const plainEachMs = 5_000;
const plainEachShare = 0.1;
const drawEachMs = 100;

export interface ProgressReport {
  /** Shows where the run is. `label` and `state` may come from outside: they are escaped here. */
  show(label: string, state: string, progress: Progress | undefined): void;
  /** Prints a line that stays. */
  say(line: string): void;
  /** Takes away what is drawn. May be called twice. */
  end(): void;
}

export function progressReport(output: Output, clock: Pick<Clock, 'now'>): ProgressReport {
  return output.isTTY ? drawnReport(output, clock) : plainReport(output, clock);
}

function drawnReport(output: Output, clock: Pick<Clock, 'now'>): ProgressReport {
  const region = new LiveRegion(output);
  let last: { state: string; at: number } | undefined;
  return {
    show(label, state, progress) {
      const now = clock.now();
      if (last?.state === state && now - last.at < drawEachMs) return;
      last = { state, at: now };
      const title = `${printable(label)} ${printable(state)}`;
      region.draw([progress ? barLine(title, progress, region.columns) : title]);
    },
    say(line) {
      region.clear();
      output.write(`${line}\n`);
    },
    end: () => region.clear(),
  };
}

function plainReport(output: Output, clock: Pick<Clock, 'now'>): ProgressReport {
  let last: { state: string; at: number; share: number } | undefined;
  return {
    show(label, state, progress) {
      const now = clock.now();
      const share = (progress && shareOf(progress)) ?? 0;
      const due = last && (now - last.at >= plainEachMs || share - last.share >= plainEachShare);
      if (last?.state === state && !due) return;
      last = { state, at: now, share };
      const figures = progress ? figuresOf(progress) : '';
      const percent = share > 0 ? `${Math.floor(share * 100)}%` : '';
      const told = [percent, figures].filter(Boolean).join(', ');
      output.write(`${printable(label)} ${printable(state)}${told ? `: ${told}` : ''}\n`);
    },
    say: line => output.write(`${line}\n`),
    end: () => undefined,
  };
}
