/**
 * This process's clock, on which cluster time is built: the wall clock as the process began, and what passed since. That
 * somebody sets the wall clock does not move it: until the next renewal of the lease measured it anew, deadlines and ticks
 * of another day would ring. The sleep of the machine does, which the monotonic clock leaves out and the uptime counts.
 */
import { uptime } from 'node:os';

export interface Clocks {
  /** Milliseconds since the epoch; may be set at any time. */
  wall: () => number;
  /** Milliseconds that only go forward, and stand still while the machine sleeps. */
  monotonic: () => number;
  /** Milliseconds since the machine was started, its sleep included. */
  uptime: () => number;
}

const systemClocks: Clocks = {
  wall: Date.now,
  monotonic: () => performance.now(),
  uptime: () => uptime() * 1_000,
};

/** What the clocks may differ by without a cause: the uptime is told in hundredths of a second at best. */
const noticedMs = 1_000;

export class SteadyClock {
  readonly #clocks: Clocks;
  /** Each clock less the monotonic one. */
  #ownAhead: number;
  #wallAhead: number;
  #uptimeAhead: number;

  constructor(clocks: Clocks = systemClocks) {
    this.#clocks = clocks;
    this.#wallAhead = clocks.wall() - clocks.monotonic();
    this.#ownAhead = this.#wallAhead;
    this.#uptimeAhead = clocks.uptime() - clocks.monotonic();
  }

  /** Milliseconds since the epoch. */
  now(): number {
    const monotonic = this.#clocks.monotonic();
    const wallAhead = this.#clocks.wall() - monotonic;
    // After a sleep the wall clock is ahead as well, so the uptime is asked only where that one moved.
    if (Math.abs(wallAhead - this.#wallAhead) > noticedMs) {
      this.#wallAhead = wallAhead;
      const uptimeAhead = this.#clocks.uptime() - monotonic;
      const sleptMs = uptimeAhead - this.#uptimeAhead;
      this.#uptimeAhead = uptimeAhead;
      if (sleptMs > noticedMs) this.#ownAhead += sleptMs;
    }
    return monotonic + this.#ownAhead;
  }
}
