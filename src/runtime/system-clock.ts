/**
 * Wall-clock alarms: one heap, one timer.
 *
 * 1. The timer never sleeps longer than a minute, so a wait of a year needs no more than 31 bits of milliseconds, and a
 *    suspended machine or a stepped clock is noticed within that minute.
 * 2. An alarm rings at or after its time by the wall clock, in the order of times; one that is set while others ring
 *    waits for a later turn, so that an alarm that sets itself anew starves nobody.
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

/** So few that were taken back are not worth a sweep. */
const deadMin = 1_000;

interface Alarm {
  at: number;
  /** Counts the alarms. */
  n: number;
  ring: (() => void) | undefined;
}

export class SystemClock implements Clock {
  readonly #heap: Alarm[] = [];
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  readonly #onJump: (byMs: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #set = 0;
  /** How many of the heap were taken back, about. */
  #dead = 0;
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
    this.#set += 1;
    const alarm: Alarm = { at, n: this.#set, ring };
    push(this.#heap, alarm);
    if (at < this.#armedFor) this.#arm();
    return () => {
      if (!alarm.ring) return;
      alarm.ring = undefined;
      this.#dead += 1;
      if (this.#dead > deadMin && this.#dead > this.#heap.length / 2) this.#sweep();
    };
  }

  /** Looks at the clocks and at what is due now; the timer does this by itself at least once a minute. */
  check(): void {
    this.#noticeJump();
    const now = this.#wall();
    const newest = this.#set;
    this.#armedFor = Number.NEGATIVE_INFINITY; // what rings may set alarms: they must not arm the timer one by one
    try {
      for (let top = this.#top(); top && top.at <= now && top.n <= newest; top = this.#top()) {
        pop(this.#heap);
        const { ring } = top;
        top.ring = undefined;
        ring?.();
      }
    } finally {
      this.#arm(); // also where one of them threw
    }
  }

  /** Forgets every alarm; nothing rings afterwards. */
  close(): void {
    clearTimeout(this.#timer);
    this.#heap.length = 0;
    this.#dead = 0;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const top = this.#top();
    this.#armedFor = top ? top.at : Number.POSITIVE_INFINITY;
    if (top) this.#timer = setTimeout(() => this.check(), Math.max(0, Math.min(top.at - this.#wall(), sleepMaxMs)));
  }

  /** The next alarm that was not taken back. */
  #top(): Alarm | undefined {
    for (let top = this.#heap[0]; top; top = this.#heap[0]) {
      if (top.ring) return top;
      pop(this.#heap);
      this.#dead -= 1;
    }
    return undefined;
  }

  /** Without those that were taken back: an actor that steps often would leave one a step until its far deadline. */
  #sweep(): void {
    const alive = this.#heap.filter(({ ring }) => ring).sort((one, other) => one.at - other.at || one.n - other.n);
    this.#heap.length = 0;
    for (const alarm of alive) this.#heap.push(alarm); // in order, it is a heap
    this.#dead = 0;
  }

  #noticeJump(): void {
    const offset = this.#wall() - this.#monotonic();
    const byMs = offset - this.#offset;
    if (Math.abs(byMs) < jumpMinMs) return;
    this.#offset = offset;
    this.#onJump(Math.round(byMs));
  }
}

/** By time, and of one time in the order in which they were set. */
function isBefore(one: Alarm, other: Alarm): boolean {
  return one.at < other.at || (one.at === other.at && one.n < other.n);
}

function push(heap: Alarm[], alarm: Alarm): void {
  let place = heap.push(alarm) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent] as Alarm;
    if (!isBefore(alarm, above)) break;
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
    if (right && isBefore(right, heap[child] as Alarm)) child += 1;
    const below = heap[child] as Alarm;
    if (!isBefore(below, last)) break;
    heap[place] = below;
    place = child;
  }
  heap[place] = last;
}
