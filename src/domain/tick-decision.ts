/**
 * What becomes of the ticks that a visit covers: pure, from the schedule's context and what is known of runs.
 *
 * 1. Every tick of the visit gets a fate, oldest first; at most one run is started, and never beside one that still goes.
 * 2. On time is the newest due tick alone, where it is no older than `onTimeMs`; every other one was missed.
 * 3. What was missed within `missedWindow` is made up for as `onMissed` says; what is older is only told.
 * 4. A tick that comes while the previous run still goes does as `overlap` says.
 */
import { formatDuration } from '../core/durations.ts';
import type { Fate } from './fate.ts';
import type { RunKind } from './run.ts';
import { runIdOfTick } from './run-id.ts';
import { schedulePolicyOf } from './schedule.ts';
import type { ScheduleContext, Turn, Visit } from './schedule-context.ts';
import { ticksBetween } from './ticks.ts';

/** How late the newest tick may be and still count as on time: restarts and hand-overs of agents are shorter. */
export const onTimeMs = 60_000;
/** How many ticks one visit covers, and how many missed ones wait to be made up for. */
export const visitMax = 500;
export const backlogMax = 100;

/** The previous run, where it is not final. */
export interface Busy {
  run: string;
  kind: RunKind;
  state: string;
  why: string;
}

export interface Known {
  busy: Busy | null;
  /** Of the ticks up to the context's `ahead`, those whose run exists. */
  ran: ReadonlySet<number>;
}

export interface Decided {
  tick: number;
  fate: Fate;
  reason: string;
  run: string | null;
}

export interface Decision {
  /** Oldest tick first; that of `start` is among them, and holds once its run is made. */
  fates: Decided[];
  start: Turn | null;
  /** The previous run is to be cancelled. */
  cancels: boolean;
  backlog: number[];
  queued: Turn | null;
}

/** Decides a visit. Throws a TypeError where the context has none. */
export function decideVisit(context: ScheduleContext, known: Known): Decision {
  const { visit } = context;
  if (!visit) throw new TypeError(`${context.schedule}--${context.plan} has no visit to decide`);
  return new Decider(context, visit, known).decide();
}

/** The ticks that a visit covers. */
export function ticksOf({ document, plan, tickedThrough }: ScheduleContext, { through }: Visit): number[] {
  return ticksBetween(document, plan, tickedThrough, through, visitMax).ticks;
}

class Decider {
  readonly #context: ScheduleContext;
  readonly #visit: Visit;
  readonly #known: Known;
  readonly #fates = new Map<number, Decided>();
  #start: Turn | null = null;
  #cancels = false;
  #backlog: number[];
  #queued: Turn | null;

  constructor(context: ScheduleContext, visit: Visit, known: Known) {
    this.#context = context;
    this.#visit = visit;
    this.#known = known;
    this.#backlog = [...context.backlog];
    this.#queued = context.queued;
  }

