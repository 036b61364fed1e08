/**
 * Alarms in a binary heap, by time and of one time in the order in which they were set. Each alarm knows its place, so one
 * that is taken back leaves at once, and nothing piles up behind actors that step often. Times and order stand in arrays
 * of their own: to compare two alarms touches neither of them, and of very many most are far from the processor.
 */
import type { Alarm } from '../core/clock.ts';

export class AlarmHeap {
  readonly #alarms: Alarm[] = [];
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  #added = 0;

  get size(): number {
    return this.#alarms.length;
  }

  /** How many were ever added: the order of the newest. */
  get newest(): number {
    return this.#added;
  }

  /** The one that rings next, and when. */
  get top(): Alarm | undefined {
    return this.#alarms[0];
  }

  get topAt(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  get topOrder(): number {
    return this.#orders[0] ?? Number.POSITIVE_INFINITY;
  }

  add(alarm: Alarm, at: number): void {
    this.#added += 1;
    this.#rise(alarm, at, this.#added, this.#alarms.length);
  }

  /** One that is not here stays so. */
  remove(alarm: Alarm): void {
    const { place } = alarm;
    if (place < 0) return;
    alarm.place = -1;
    const last = this.#alarms.pop() as Alarm;
    const at = this.#times.pop() as number;
    const order = this.#orders.pop() as number;
    if (last === alarm) return;
    if (place > 0 && this.#isBefore(at, order, (place - 1) >> 1)) this.#rise(last, at, order, place);
    else this.#sink(last, at, order, place);
  }

  clear(): void {
    for (const alarm of this.#alarms) alarm.place = -1;
    for (const list of [this.#alarms, this.#times, this.#orders]) list.length = 0;
  }

  #rise(alarm: Alarm, at: number, order: number, from: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(at, order, parent)) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#put(alarm, at, order, place);
  }

  #sink(alarm: Alarm, at: number, order: number, from: number): void {
    let place = from;
    for (let child = 2 * place + 1; child < this.#alarms.length; child = 2 * place + 1) {
      const right = child + 1;
      if (right < this.#alarms.length && this.#isBefore(this.#timeAt(right), this.#orderAt(right), child))
        child = right;
      if (this.#isBefore(at, order, child)) break;
      this.#move(child, place);
      place = child;
    }
    this.#put(alarm, at, order, place);
  }

  /** Would one of this time and order ring before the one that stands at `place`? */
  #isBefore(at: number, order: number, place: number): boolean {
    const other = this.#timeAt(place);
    return at < other || (at === other && order < this.#orderAt(place));
  }

  #timeAt(place: number): number {
    return this.#times[place] as number;
  }

  #orderAt(place: number): number {
    return this.#orders[place] as number;
  }

  #move(from: number, to: number): void {
    this.#put(this.#alarms[from] as Alarm, this.#timeAt(from), this.#orderAt(from), to);
  }

  #put(alarm: Alarm, at: number, order: number, place: number): void {
    this.#alarms[place] = alarm;
    this.#times[place] = at;
    this.#orders[place] = order;
    alarm.place = place;
  }
}
