/**
 * The part of an agent's supervision tree that a drain empties: the supervisors of its work, under one of their own. It
 * is built anew when a drained agent is told to go on.
 */
import type { DrainReport } from '../../machines/agent.ts';
import { timeText } from '../core/time-text.ts';
import type { MachineDefinition } from '../runtime/definition.ts';
import type { ActorRecord } from '../runtime/record.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type ChildSpec, Supervisor } from '../runtime/supervisor.ts';
import type { Custody } from './custody/custody.ts';
import { watchResting } from './runs/resting-runs.ts';
import type { Schedules } from './schedules/schedules.ts';

export interface WorkTreeOptions {
  runtime: Runtime;
  agent: string;
  /** Kinds of runs, each with its definition. */
  definitions: MachineDefinition[];
  custody: Custody;
  schedules: Schedules;
  /** Finds what is left of work that is over; begins once all is taken over. */
  sweeper: ChildSpec;
  /** Called when the supervisors gave up: the agent cannot go on. */
  onEscalated: (error: Error) => void;
}

export class WorkTree {
  readonly #options: WorkTreeOptions;
  #work: Supervisor | undefined;
  #opened: Promise<void> | undefined;
  #resting: Promise<void> | undefined;

  constructor(options: WorkTreeOptions) {
    this.#options = options;
  }

  /** Builds the supervisors and takes over what is this agent's to run; resolves when all of it runs. May be called twice. */
  open(): Promise<void> {
    this.#opened ??= this.#build();
    return this.#opened;
  }

  async #build(): Promise<void> {
    await this.#resting;
    const { runtime, definitions, custody, schedules: kept, sweeper, onEscalated } = this.#options;
    const { clock, observe, random } = runtime.host;
    const work = new Supervisor({ name: 'work', clock, observe, random, intensity: 3, periodMs: 60_000 });
    work.onEscalated(onEscalated);
    this.#work = work;
    const independent = (name: string) =>
      new Supervisor({
        name,
        clock,
        observe,
        random,
        intensity: 1_000,
        periodMs: 60_000,
        stopOrder: 'together',
        onRestarted: (key, restarts, afterMs) => {
          const [kind = '', id = ''] = key.split('.');
          observe({ fact: 'actor.restarted', kind, id, restarts, afterMs, at: timeText(clock.now()) });
        },
      });
    const schedules = independent('schedules');
    await work.add(schedules.asChild());
    runtime.define(kept.definition, schedules);
    const backups = independent('backups');
    await work.add(backups.asChild());
    for (const definition of definitions) runtime.define(definition, backups);
    await custody.open();
    await kept.keeper.open();
    await work.add(sweeper);
  }

  /** Takes over what came to this agent while it opened, and did not answer yet. */
  catchUp(): void {
    void this.#options.custody.compare();
  }

  /** Sees to what a drain has left at rest; resolves once that is let go after `signal` is aborted. */
  rest(signal: AbortSignal): Promise<void> {
    this.#resting = watchResting(this.#options, signal);
    return this.#resting;
  }

  /** Drains all work by `deadline` (ms since the epoch) and says what did not stop. */
  async drain(deadline: number): Promise<DrainReport> {
    const { clock, observe } = this.#options.runtime.host;
    const work = this.#work;
    this.#work = undefined;
    this.#opened = undefined;
    this.#options.custody.close();
    await this.#options.schedules.keeper.close();
    const before = [...this.#options.runtime.actors].length - 1; // the agent's own actor is not drained
    const startedAt = clock.now();
    observe({
      fact: 'drain.started',
      cause: causeOf(this.#options.runtime.find('agent', this.#options.agent)?.record),
      graceMs: deadline - startedAt,
      actors: before,
      at: timeText(startedAt),
    });
    const unstopped = work ? await work.drain(deadline) : [];
    const tookMs = clock.now() - startedAt;
    const stopped = Math.max(0, before - unstopped.length);
    observe({ fact: 'drain.ended', tookMs, stopped, unstopped, at: timeText(clock.now()) });
    const opened = this.#opened as Promise<void> | undefined;
    void opened?.then(() => this.#takeBack()).catch(() => undefined); // whoever opened it hears of a failure
    return { stopped, unstopped: unstopped.map(({ kind, id, why }) => ({ kind, id, state: why })), tookMs };
  }

  /** A drain was taken back before it was over: what it brought to rest since then goes on. */
  async #takeBack(): Promise<void> {
    await this.#options.custody.compare('all');
    await this.#options.schedules.keeper.surveyNow();
  }
}

/** What asked for a drain: the signal that the process got, or the command. */
function causeOf(record: ActorRecord | undefined): string {
  if (!record) return 'unknown';
  return record.note?.startsWith('SIG') ? record.note : record.event;
}