  decide(): Decision {
    const { byHand, mode } = this.#visit;
    const wanted = this.#judgeTicks();
    if (byHand) wanted.push(byHand);
    if (mode === 'retiring') this.#cancelAll(wanted);
    else this.#place(wanted);
    const fates = [...this.#fates.values()].sort((one, other) => one.tick - other.tick);
    return { fates, start: this.#start, cancels: this.#cancels, backlog: this.#backlog, queued: this.#queued };
  }

  /** Tells what was missed, puts into the backlog what is made up for in turn, and returns what is to run now. */
  #judgeTicks(): Turn[] {
    const { more, mode, continued, at } = this.#visit;
    const { onMissed, missedWindowMs } = schedulePolicyOf(this.#context.document);
    const ticks = ticksOf(this.#context, this.#visit);
    this.#takeOutOfLine(new Set(ticks));
    const due = ticks.filter(tick => !this.#ranAlready(tick));
    const newest = more ? undefined : due.at(-1);
    const wanted: Turn[] = [];
    for (const tick of due) {
      const isOnTime = tick === newest && at - tick <= onTimeMs;
      const isAlone = due.length === 1 && !continued;
      if (mode !== 'open') this.#tell(tick, 'missed', this.#whyNotOpen());
      else if (isOnTime && (isAlone || onMissed !== 'run-all')) wanted.push(this.#turnOf(tick));
      else if (at - tick > missedWindowMs && !isOnTime) this.#tell(tick, 'missed', this.#beyondWindow(tick));
      else if (onMissed === 'run-all') this.#backlog.push(tick);
      else if (onMissed === 'run-once' && tick === newest) wanted.push(this.#turnOf(tick));
      else this.#tell(tick, 'missed', `${this.#whyMissed(tick)}; ${whyNotMadeUp[onMissed]}`);
    }
    this.#boundBacklog(due);
    return wanted;
  }

  /** Where the clock was set back, ticks come again that wait already: they are judged anew, and stand in line once. */
  #takeOutOfLine(ticks: ReadonlySet<number>): void {
    this.#backlog = this.#backlog.filter(tick => !ticks.has(tick));
    if (this.#queued && ticks.has(this.#queued.tick)) this.#queued = null;
  }

  /** The oldest beyond the bound are given up; those of this visit that stay are told as queued. */
  #boundBacklog(due: number[]): void {
    const beyond = this.#backlog.slice(0, Math.max(0, this.#backlog.length - backlogMax));
    this.#backlog = this.#backlog.slice(beyond.length);
    const why = `more than ${backlogMax} ticks wait to be made up for, and it is the oldest`;
    for (const tick of beyond) this.#tell(tick, 'missed', why);
    const isNew = new Set(due);
    for (const tick of this.#backlog)
      if (isNew.has(tick)) this.#tell(tick, 'queued', `${this.#whyMissed(tick)}; its turn comes (onMissed: run-all)`);
  }

  #place(wanted: Turn[]): void {
    const { overlap } = schedulePolicyOf(this.#context.document);
    if (overlap !== 'cancel-previous') this.#startNextInLine();
    for (const turn of wanted) {
      if (this.#isFree && (this.#visit.mode === 'paused' || !this.#hasLine)) this.#run(turn, this.#whyItRuns(turn));
      else if (overlap === 'skip')
        this.#tell(turn.tick, 'skipped-overlap', `${this.#inTheWay()} (overlap: skip)`, this.#wayRun());
      else this.#queue(turn);
    }
    this.#startNextInLine();
    this.#cancels = overlap === 'cancel-previous' && this.#known.busy !== null && this.#queued !== null;
  }

  /** Puts a turn into the one place of the queue; what waited there gives way. */
  #queue(turn: Turn): void {
    const displaced = this.#queued;
    if (displaced) {
      const by = turn.byHand ? 'a trigger by hand' : `the tick of ${timeText(turn.tick)}`;
      this.#tell(displaced.tick, 'skipped-overlap', `${by} took its place in the queue`, turn.run);
    }
    this.#queued = turn;
    this.#tell(turn.tick, 'queued', `${this.#inTheWay()}; its turn comes when that is over`, this.#wayRun());
  }

  /** Starts the oldest of those that wait, where the place is free. */
  #startNextInLine(): void {
    if (!this.#isFree) return;
    const mayRun = (turn: Turn) => turn.byHand || this.#visit.mode === 'open';
    const [oldest] = this.#backlog.slice(0, 1).map(tick => this.#turnOf(tick));
    const queued = this.#queued;
    const next = oldest && (!queued || oldest.tick < queued.tick) && mayRun(oldest) ? oldest : queued;
    if (!next || !mayRun(next)) return;
    if (next === queued) this.#queued = null;
    else this.#backlog.shift();
    this.#run(next, 'its turn came');
  }

  #run(turn: Turn, reason: string): void {
    this.#start = turn;
    this.#tell(turn.tick, 'ran', reason, turn.run);
  }

  #cancelAll(wanted: Turn[]): void {
    const waiting = [
      ...this.#backlog.map(tick => this.#turnOf(tick)),
      ...(this.#queued ? [this.#queued] : []),
      ...wanted,
    ];
    for (const turn of waiting) this.#tell(turn.tick, 'cancelled', 'the schedule was retired before its turn came');
    this.#backlog = [];
    this.#queued = null;
  }

  get #isFree(): boolean {
    return this.#known.busy === null && this.#start === null;
  }

  get #hasLine(): boolean {
    return this.#queued !== null || this.#backlog.length > 0;
  }

  #turnOf(tick: number): Turn {
    return { tick, run: runIdOfTick(this.#context.plan, tick, this.#context.schedule), byHand: false };
  }

  /** Tells a fate; one told later of the same tick takes its place. */
  #tell(tick: number, fate: Fate, reason: string, run: string | null = null): void {
    this.#fates.set(tick, { tick, fate, reason, run });
  }

  #ranAlready(tick: number): boolean {
    const { ahead } = this.#context;
    if (ahead === null || tick > ahead || !this.#known.ran.has(tick)) return false;
    this.#tell(tick, 'ran', 'it ran already, while the clock was ahead', this.#turnOf(tick).run);
    return true;
  }

  #wayRun(): string | null {
    return this.#known.busy?.run ?? this.#start?.run ?? null;
  }

  #inTheWay(): string {
    const { busy } = this.#known;
    if (busy) return `${busy.run} is still ${busy.state}`;
    return this.#start ? `${this.#start.run} has just been started` : 'others wait before it';
  }

  #whyItRuns(turn: Turn): string {
    if (turn.byHand) return 'it was triggered by hand';
    const lateMs = this.#visit.at - turn.tick;
    return lateMs <= onTimeMs ? 'it was on time' : `it is made up for: ${this.#whyMissed(turn.tick)}`;
  }

  #whyMissed(tick: number): string {
    const { lastPause } = this.#context;
    const isPaused = lastPause !== null && tick >= lastPause.from && tick <= lastPause.to;
    return isPaused ? 'the schedule was paused when it came' : 'nobody ran the schedule when it came';
  }

  #whyNotOpen(): string {
    return this.#visit.mode === 'paused'
      ? 'the schedule was paused when it came, and was changed meanwhile'
      : 'the schedule was retired before anybody came to it';
  }

  #beyondWindow(tick: number): string {
    const window = formatDuration(schedulePolicyOf(this.#context.document).missedWindowMs);
    return `${this.#whyMissed(tick)}; that is longer ago than its missedWindow of ${window}`;
  }
}

const whyNotMadeUp = {
  skip: 'what was missed is not made up for (onMissed: skip)',
  'run-once': 'a later one is made up for (onMissed: run-once)',
  'run-all': '',
};

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
