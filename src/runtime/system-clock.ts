/**
 * Wall-clock alarms: one heap, one timer.
 *
 * 1. The timer never sleeps longer than a minute, so a wait of a year needs no more than 31 bits of milliseconds, and a
 *    suspended machine or a stepped clock is noticed within that minute.
 * 2. An alarm rings at or after its time by the wall clock, in the order of times; one that is set while others ring
 *    waits for a later turn, so that an alarm that sets itself anew starves nobody. Those of one moment ring some
 *    milliseconds long; the others of them after whatever else waits for its turn.
 * 3. A jump (the wall clock against the monotonic one) of more than `jumpMinMs` is told to `onJump`.
 */
import { type Alarm, CallAlarm, type Clock } from '../core/clock.ts';
import { AlarmHeap } from './alarm-heap.ts';

export interface SystemClockOptions {
  /** Milliseconds since the epoch. Default: `Date.now`. */
  wall?: () => number;
  /** Milliseconds that only go forward, and stand still while the machine sleeps. Default: `performance.now`. */
  monotonic?: () => number;
  /** Told how far the wall clock jumped, in milliseconds, back or forth. */
  onJump?: (byMs: number) => void;
}

/** Longest single sleep of the timer. */
export const sleepMaxMs = 60_000;

/** How long alarms ring in one turn of the event loop. */
const ringMsMax = 4;

/** Smallest difference between the two clocks that counts as a jump. */
export const jumpMinMs = 5_000;

export class SystemClock implements Clock {
  readonly #heap = new AlarmHeap();
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  readonly #onJump: (byMs: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #offset: number;

  constructor(options: SystemClockOptions = {}) {
    this.#wall = options.wall ?? Date.now;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#onJump = options.onJump ?? (() => undefined);
    this.#offset = this.#wall() - this.#monotonic();
  }

  /** How many alarms are set. */
  get size(): number {
    return this.#heap.size;
  }

  now(): number {
    return this.#wall();
  }

  alarm(at: number, ring: () => void): () => void {
    const alarm = new CallAlarm(ring);
    this.set(alarm, at);
    return () => this.unset(alarm);
  }

  set(alarm: Alarm, at: number): void {
    this.#heap.remove(alarm);
    this.#heap.add(alarm, at);
    if (at < this.#armedFor) this.#arm();
  }

  /** The timer may wake for nothing then: that is cheaper than to set it anew each time. */
  unset(alarm: Alarm): void {
    this.#heap.remove(alarm);
  }

  /** Looks at the clocks and at what is due now; the timer does this by itself at least once a minute. */
  check(): void {
    this.#noticeJump();
    const now = this.#wall();
    const { newest } = this.#heap;
    const until = this.#monotonic() + ringMsMax;
    this.#armedFor = Number.NEGATIVE_INFINITY; // what rings may set alarms: they must not arm the timer one by one
    try {
      while (this.#heap.topAt <= now && this.#heap.topOrder <= newest) {
        const { top } = this.#heap;
        if (!top) break;
        this.#heap.remove(top);
        top.ring();
        if (this.#monotonic() > until) break;
      }
    } finally {
      this.#arm(); // also where one of them threw
    }
  }

  /** Forgets every alarm; nothing rings afterwards. */
  close(): void {
    clearTimeout(this.#timer);
    this.#heap.clear();
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#armedFor = this.#heap.topAt;
    if (this.#heap.size === 0) return;
    this.#timer = setTimeout(() => this.check(), Math.max(0, Math.min(this.#armedFor - this.#wall(), sleepMaxMs)));
  }

  #noticeJump(): void {
    const offset = this.#wall() - this.#monotonic();
    const byMs = offset - this.#offset;
    if (Math.abs(byMs) < jumpMinMs) return;
    this.#offset = offset;
    this.#onJump(Math.round(byMs));
  }
}
