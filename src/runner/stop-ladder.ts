/**
 * How a run's processes are stopped, within a bound and with proof.
 *
 * 1. The polite signal goes to the process group, and CONT after it: a signal stays pending on a stopped process.
 * 2. The grace ends early once nobody is left in the group; who left it never hears the polite signal.
 * 3. Then everybody is killed that can be found, again at each look, until nobody is left or the bound is reached.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Members } from './members.ts';

export interface StopOrder {
  /** The polite signal; SIGTERM unless the engine knows a better one. */
  signal?: NodeJS.Signals;
  /** How long the polite signal may take; 0 kills at once. */
  graceMs: number;
  /** How long the kill may take before its processes count as unkillable; 5 s unless given. */
  killMs?: number;
}

/** Nobody is left; or who did not go although it was killed. */
export type StopResult = { gone: true; tookMs: number } | { gone: false; tookMs: number; pids: number[] };

const lookEveryMs = process.platform === 'linux' ? 20 : 100;
const killMsDefault = 5_000;

export class StopLadder {
  readonly #members: Members;
  readonly #order: StopOrder;
  readonly #startedAt = performance.now();
  #graceEnd: number;
  #hurry: () => void = () => {};

  constructor(members: Members, order: StopOrder) {
    this.#members = members;
    this.#order = order;
    this.#graceEnd = this.#startedAt + order.graceMs;
  }

  /**
   * Ends the grace at the latest in `graceMs` from now; a later end than the one that holds changes nothing. For 0 the
   * kill is sent before this returns: an agent that ends in this turn sends no other.
   */
  shorten(graceMs: number): void {
    this.#graceEnd = Math.min(this.#graceEnd, performance.now() + graceMs);
    if (graceMs === 0) this.#members.killAll();
    this.#hurry();
  }

  /** Climbs down the ladder. Called once. */
  async run(): Promise<StopResult> {
    const { signal = 'SIGTERM', killMs = killMsDefault } = this.#order;
    if (performance.now() < this.#graceEnd) {
      this.#members.signalGroup(signal);
      this.#members.signalGroup('SIGCONT');
    }
    while (performance.now() < this.#graceEnd && this.#members.look().some(entry => this.#members.isInGroup(entry)))
      await this.#pause();
    const killEnd = performance.now() + killMs;
    for (;;) {
      this.#members.killAll();
      const left = this.#members.look();
      const tookMs = Math.round(performance.now() - this.#startedAt);
      if (left.length === 0) return { gone: true, tookMs };
      if (performance.now() > killEnd) return { gone: false, tookMs, pids: left.map(entry => entry.pid) };
      await delay(lookEveryMs);
    }
  }

  /** Until the next look, or the end of the grace, or until somebody is in a hurry. */
  #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waitMs = Math.max(0, Math.min(lookEveryMs, this.#graceEnd - performance.now()));
    const timer = setTimeout(resolve, waitMs);
    this.#hurry = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }
}
