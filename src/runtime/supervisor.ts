/**
 * A supervisor: the registry of children beside `machines/supervisor.ts`, which decides. The machine sees one event for
 * each thing that befalls a child and answers with a decision; the registry carries it out. Children are kept here, in the
 * order of their start, and not in the machine's context, so that an exit costs the same among ten and ten thousand.
 *
 * 1. Children start in the order in which they were added, and stop in reverse; a supervisor of independent children
 *    (`stopOrder: 'together'`) stops them at once.
 * 2. A child is restarted after a backoff that grows with its restarts and is forgotten after `stableMs` of uptime; a
 *    group after that of the child that crashed.
 * 3. A child that is being started while all are stopped is waited for and then stopped: nothing runs on.
 * 4. A supervisor that gave up and is started again by its own starts its children again, the temporary ones excepted.
 */
import { type Actor, createActor } from 'xstate';
import {
  type RestartType,
  type Strategy,
  type SupervisorDecision,
  supervisorMachine,
} from '../../machines/supervisor.ts';
import { type Backoff, backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { RuntimeObserver } from '../core/runtime-facts.ts';
import { timeText } from '../core/time-text.ts';
import { type ChildExit, ChildSlot, type ChildSpec, type SlotPort } from './child-slot.ts';
import { stopChildren, type Unstopped } from './child-stop.ts';

export type { Child, ChildExit, ChildLife, ChildSpec } from './child-slot.ts';
export type { Unstopped } from './child-stop.ts';

export interface SupervisorOptions {
  name: string;
  clock: Clock;
  observe: RuntimeObserver;
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

const begun = Promise.resolve();
const backoffDefault: Backoff = { minMs: 100, maxMs: 30_000 };

export class Supervisor {
  readonly name: string;
  readonly #options: SupervisorOptions;
  #machine: Actor<typeof supervisorMachine>;
  readonly #children = new Map<string, ChildSlot>();
  readonly #port: SlotPort = {
    begun: (slot, isRunning) => {
      if (slot.crashes > 0) slot.startedAt = this.#options.clock.now();
      if (!isRunning) this.#children.delete(slot.id);
    },
    exited: (slot, exit) => this.#exited(slot, exit),
  };
  #escalated: (error: Error) => void = () => undefined;
  #stopped: Promise<Unstopped[]> = Promise.resolve([]);
  #over = false;
  #started = 0;
  /** The order from which children are being restarted as a group. */
  #scope: number | undefined;
  #again = false;
  #wake: () => void = () => undefined;

  constructor(options: SupervisorOptions) {
    this.name = options.name;
    this.#options = options;
    this.#machine = this.#newMachine();
    this.#machine.send({ type: 'children.started', at: options.clock.now() });
  }

  /** True while it starts children. */
  get isOpen(): boolean {
    return !this.#over;
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
    this.#started += 1;
    const slot = new ChildSlot(spec, this.#started, this.#port);
    this.#children.set(spec.id, slot);
    try {
      const starting = slot.start();
      return starting ? starting.catch(error => this.#failed(slot, error)) : begun;
    } catch (error) {
      return this.#failed(slot, error);
    }
  }

  /** This supervisor as a child of another: it is drained with it, and an escalation is its crash. */
  asChild(restart: RestartType = 'permanent'): ChildSpec {
    return {
      id: this.name,
      restart,
      start: life => {
        this.#escalated = error => life.exited({ exit: 'crash', error });
        const child = { drain: (deadline: number) => this.drain(deadline) };
        return this.state === 'escalated' ? this.#beginAgain().then(() => child) : child;
      },
    };
  }

  /** Calls `escalated` when it gave up; a supervisor at the top has nobody else to tell. */
  onEscalated(escalated: (error: Error) => void): void {
    this.#escalated = escalated;
  }

  /** Ends all children by `deadline` (ms since the epoch), last first; restarts nobody from now on. Again: by the new one. */
  async drain(deadline: number): Promise<Unstopped[]> {
    this.#over = true;
    if (this.#machine.getSnapshot().status === 'active')
      this.#machine.send({ type: 'supervisor.drain', deadline, at: this.#options.clock.now() });
    return await this.#stopped;
  }

  #newMachine(): Actor<typeof supervisorMachine> {
    const { strategy = 'one-for-one', intensity = 10, periodMs = 60_000 } = this.#options;
    const machine = createActor(supervisorMachine, { input: { strategy, intensity, periodMs } });
    machine.on('*', decision => this.#carryOut(decision));
    machine.start();
    return machine;
  }

  /** Invariant 4. */
  async #beginAgain(): Promise<void> {
    this.#machine = this.#newMachine();
    this.#over = false;
    this.#stopped = Promise.resolve([]);
    for (const slot of [...this.#children.values()]) {
      slot.crashes = 0;
      if (slot.spec.restart === 'temporary') this.#children.delete(slot.id);
      else await this.#restart(slot, 0);
    }
    if (this.#machine.getSnapshot().status === 'active')
      this.#machine.send({ type: 'children.started', at: this.#options.clock.now() });
  }

  #failed(slot: ChildSlot, error: unknown): Promise<never> {
    this.#children.delete(slot.id);
    return Promise.reject(error);
  }

  #exited(slot: ChildSlot, { exit, error }: ChildExit): void {
    const { id, restart } = slot.spec;
    if (this.#children.get(id) !== slot) return;
    const at = this.#options.clock.now();
    if (at - slot.startedAt >= (this.#options.stableMs ?? 60_000)) slot.crashes = 0;
    if (exit !== 'normal' || restart === 'permanent') slot.crashes += 1;
    slot.startedAt = at; // until it begins again: the time until then is no uptime
    slot.lastError = error;
    this.#machine.send({ type: 'child.exited', id, restart, exit, at });
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
        this.#stopped = this.#stopAll(decision.deadline);
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
    const slot = this.#children.get(id);
    if (!slot) return;
    const { clock } = this.#options;
    const waitMs = this.#backoffMs(slot.crashes);
    if (waitMs === 0) return void this.#restart(slot, 0);
    slot.takeAlarmBack = clock.alarm(clock.now() + waitMs, () => void this.#restart(slot, waitMs));
  }

  /** The first restart is at once. */
  #backoffMs(crashes: number): number {
    const { backoff = backoffDefault, random } = this.#options;
    return crashes <= 1 ? 0 : backoffMs(backoff, crashes - 1, random());
  }

  async #restart(slot: ChildSlot, afterMs: number): Promise<void> {
    if (this.#over || this.#children.get(slot.id) !== slot) return;
    try {
      await slot.start();
      if (slot.isRunning) this.#options.onRestarted?.(slot.id, slot.crashes, afterMs);
    } catch (error) {
      this.#exited(slot, { exit: 'crash', error });
    }
  }

  /** A scope that comes while another is being restarted widens it, and it is begun anew. */
  #widen(scope: 'all' | { from: string }): void {
    const under = this.#scope;
    const from = scope === 'all' ? 0 : (this.#children.get(scope.from)?.order ?? 0);
    this.#scope = under === undefined ? from : Math.min(under, from);
    if (under === undefined) void this.#restartGroup();
    else this.#again = true;
  }

  async #restartGroup(): Promise<void> {
    const { clock, shutdownMs = 5_000 } = this.#options;
    do {
      this.#again = false;
      const from = this.#scope ?? 0;
      const group = [...this.#children.values()].filter(({ order }) => order >= from);
      await this.#stop(group, clock.now() + shutdownMs);
      const waitMs = this.#backoffMs(Math.max(...group.map(({ crashes }) => crashes)));
      if (waitMs > 0) await this.#wait(waitMs);
      for (const slot of group) {
        if (this.#over || this.#again) break;
        if (slot.spec.restart === 'temporary') this.#children.delete(slot.id);
        else await this.#restart(slot, waitMs);
      }
    } while (this.#again && !this.#over);
    this.#scope = undefined;
    if (!this.#over) this.#machine.send({ type: 'children.restarted', at: clock.now() });
  }

  async #wait(forMs: number): Promise<void> {
    if (this.#over) return;
    const { clock } = this.#options;
    await new Promise<void>(resolve => {
      const takeAlarmBack = clock.alarm(clock.now() + forMs, resolve);
      this.#wake = () => {
        takeAlarmBack();
        resolve();
      };
    });
  }

  async #stopAll(deadline: number | null): Promise<Unstopped[]> {
    this.#over = true;
    this.#wake();
    const { clock, shutdownMs = 5_000 } = this.#options;
    const unstopped = await this.#stop([...this.#children.values()], deadline ?? clock.now() + shutdownMs);
    if (this.#machine.getSnapshot().status === 'active')
      this.#machine.send({ type: 'children.stopped', at: clock.now() });
    return unstopped;
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

  #stop(group: readonly ChildSlot[], deadline: number): Promise<Unstopped[]> {
    const { clock, stopOrder: order = 'reverse' } = this.#options;
    return stopChildren(group, { deadline, order, clock });
  }
}
