/** A schedule as tests drive it: the real machine by pure transitions, its effects by the pure decisions, over a model of runs. */
import { type AnyEventObject, type AnyMachineSnapshot, type EventObject, initialTransition, transition } from 'xstate';
import {
  type ScheduleContext,
  scheduleDeadlineAt,
  scheduleDeadlineMs,
  scheduleMachine,
  type VisitOutcome,
} from '../../machines/schedule.ts';
import type { Fate, TickFate } from '../../src/domain/fate.ts';
import type { Schedule } from '../../src/domain/schedule.ts';
import { decideVisit, type Known, ticksOf } from '../../src/domain/tick-decision.ts';
import { fateOf, outcomeOf } from '../../src/domain/visit-outcome.ts';
import { type Deadlines, deadlinesOf } from '../../src/runtime/deadlines.ts';
import { pathOf, topOf } from './graph.ts';

export const started = Date.parse('2026-03-01T00:00:00.000Z');

const definition = {
  kind: 'schedule',
  version: 1,
  machine: scheduleMachine,
  deadlineAt: scheduleDeadlineAt,
  deadlineMs: scheduleDeadlineMs,
};

export interface ModelRun {
  id: string;
  tick: number;
  over: boolean;
}

/** An agent with one schedule: what happens to it is said by calls, and all that follows is done before each returns. */
export class ScheduleModel {
  now = started;
  snapshot: AnyMachineSnapshot;
  readonly runs = new Map<string, ModelRun>();
  /** All fates in the order in which they were stored. */
  readonly fates: TickFate[] = [];
  readonly cancelled: string[] = [];
  readonly states: string[] = [];
  /** Why a run cannot be started; null while it can. */
  refusal: string | null = null;
  /** The next effect dies after so many things that it stored. */
  diesAfter: number | null = null;
  isAway = false;
  #deadlines: Deadlines;
  #steps = 0;

  constructor(document: Schedule, plan = 'docs') {
    this.snapshot = initialTransition(scheduleMachine, { document, plan, revision: 1, at: this.now })[0];
    this.#deadlines = deadlinesOf(definition, this.snapshot, this.now, () => 0);
    this.states.push(this.state);
  }

  get context(): ScheduleContext {
    return this.snapshot.context;
  }

  get state(): string {
    return pathOf(this.snapshot);
  }

  get top(): string {
    return topOf(this.snapshot);
  }

  takes(type: string, fields: object = {}): boolean {
    return this.snapshot.status === 'active' && this.snapshot.can({ type, at: this.now, ...fields } as never);
  }

  /** Tells it something, where its state takes it. */
  tell(type: string, fields: object = {}): boolean {
    const isTaken = this.takes(type, fields);
    if (isTaken) this.#step({ type, ...fields } as EventObject);
    this.settle();
    return isTaken;
  }

