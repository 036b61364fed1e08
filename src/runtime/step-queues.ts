/**
 * The steps that wait to be replayed, a queue an actor, and what their provisional revisions came to be.
 *
 * 1. Within a queue each step follows the one before it; only the first names a revision of the store.
 * 2. A step is handed out as it would have to be written now, so that the journal, rewritten at any moment, can be
 *    replayed by another incarnation.
 */
import { type ActorRecord, keyOf } from './record.ts';
import type { StoredRecord } from './record-store.ts';

export interface WaitingStep extends StoredRecord {
  key: string;
  /** True once it is on the disk: until then nobody may see it. */
  isSynced: boolean;
}

export class StepQueues {
  readonly #queues = new Map<string, WaitingStep[]>();
  /** The real revision that an actor's newest provisional one became, until a record follows it. */
  readonly #real = new Map<string, number>();
  /** Counts down: a provisional revision is never taken for a real one. */
  #provisional = 0;

  get count(): number {
    let count = 0;
    for (const steps of this.#queues.values()) count += steps.length;
    return count;
  }

  has(key: string): boolean {
    return this.#queues.has(key);
  }

  keys(): string[] {
    return [...this.#queues.keys()];
  }

  /** All that waits, as a journal keeps it. */
  records(): ActorRecord[] {
    return [...this.#queues.values()].flatMap(steps => steps.map(({ record }) => record));
  }

  /** The record as the store has to be told it: a provisional `after` is the real one. */
  withReal(record: ActorRecord): ActorRecord {
    return record.after < 0 ? { ...record, after: this.#real.get(keyOf(record)) ?? 0 } : record;
  }

  /** An actor's next record follows a real revision again. */
  forgetReal(key: string): void {
    this.#real.delete(key);
  }

  push(record: ActorRecord): WaitingStep {
    const key = keyOf(record);
    const steps = this.#queues.get(key);
    this.#provisional -= 1;
    const step = { key, record: steps ? record : this.withReal(record), revision: this.#provisional, isSynced: false };
    if (steps) steps.push(step);
    else this.#queues.set(key, [step]);
    return step;
  }

  /** Takes up a step that an earlier incarnation left; one that its journal holds twice, once. */
  restore(record: ActorRecord): void {
    const { incarnation, n } = record.write;
    const isKnown = this.#queues
      .get(keyOf(record))
      ?.some(step => step.record.write.n === n && step.record.write.incarnation === incarnation);
    if (!isKnown) this.push(record).isSynced = true;
  }

  oldest(key: string): WaitingStep | undefined {
    return this.#queues.get(key)?.[0];
  }

  /** The newest that is on the disk. */
  newest(key: string): StoredRecord | undefined {
    const step = this.#queues.get(key)?.findLast(({ isSynced }) => isSynced);
    return step && { record: step.record, revision: step.revision };
  }

  /** Those of an actor that are on the disk, oldest first. */
  waiting(key: string): StoredRecord[] {
    const synced = (this.#queues.get(key) ?? []).filter(({ isSynced }) => isSynced);
    return synced.map(({ record, revision }) => ({ record, revision }));
  }

  newestOfAll(): Map<string, StoredRecord> {
    return new Map(
      this.keys().flatMap(key => {
        const newest = this.newest(key);
        return newest ? [[key, newest]] : [];
      }),
    );
  }

  /** The step is in the store, under this revision. */
  done(step: WaitingStep, revision: number): void {
    this.#real.set(step.key, revision);
    if (!this.withdraw(step)) return;
    const next = this.oldest(step.key);
    if (next) next.record = { ...next.record, after: revision };
  }

  /** Takes a step out that came to nothing; false where it is not there any more. */
  withdraw(step: WaitingStep): boolean {
    const steps = this.#queues.get(step.key) ?? [];
    const place = steps.indexOf(step);
    if (place < 0) return false;
    steps.splice(place, 1);
    if (steps.length === 0) this.#queues.delete(step.key);
    return true;
  }

  /** Forgets all steps of an actor; says how many there were. */
  drop(key: string): number {
    const count = this.#queues.get(key)?.length ?? 0;
    this.#queues.delete(key);
    return count;
  }
}
