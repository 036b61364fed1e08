/**
 * The restarts of the last `periodMs`, as supervisor.erl counts them: one that is exactly `periodMs` old still counts.
 * A queue of two lists that is never changed in place, so that adding costs the same however many it holds.
 */

interface Cell {
  at: number;
  next: Cell | null;
}

export interface RestartWindow {
  /** Newest first. */
  newest: Cell | null;
  /** Oldest first. */
  oldest: Cell | null;
  count: number;
}

export const emptyWindow: RestartWindow = { newest: null, oldest: null, count: 0 };

/** The window after a restart at `at` (ms since the epoch): with it, and without what is older than the period. */
export function withRestart(window: RestartWindow, at: number, periodMs: number): RestartWindow {
  let newest: Cell | null = { at, next: window.newest };
  let { oldest } = window;
  let count = window.count + 1;
  for (;;) {
    if (!oldest) {
      oldest = reversed(newest);
      newest = null;
    }
    if (!oldest || at - oldest.at <= periodMs) return { newest, oldest, count };
    oldest = oldest.next;
    count -= 1;
  }
}

function reversed(list: Cell | null): Cell | null {
  let result: Cell | null = null;
  for (let cell = list; cell; cell = cell.next) result = { at: cell.at, next: result };
  return result;
}