  /** Lets time pass by the alarms that ring in it. */
  advance(ms: number): void {
    const until = this.now + ms;
    while (!this.isAway) {
      const nearest = Math.min(...Object.values(this.#deadlines));
      if (nearest > until) break;
      this.now = Math.max(this.now, nearest);
      this.settle();
    }
    this.now = until;
    this.settle();
  }

  /** Nobody runs it: it is not told what passes, and what is asked dies. */
  leave(): void {
    this.isAway = true;
  }

  /** An agent runs it again. */
  return(): void {
    this.isAway = false;
    this.diesAfter = null;
    this.tell('agent.returned');
  }

  end(id: string): void {
    const run = this.runs.get(id);
    if (run) run.over = true;
    this.settle();
  }

  endAll(): void {
    for (const run of this.runs.values()) run.over = true;
    this.settle();
  }

  /** The fate that holds, by tick. */
  get holding(): Map<number, TickFate> {
    return new Map(this.fates.map(fate => [Date.parse(fate.tick), fate]));
  }

  /** `<seconds after the start> <fate>` of each tick, in order. */
  get told(): string[] {
    const ticks = [...this.holding].sort(([one], [other]) => one - other);
    return ticks.map(([tick, { fate }]) => `${(tick - started) / 1_000} ${fate}`);
  }

  fateAt(seconds: number): Fate | undefined {
    return this.holding.get(started + seconds * 1_000)?.fate;
  }

  /** Where events alone would lead it; it stays as it is. */
  machineAfter(events: AnyEventObject[]): {
    state: string;
    context: ScheduleContext;
    after: ScheduleModel['machineAfter'];
  } {
    const after = (from: AnyMachineSnapshot, more: AnyEventObject[]): ReturnType<ScheduleModel['machineAfter']> => {
      const [last] = more.reduce(
        ([snapshot], event) => [transition(scheduleMachine, snapshot as never, { ...event, at: this.now } as never)[0]],
        [from],
      );
      const reached = last as AnyMachineSnapshot;
      return { state: pathOf(reached), context: reached.context, after: next => after(reached, next) };
    };
    return after(this.snapshot, events);
  }

  /** Does what the state asks for until it asks for nothing. */
  settle(): void {
    while (!this.isAway && this.snapshot.status === 'active' && this.#stepsOn()) {
      this.#steps += 1;
      if (this.#steps > 1_000_000) throw new Error(`it goes round for ever in ${this.state}`);
    }
  }

  #stepsOn(): boolean {
    const { current } = this.context;
    if (['firing.asking', 'draining'].includes(this.state)) return this.#fire();
    if (['blocked', 'paused'].includes(this.top) && current && this.runs.get(current.run)?.over) {
      this.#step({ type: 'xstate.done.actor.follow' });
      return true;
    }
    const [due] = Object.entries(this.#deadlines).filter(([, at]) => at <= this.now);
    if (!due || !this.takes('deadline.passed', { name: due[0] })) return false;
    this.#step({ type: 'deadline.passed', name: due[0] } as EventObject);
    return true;
  }

  /** The effect, as `src/actors` does it; where it dies, what it stored stays, and nobody hears of it. */
  #fire(): boolean {
    const { context } = this;
    const { visit, current, document, plan } = context;
    const previous = current && this.runs.get(current.run);
    const busy = previous && !previous.over ? { run: previous.id, kind: document.task, ...transferring } : null;
    const ahead = context.ahead ?? Number.NEGATIVE_INFINITY;
    const early = visit ? ticksOf(context, visit).filter(tick => tick <= ahead) : [];
    const ran = new Set(early.filter(tick => [...this.runs.values()].some(run => run.tick === tick)));
    const known: Known = { busy, ran };
    const decision = decideVisit(context, known);
    if (decision.cancels && busy) this.cancelled.push(busy.run);
    const told: TickFate[] = [];
    let made: { state: string; why: string } | null = null;
    for (const decided of decision.fates) {
      const { start } = decision;
      let fate = fateOf(context, decided);
      if (start && decided.tick === start.tick && decided.fate === 'ran') {
        if (this.#dies()) return true;
        if (this.refusal) fate = { ...fate, fate: 'missed', reason: this.refusal, run: null };
        else {
          if (!this.runs.has(start.run)) this.runs.set(start.run, { id: start.run, tick: start.tick, over: false });
          made = { state: 'pending', why: `it waits for a place on the agent of ${plan}` };
        }
      }
      if (this.#dies()) return true;
      this.fates.push(fate);
      told.push(fate);
    }
    if (this.#dies()) return true;
    const output: VisitOutcome = outcomeOf(context, known, decision, made, told);
    this.#step({ type: 'xstate.done.actor.fire', output } as EventObject);
    return true;
  }

  #dies(): boolean {
    if (this.diesAfter === null) return false;
    this.diesAfter -= 1;
    if (this.diesAfter >= 0) return false;
    this.leave();
    return true;
  }

  #step(event: EventObject): void {
    const previous = { snapshot: this.snapshot, deadlines: this.#deadlines };
    this.snapshot = transition(scheduleMachine, this.snapshot as never, { ...event, at: this.now } as never)[0];
    this.#deadlines = deadlinesOf(definition, this.snapshot, this.now, () => 0, previous);
    if (this.states.at(-1) !== this.state) this.states.push(this.state);
  }
}

const transferring = { state: 'transferring', why: 'the engine moves bytes' };
