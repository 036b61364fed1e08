/**
 * How a run's processes are stopped, within a bound and with proof.
 *
 * 1. The polite signal goes to the process group, and CONT after it: a signal stays pending on a stopped process.
 * 2. The grace ends early once nobody is left in the group; who left it never hears the polite signal.
 * 3. Then everybody is killed that can be found, again at each look, until nobody is left or the bound is reached.
 * 4. The runner and its watcher end by themselves once the engine is gone, and have its status to record. They are waited
 *    for, and killed only where they stay.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Members } from './members.ts';
import { isAlive, type ProcessIdentity, signalProcess } from './process-identity.ts';

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
/** What the runner may take to record an end, on a busy host. */
const supervisorMs = 3_000;

export class StopLadder {
  readonly #members: Members;
  readonly #supervisors: readonly ProcessIdentity[];
  readonly #order: StopOrder;
  readonly #startedAt = performance.now();
  #graceEnd: number;
  #hurry: () => void = () => {};

  constructor(members: Members, supervisors: readonly ProcessIdentity[], order: StopOrder) {
    this.#members = members;
    this.#supervisors = supervisors;
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
    if (performance.now() < this.#graceEnd) this.#members.signalGroup(signal, 'SIGCONT');
    while (performance.now() < this.#graceEnd && this.#members.look().some(entry => this.#members.isInGroup(entry)))
      await this.#pause();
    const killEnd = performance.now() + killMs;
    for (;;) {
      this.#members.killAll();
      const left = this.#members.look();
      if (left.length === 0) return await this.#supervisorsGone();
      if (performance.now() > killEnd) return this.#left(left);
      await delay(lookEveryMs);
    }
  }

  async #supervisorsGone(): Promise<StopResult> {
    const began = performance.now();
    for (;;) {
      const left = this.#supervisors.filter(isAlive);
      const forMs = performance.now() - began;
      if (left.length === 0) {
        this.#members.forget();
        return { gone: true, tookMs: this.#tookMs() };
      }
      if (forMs > 2 * supervisorMs) return this.#left(left);
      // One that was stopped ends when it is continued.
      for (const each of left) signalProcess(each, forMs > supervisorMs ? 'SIGKILL' : 'SIGCONT');
      await delay(lookEveryMs / 4);
    }
  }

  #left(left: readonly { pid: number }[]): StopResult {
    return { gone: false, tookMs: this.#tookMs(), pids: left.map(({ pid }) => pid) };
  }

  #tookMs(): number {
    return Math.round(performance.now() - this.#startedAt);
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
