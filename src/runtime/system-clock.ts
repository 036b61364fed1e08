/**
 * Wall-clock alarms: one heap, one timer.
 *
 * 1. The timer never sleeps longer than a minute, so a wait of a year needs no more than 31 bits of milliseconds, and a
 *    suspended machine or a stepped clock is noticed within that minute.
 * 2. An alarm rings at or after its time by the wall clock, in the order of times.
 * 3. A jump (the wall clock against the monotonic one) of more than `jumpMinMs` is told to `onJump`.
 */
import type { Clock } from '../core/clock.ts';

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

/** Smallest difference between the two clocks that counts as a jump. */
export const jumpMinMs = 5_000;

interface Alarm {
  at: number;
  ring: (() => void) | undefined;
}

export class SystemClock implements Clock {
  readonly #heap: Alarm[] = [];
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

  /** How many alarms are set, those taken back but not yet swept included. */
  get size(): number {
    return this.#heap.length;
  }

  now(): number {
    return this.#wall();
  }

  alarm(at: number, ring: () => void): () => void {
    const alarm: Alarm = { at, ring };
    push(this.#heap, alarm);
    if (at < this.#armedFor) this.#arm();
    return () => {
      alarm.ring = undefined;
    };
  }

  /** Looks at the clocks and at what is due now; the timer does this by itself at least once a minute. */
  check(): void {
    this.#noticeJump();
    const now = this.#wall();
    this.#armedFor = Number.NEGATIVE_INFINITY; // what rings may set alarms: they must not arm the timer one by one
    for (let top = this.#heap[0]; top && (top.at <= now || !top.ring); top = this.#heap[0]) {
      pop(this.#heap);
      const { ring } = top;
      top.ring = undefined;
      ring?.();
    }
    this.#arm();
  }

  /** Forgets every alarm; nothing rings afterwards. */
  close(): void {
    clearTimeout(this.#timer);
    this.#heap.length = 0;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    while (this.#heap[0] && !this.#heap[0].ring) pop(this.#heap);
    const top = this.#heap[0];
    this.#armedFor = top ? top.at : Number.POSITIVE_INFINITY;
    if (top) this.#timer = setTimeout(() => this.check(), Math.max(0, Math.min(top.at - this.#wall(), sleepMaxMs)));
  }

  #noticeJump(): void {
    const offset = this.#wall() - this.#monotonic();
    const byMs = offset - this.#offset;
    if (Math.abs(byMs) < jumpMinMs) return;
    this.#offset = offset;
    this.#onJump(Math.round(byMs));
  }
}

function push(heap: Alarm[], alarm: Alarm): void {
  let place = heap.push(alarm) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent] as Alarm;
    if (above.at <= alarm.at) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = alarm;
}

function pop(heap: Alarm[]): void {
  const last = heap.pop() as Alarm;
  if (heap.length === 0) return;
  let place = 0;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right && right.at < (heap[child] as Alarm).at) child += 1;
    const below = heap[child] as Alarm;
    if (below.at >= last.at) break;
    heap[place] = below;
    place = child;
  }
  heap[place] = last;
}
