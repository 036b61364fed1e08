/**
 * A supervisor: the registry of children beside `machines/supervisor.ts`, which decides. The machine sees one event for
 * each thing that befalls a child and answers with a decision; the registry carries it out. Children are kept here, in the
 * order of their start, and not in the machine's context, so that an exit costs the same among ten and ten thousand.
 *
 * 1. Children start in the order in which they were added, and stop in reverse; a supervisor of independent children
 *    (`stopOrder: 'together'`) stops them at once.
 * 2. A child is restarted after a backoff that grows with its crashes and is forgotten after `stableMs` of uptime.
 * 3. Each level of a drain keeps a part of its time for itself, so that the report reaches the top before the end.
 */
import { type Actor, createActor } from 'xstate';
import {
  type ExitKind,
  type RestartType,
  type Strategy,
  type SupervisorDecision,
  supervisorMachine,
} from '../../machines/supervisor.ts';
import { type Backoff, backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import { timeText } from './step-record.ts';

/** How a child left by itself. */
export interface ChildExit {
  exit: ExitKind;
  error?: unknown;
}

/** What did not stop in time. */
export interface Unstopped {
  kind: string;
  id: string;
  why: string;
}

export interface Child {
  /** Ends it by `deadline` (ms since the epoch) and says what of it did not end. Its `exited` is not called for this. */
  drain: (deadline: number) => Promise<Unstopped[]>;
}

export interface ChildSpec {
  id: string;
  restart: RestartType;
  /** Starts it; undefined where there is nothing to run. `exited` is called once, when it leaves by itself. */
  start: (exited: (exit: ChildExit) => void) => Child | undefined | Promise<Child | undefined>;
}

export interface SupervisorOptions {
  name: string;
  clock: Clock;
  observe: Observer;
  random: () => number;
  /** Default `one-for-one`. */
  strategy?: Strategy;
  /** More restarts than this within `periodMs` end the supervisor. Default 10 in 60 s. */
  intensity?: number;
  periodMs?: number;
  /** Default: at once, then 100 ms, doubling to 30 s. */
  backoff?: Backoff;
  /** Uptime after which a child's crashes are forgotten. Default 60 s. */
  stableMs?: number;
  stopOrder?: 'reverse' | 'together';
  /** How long children may take to stop where no drain says it: before a group's restart, and at an escalation. Default 5 s. */
  shutdownMs?: number;
  /** Told of each restart: the child, its crashes since it was last stable, and the wait. */
  onRestarted?: (id: string, crashes: number, afterMs: number) => void;
}

interface Kept {
  spec: ChildSpec;
  child: Child | undefined;
  crashes: number;
  startedAt: number;
  takeAlarmBack: (() => void) | undefined;
  /** Counts its starts, so that the exit of an earlier one is not taken for this one's. */
  run: number;
  lastError?: unknown;
}

const begun = Promise.resolve();
const backoffDefault: Backoff = { minMs: 100, maxMs: 30_000 };
/** What a level of a drain keeps for its own report: a twentieth of what is left, within these bounds. */
const reserveMs = { min: 50, max: 500 };

export class Supervisor {
  readonly name: string;
  readonly #options: SupervisorOptions;
  readonly #machine: Actor<typeof supervisorMachine>;
  readonly #children = new Map<string, Kept>();
  #escalated: (error: Error) => void = () => undefined;
  #draining: Promise<Unstopped[]> | undefined;
  #drained: (unstopped: Unstopped[]) => void = () => undefined;
  #over = false;
  /** The place from which children are being restarted as a group. */
  #scope: number | undefined;
  #again = false;

  constructor(options: SupervisorOptions) {
    this.name = options.name;
    this.#options = options;
    const { strategy = 'one-for-one', intensity = 10, periodMs = 60_000 } = options;
    this.#machine = createActor(supervisorMachine, { input: { strategy, intensity, periodMs } });
    this.#machine.on('*', decision => this.#carryOut(decision));
    this.#machine.start();
    this.#machine.send({ type: 'children.started', at: options.clock.now() });
  }

  /** How many children it has, those that wait for a restart included. */
  get size(): number {
    return this.#children.size;
  }

  /** The state of its machine. */
  get state(): string {
    return String(this.#machine.getSnapshot().value);
  }

  /** Starts a child after those that are there. Rejects where its start does; then it is not kept. */
  add(spec: ChildSpec): Promise<void> {
    if (this.#over)
      return Promise.reject(new Error(`the supervisor ${this.name} is ${this.state} and starts no children`));
    if (this.#children.has(spec.id))
      return Promise.reject(new Error(`the supervisor ${this.name} has a child ${spec.id} already`));
    const kept: Kept = { spec, child: undefined, crashes: 0, startedAt: 0, takeAlarmBack: undefined, run: 0 };
    this.#children.set(spec.id, kept);
    try {
      const starting = this.#start(kept);
      return starting ? starting.catch(error => this.#failed(kept, error)) : begun;
    } catch (error) {
      return this.#failed(kept, error);
    }
  }

  /** This supervisor as a child of another: it is drained with it, and an escalation is its crash. */
  asChild(restart: RestartType = 'permanent'): ChildSpec {
    return {
      id: this.name,
      restart,
      start: exited => {
        this.#escalated = error => exited({ exit: 'crash', error });
        return { drain: deadline => this.drain(deadline) };
      },
    };
  }

  /** Calls `escalated` when it gave up; a supervisor at the top has nobody else to tell. */
  onEscalated(escalated: (error: Error) => void): void {
    this.#escalated = escalated;
  }

  /** Ends all children by `deadline` (ms since the epoch), last first; restarts nobody from now on. */
  drain(deadline: number): Promise<Unstopped[]> {
    this.#over = true;
    this.#draining ??= new Promise(resolve => {
      this.#drained = resolve;
      this.#machine.send({ type: 'supervisor.drain', deadline, at: this.#options.clock.now() });
      if (this.#machine.getSnapshot().status !== 'active') resolve([]); // it gave up before, and stopped them then
    });
    return this.#draining;
  }

  /** A promise only where the child's own start is one: a start that is done at once costs none. */
  #start(kept: Kept): Promise<void> | undefined {
    kept.run += 1;
    const { run } = kept;
    const started = kept.spec.start(exit => this.#exited(kept, run, exit));
    if (started instanceof Promise) return started.then(child => this.#begun(kept, run, child));
    this.#begun(kept, run, started);
    return undefined;
  }

  #begun(kept: Kept, run: number, child: Child | undefined): void {
    if (kept.run !== run) return; // it left while it was starting
    kept.startedAt = this.#options.clock.now();
    if (child) kept.child = child;
    else this.#children.delete(kept.spec.id);
  }

  #failed(kept: Kept, error: unknown): Promise<never> {
    this.#children.delete(kept.spec.id);
    return Promise.reject(error);
  }

  #exited(kept: Kept, run: number, { exit, error }: ChildExit): void {
    if (this.#children.get(kept.spec.id) !== kept || kept.run !== run) return;
    kept.run += 1;
    kept.child = undefined;
    const at = this.#options.clock.now();
    if (at - kept.startedAt >= (this.#options.stableMs ?? 60_000)) kept.crashes = 0;
    if (exit !== 'normal') kept.crashes += 1;
    kept.lastError = error;
    this.#machine.send({ type: 'child.exited', id: kept.spec.id, restart: kept.spec.restart, exit, at });
  }

  #carryOut(decision: SupervisorDecision): void {
    switch (decision.type) {
      case 'child.restart':
        this.#restartLater(decision.id);
        break;
      case 'child.forget':
        this.#forget(decision.id, decision.spec);
        break;
      case 'children.restart':
        this.#widen(decision.scope);
        break;
      case 'children.stop':
        void this.#stopAll(decision.deadline);
        break;
      case 'escalate':
        this.#escalate(decision);
        break;
    }
  }

  /** A child that is done is kept where its group's restart would start it again. */
  #forget(id: string, spec: 'kept' | 'removed'): void {
    const { strategy = 'one-for-one' } = this.#options;
    if (spec === 'removed' || strategy === 'one-for-one') this.#children.delete(id);
  }

  #restartLater(id: string): void {
    const kept = this.#children.get(id);
    if (!kept) return;
    const { clock, backoff = backoffDefault, random } = this.#options;
    if (kept.crashes <= 1) return void this.#restart(kept, 0);
    const waitMs = backoffMs(backoff, kept.crashes - 1, random());
    kept.takeAlarmBack = clock.alarm(clock.now() + waitMs, () => void this.#restart(kept, waitMs));
  }

  async #restart(kept: Kept, afterMs: number): Promise<void> {
    if (this.#over || this.#children.get(kept.spec.id) !== kept) return;
    try {
      await this.#start(kept);
      this.#options.onRestarted?.(kept.spec.id, kept.crashes, afterMs);
    } catch (error) {
      this.#exited(kept, kept.run, { exit: 'crash', error });
    }
  }

  /** A scope that comes while another is being restarted widens it, and it is begun anew. */
  #widen(scope: 'all' | { from: string }): void {
    const under = this.#scope;
    const keys = [...this.#children.keys()];
    const from = scope === 'all' ? 0 : Math.max(0, keys.indexOf(scope.from));
    this.#scope = under === undefined ? from : Math.min(under, from);
    if (under === undefined) void this.#restartGroup();
    else this.#again = true;
  }

  async #restartGroup(): Promise<void> {
    do {
      this.#again = false;
      const group = [...this.#children.values()].slice(this.#scope);
      await this.#stop(group, this.#options.clock.now() + (this.#options.shutdownMs ?? 5_000));
      for (const kept of group) {
        if (this.#over || this.#again) break;
        if (kept.spec.restart === 'temporary') this.#children.delete(kept.spec.id);
        else await this.#restart(kept, 0);
      }
    } while (this.#again && !this.#over);
    this.#scope = undefined;
    if (!this.#over) this.#machine.send({ type: 'children.restarted', at: this.#options.clock.now() });
  }

  async #stopAll(deadline: number | null): Promise<void> {
    this.#over = true;
    const { clock, shutdownMs = 5_000 } = this.#options;
    const unstopped = await this.#stop([...this.#children.values()], deadline ?? clock.now() + shutdownMs);
    this.#machine.send({ type: 'children.stopped', at: clock.now() });
    this.#drained(unstopped);
  }

  #escalate({ context, reason, offender }: Extract<SupervisorDecision, { type: 'escalate' }>): void {
    const { clock, observe } = this.#options;
    observe({
      fact: 'supervisor.escalated',
      supervisor: this.name,
      context,
      reason,
      offender,
      at: timeText(clock.now()),
    });
    const cause = this.#children.get(offender)?.lastError;
    this.#escalated(new Error(`the supervisor ${this.name} gave up on ${offender}: ${reason}`, { cause }));
  }

  async #stop(group: Kept[], deadline: number): Promise<Unstopped[]> {
    const { clock, stopOrder = 'reverse' } = this.#options;
    const left = deadline - clock.now();
    const own = deadline - Math.min(reserveMs.max, Math.max(reserveMs.min, left / 20));
    if (stopOrder === 'together') return (await Promise.all(group.map(kept => this.#stopOne(kept, own)))).flat();
    const unstopped: Unstopped[] = [];
    for (const kept of group.toReversed()) unstopped.push(...(await this.#stopOne(kept, own)));
    return unstopped;
  }

  async #stopOne(kept: Kept, deadline: number): Promise<Unstopped[]> {
    kept.takeAlarmBack?.();
    kept.run += 1; // whatever it still says of its end is not for us
    const { child } = kept;
    kept.child = undefined;
    return child ? await child.drain(deadline) : [];
  }
}
