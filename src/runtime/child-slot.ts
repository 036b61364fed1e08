/**
 * The place of one child at its supervisor: its starts, its exits and its stops, one life after the other.
 *
 * 1. What a life says after it left or was stopped is not heard: it is not the next one's.
 * 2. A child that is stopped while its start is under way is waited for and then stopped.
 */
import type { ExitKind, RestartType } from '../../machines/supervisor.ts';
import type { Unstopped } from './child-stop.ts';

/** How a child left by itself. */
export interface ChildExit {
  exit: ExitKind;
  error?: unknown;
}

export interface Child {
  /** Ends it by `deadline` (ms since the epoch) and says what of it did not end. Its `exited` is not called for this. */
  drain: (deadline: number) => Promise<Unstopped[]>;
}

export interface ChildSpec {
  id: string;
  restart: RestartType;
  /** Starts it; undefined where there is nothing to run. Its life is told once, when it leaves by itself. */
  start: (life: ChildLife) => Child | undefined | Promise<Child | undefined>;
}

/** One life of a child, from a start of it on: whom it tells that it left. */
export interface ChildLife {
  exited(exit: ChildExit): void;
}

/** Whoever has the slot: the supervisor. */
export interface SlotPort {
  /** Its start is done; told whether there was anything to run. */
  begun: (slot: ChildSlot, isRunning: boolean) => void;
  /** It left by itself. */
  exited: (slot: ChildSlot, exit: ChildExit) => void;
}

const nothing: Promise<Unstopped[]> = Promise.resolve([]);

export class ChildSlot {
  readonly spec: ChildSpec;
  /** Its place in the order of starts. */
  readonly order: number;
  /** Its restarts since it was last stable. */
  crashes = 0;
  /** When the life after the last crash began: nobody asks while there are none to forget. */
  startedAt = 0;
  lastError: unknown;
  /** Takes back the alarm of a restart that waits. */
  takeAlarmBack: (() => void) | undefined;
  readonly #port: SlotPort;
  #child: Child | undefined;
  /** While its start is under way; undefined where nothing came of it. Never rejects. */
  #starting: Promise<Child | undefined> | undefined;
  #stopping: Promise<Unstopped[]> | undefined;
  /** The one that is heard (1). */
  #life: Life | undefined;

  constructor(spec: ChildSpec, order: number, port: SlotPort) {
    this.spec = spec;
    this.order = order;
    this.#port = port;
  }

  get id(): string {
    return this.spec.id;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /**
   * Starts it. A promise only where its own start is one; throws or rejects where that does, unless it was stopped
   * meanwhile.
   */
  start(): Promise<void> | undefined {
    const life = new Life(this);
    this.#life = life;
    const started = this.spec.start(life);
    if (started instanceof Promise) return this.#await(started, life);
    this.#begin(life, started);
    return undefined;
  }

  /** For its lives. */
  left(life: Life, exit: ChildExit): void {
    if (this.#life !== life) return;
    this.#life = undefined;
    this.#child = undefined;
    this.#port.exited(this, exit);
  }

  #begin(life: Life, child: Child | undefined): void {
    if (this.#life !== life) return;
    this.#child = child;
    this.#port.begun(this, child !== undefined);
  }

  async #await(started: Promise<Child | undefined>, life: Life) {
    const starting = started.catch(() => undefined);
    this.#starting = starting;
    try {
      this.#begin(life, await started);
    } catch (error) {
      if (this.#life === life) throw error;
    } finally {
      if (this.#starting === starting) this.#starting = undefined;
    }
  }

  /** Ends this life by `deadline`. Who is being stopped already is waited for. */
  stop(deadline: number): Promise<Unstopped[]> {
    this.takeAlarmBack?.();
    this.#life = undefined;
    const [child, starting] = [this.#child, this.#starting];
    this.#child = undefined;
    if (!child && !starting) return this.#stopping ?? nothing;
    const stopping = child ? child.drain(deadline) : drainOnceStarted(starting, deadline);
    this.#stopping = stopping;
    const over = () => {
      if (this.#stopping === stopping) this.#stopping = undefined;
    };
    stopping.then(over, over);
    return stopping;
  }
}

/** An object and not a function: there is one for each of very many children. */
class Life implements ChildLife {
  readonly #slot: ChildSlot;

  constructor(slot: ChildSlot) {
    this.#slot = slot;
  }

  exited(exit: ChildExit): void {
    this.#slot.left(this, exit);
  }
}

async function drainOnceStarted(starting: Promise<Child | undefined> | undefined, deadline: number) {
  return (await (await starting)?.drain(deadline)) ?? [];
}
