/**
 * The steps that no store has taken yet: on the disk, in the order in which they came, until they are replayed.
 *
 * 1. A replay that finds another owner drops the actor's steps and tells `onOvertaken`. A step that the store can never
 *    take drops them too and is told as trouble; it holds up nobody else's.
 * 2. One replay at a time: when the link returns, and as often as `retryEveryMs` while something waits.
 */
import { errorOf } from '../core/defect.ts';
import { FailureError } from '../core/failure.ts';
import type { JournalFile } from './journal-file.ts';
import { type Link, pause } from './link.ts';
import type { ActorRecord } from './record.ts';
import type { RecordStore, StoredRecord } from './record-store.ts';
import { StepQueues } from './step-queues.ts';

export interface StepJournalOptions {
  store: RecordStore;
  journal: JournalFile;
  link: Link;
  /** How often an unfinished replay, and a journal that cannot be written, is tried again. Default 1000. */
  retryEveryMs?: number;
  onOvertaken?: (by: StoredRecord) => void;
  onReplayed?: (counts: { records: number; superseded: number }) => void;
  /** Told of an error that is not NATS being away, once until it changes or is over; what failed is tried again. */
  onTrouble?: (error: Error) => void;
}

/** Longest time of one replay, before it is begun again. */
const replayMs = 10_000;

export class StepJournal {
  readonly steps = new StepQueues();
  readonly #options: StepJournalOptions;
  readonly #retryEveryMs: number;
  #replaying: Promise<void> | undefined;
  #timer: { handle: NodeJS.Timeout; dueMs: number } | undefined;
  #trouble: string | undefined;
  readonly #closed = new AbortController();
  readonly #unwatch: () => void;

  constructor(options: StepJournalOptions) {
    this.#options = options;
    this.#retryEveryMs = options.retryEveryMs ?? 1_000;
    this.#unwatch = options.link.watch(isUp => isUp && this.#soon(0));
  }

  /** Reads what an earlier incarnation left, and replays it. Resolves when nothing is left; `signal` ends the wait. */
  async recover(signal: AbortSignal): Promise<void> {
    for (const record of (await this.#options.journal.read()) as ActorRecord[]) this.steps.restore(record);
    while (this.steps.count > 0 && !signal.aborted) {
      await this.#replay(signal);
      if (this.steps.count > 0) await this.pause(signal);
    }
  }

  /** Resolves with its provisional revision once it is on the disk; undefined where the journal cannot be written. */
  async write(record: ActorRecord): Promise<number | undefined> {
    const step = this.steps.push(record);
    try {
      await this.#options.journal.append(step.record);
      step.isSynced = true;
    } catch (error) {
      this.#tellTrouble(error);
      // Where it is not there any more, a replay under way was quicker than the disk, and it is decided.
      if (this.steps.withdraw(step)) return undefined;
    }
    if (this.#options.link.isUp) this.#soon(this.#retryEveryMs);
    return step.revision;
  }

  /** Until it is worth trying again: a while, or the link's next change, or the signal. */
  async pause(signal: AbortSignal | undefined): Promise<void> {
    await pause(this.#options.link, this.#retryEveryMs, signal);
  }

  /** Ends replaying; what waits stays in the journal for the next incarnation. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#unwatch();
    clearTimeout(this.#timer?.handle);
    await this.#replaying;
    await this.#options.journal.close();
  }

  /** Replays in `inMs`, or sooner where that was said before. */
  #soon(inMs: number): void {
    if (this.#closed.signal.aborted) return;
    const dueMs = performance.now() + inMs;
    if (this.#timer && this.#timer.dueMs <= dueMs) return;
    clearTimeout(this.#timer?.handle);
    const handle = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#options.link.isUp) return; // its return replays
      void this.#replay(this.#closed.signal).then(() => {
        if (this.steps.count > 0 && this.#options.link.isUp) this.#soon(this.#retryEveryMs);
      });
    }, inMs);
    this.#timer = { handle, dueMs };
  }

  /** One at a time, and never rejects: whoever asks meanwhile waits for the one under way. */
  #replay(signal: AbortSignal): Promise<void> {
    this.#replaying ??= this.#replayAll(signal)
      .catch(error => this.#tellTrouble(error))
      .finally(() => {
        this.#replaying = undefined;
      });
    return this.#replaying;
  }

  async #replayAll(signal: AbortSignal): Promise<void> {
    const counts = { records: 0, superseded: 0 };
    const bound = AbortSignal.any([signal, this.#closed.signal, AbortSignal.timeout(replayMs)]);
    let isWhole = true;
    for (const key of this.steps.keys()) {
      try {
        await this.#replayActor(key, counts, bound);
      } catch (error) {
        if (bound.aborted) break;
        isWhole = false;
        if (error instanceof FailureError && error.failure.kind === 'permanent') this.steps.drop(key);
        this.#tellTrouble(error);
      }
    }
    if (counts.records + counts.superseded > 0) this.#options.onReplayed?.(counts);
    await this.#options.journal.replace(() => this.steps.records());
    if (isWhole) this.#trouble = undefined;
  }

  async #replayActor(key: string, counts: { records: number; superseded: number }, bound: AbortSignal): Promise<void> {
    for (let step = this.steps.oldest(key); step; step = this.steps.oldest(key)) {
      const outcome = await this.#options.store.append(step.record, { signal: bound });
      if (outcome.outcome === 'effective' || isOurs(step.record, outcome.by.record)) {
        this.steps.done(step, outcome.outcome === 'effective' ? outcome.revision : outcome.by.revision);
        counts.records += 1;
      } else {
        counts.superseded += this.steps.drop(key);
        this.#options.onOvertaken?.(outcome.by);
      }
    }
  }

  #tellTrouble(error: unknown): void {
    const trouble = errorOf(error);
    if (trouble.message === this.#trouble) return;
    this.#trouble = trouble.message;
    this.#options.onTrouble?.(trouble);
  }
}

/** An earlier replay got at least this far before it was cut off, and the store keeps no longer what it wrote then. */
function isOurs(record: ActorRecord, newest: ActorRecord): boolean {
  return newest.write.incarnation === record.write.incarnation && newest.write.n >= record.write.n;
}
