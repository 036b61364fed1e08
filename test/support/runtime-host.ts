/** A host for actors in memory, with a clock that a test turns, and a list of what was observed. */
import { type Alarm, CallAlarm, type Clock } from '../../src/core/clock.ts';
import type { Fact, Observer } from '../../src/domain/facts.ts';
import type { Host } from '../../src/runtime/host.ts';
import { MemoryMailboxes } from '../../src/runtime/memory/mailboxes.ts';
import { MemoryRecordStore } from '../../src/runtime/memory/record-store.ts';
import { MemoryRefusals } from '../../src/runtime/memory/refusals.ts';

/** Time that stands still until it is told to go on; alarms ring in order on the way. */
export class ManualClock implements Clock {
  #now: number;
  #alarms: { alarm: Alarm; at: number }[] = [];

  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  alarm(at: number, ring: () => void): () => void {
    const alarm = new CallAlarm(ring);
    this.set(alarm, at);
    return () => this.unset(alarm);
  }

  set(alarm: Alarm, at: number): void {
    this.unset(alarm);
    this.#alarms.push({ alarm, at });
  }

  unset(alarm: Alarm): void {
    this.#alarms = this.#alarms.filter(each => each.alarm !== alarm);
  }

  /** Sets the time, back or forth, as somebody sets a clock: what is due rings when time goes on. */
  jump(now: number): void {
    this.#now = now;
  }

  /** Forgets every alarm, as the end of a process does. */
  forget(): void {
    this.#alarms = [];
  }

  get alarms(): number {
    return this.#alarms.length;
  }

  /** Goes on by `byMs`, ringing what is due, in order, each at its time; what an alarm starts has settled before the next. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    for (;;) {
      const next = this.#alarms.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!next) break;
      this.#alarms = this.#alarms.filter(each => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.alarm.ring();
      await new Promise(resolve => setImmediate(resolve));
    }
    this.#now = end;
  }
}

export interface MemoryHost extends Host {
  clock: ManualClock;
  store: MemoryRecordStore;
  mailboxes: MemoryMailboxes;
  refusals: MemoryRefusals;
  observe: Observer;
  facts: Fact[];
  replies: { to: string; answer: unknown }[];
}

/** Another incarnation on the same stores where `from` is given. */
export function memoryHost(from?: MemoryHost, incarnation = 'first'): MemoryHost {
  const facts: Fact[] = [];
  const replies: { to: string; answer: unknown }[] = [];
  const clock = from?.clock ?? new ManualClock();
  let writes = 0;
  return {
    clock,
    store: from?.store ?? new MemoryRecordStore(),
    mailboxes: from?.mailboxes ?? new MemoryMailboxes(() => clock.now()),
    refusals: from?.refusals ?? new MemoryRefusals(),
    reply: (to, answer) => replies.push({ to, answer }),
    owner: { agent: 'here', host: 'host', incarnation },
    nextWrite: () => ++writes,
    random: () => 0,
    observe: fact => facts.push(fact),
    poison: new Map(),
    facts,
    replies,
  };
}
