/**
 * A supervised actor that lives in memory: any XState machine, its deadlines as data like a durable one's, and nothing
 * stored. After a crash it starts anew from its input.
 */
import { type Actor, type AnyMachineSnapshot, type AnyStateMachine, createActor, type EventObject } from 'xstate';
import type { Clock } from '../core/clock.ts';
import { type Deadlines, deadlinesOf } from './deadlines.ts';
import type { MachineDefinition } from './definition.ts';
import { effectsSettled } from './effect.ts';

/** How a volatile actor left by itself. */
export type VolatileExit = { how: 'normal'; output: unknown } | { how: 'crash'; error: unknown };

export class VolatileActor {
  readonly definition: MachineDefinition;
  readonly root: Actor<AnyStateMachine>;
  readonly #clock: Clock;
  readonly #random: () => number;
  #seen: AnyMachineSnapshot | undefined;
  #deadlines: Deadlines = {};
  #takeAlarmBack: (() => void) | undefined;

  constructor(definition: MachineDefinition, input: unknown, clock: Clock, random: () => number) {
    this.definition = definition;
    this.#clock = clock;
    this.#random = random;
    this.root = createActor(definition.machine, { input });
  }

  start(exited: (exit: VolatileExit) => void): void {
    this.root.subscribe({
      next: snapshot => this.#see(snapshot),
      complete: () => {
        const { status, output } = this.root.getSnapshot();
        if (status === 'done') this.#end(() => exited({ how: 'normal', output }));
      },
      error: error => this.#end(() => exited({ how: 'crash', error })),
    });
    this.root.start();
  }

  /** Resolves when its effects have settled. */
  async stop(): Promise<void> {
    this.#end(() => this.root.stop());
    await effectsSettled(this.root.system);
  }

  #see(snapshot: AnyMachineSnapshot): void {
    if (!this.definition.deadlineMs || this.#seen?.value === snapshot.value) return;
    const previous = this.#seen && { snapshot: this.#seen, deadlines: this.#deadlines };
    this.#deadlines = deadlinesOf(this.definition, snapshot, this.#clock.now(), this.#random, previous);
    this.#seen = snapshot;
    this.#arm();
  }

  #arm(): void {
    this.#takeAlarmBack?.();
    let name: string | undefined;
    for (const each in this.#deadlines)
      if (name === undefined || (this.#deadlines[each] as number) < (this.#deadlines[name] as number)) name = each;
    this.#takeAlarmBack =
      name === undefined ? undefined : this.#clock.alarm(this.#deadlines[name] as number, () => this.#ring(name));
  }

  #ring(name: string): void {
    const { [name]: _, ...left } = this.#deadlines;
    this.#deadlines = left;
    this.#arm();
    this.root.send({ type: 'deadline.passed', name, at: this.#clock.now() } as EventObject);
  }

  #end(then: () => void): void {
    this.#takeAlarmBack?.();
    this.#takeAlarmBack = undefined;
    then();
  }
}
