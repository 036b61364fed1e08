/**
 * Tells when a plan of this agent comes to be overdue, and when it is so no more.
 *
 * 1. Each is told once; another reason is told as well. What an incarnation before this one told is not known: a plan
 *    that is overdue when its agent starts is told again. One that was deleted, or is another agent's now, is told no more.
 *    Likewise its newest complete backup, at first and when it is another; and that a plan is this agent's no more.
 * 2. One timer for all plans. It rings after a minute, or sooner, when a plan comes to its age.
 * 3. The stores are read whole only where a plan is new here, or seems overdue.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isUnavailable } from '../../core/answer-error.ts';
import { defectOf } from '../../core/defect.ts';
import { timeText } from '../../core/time-text.ts';
import type { Fact } from '../../domain/facts.ts';
import { dueAtMs, type Overdue, overdueOf } from '../../domain/overdue.ts';
import type { Plan } from '../../domain/plan.ts';
import type { AgentParts } from '../agent-parts.ts';
import { ownOf } from '../responsibility.ts';
import { KnownBackups } from './known-backups.ts';

type Parts = Pick<AgentParts, 'config' | 'plans' | 'store' | 'catalog' | 'membership' | 'clock' | 'observe'>;

const everyMs = 60_000;

export class OverdueWatch {
  readonly #parts: Parts;
  readonly #known: KnownBackups;
  /** What was told of each plan of this agent; null where it is on time. */
  #told = new Map<string, Overdue | null>();
  /** What was told of each as its newest complete backup. */
  readonly #newest = new Map<string, string | null>();
  /** Backups that ended since the last look. */
  #ended: string[] = [];
  #hasDrilled = false;
  /** Nothing was read yet, or not all that had to be. */
  #isBlind = true;
  #state: 'new' | 'open' | 'closed' = 'new';
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#known = new KnownBackups(parts);
  }

  /** Looks now, and from now on. */
  open(): void {
    if (this.#state !== 'new') return;
    this.#state = 'open';
    this.#lookIn(0);
  }

  /** To be called with each fact: a backup or a drill that ends may change what is so. */
  hear(fact: Fact): void {
    if (fact.fact !== 'actor.transition' || !fact.final) return;
    if (fact.kind === 'backup') this.#ended.push(fact.id);
    else if (fact.kind === 'drill') this.#hasDrilled = true;
    else return;
    this.#lookIn(0);
  }

  /** Ends the looks; what ended before is looked at yet, within a bound. */
  async close(withinMs: number): Promise<void> {
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    clearTimeout(this.#timer);
    const lastLook = async () => {
      await this.#looking;
      if (wasOpen && this.#isToLook()) await this.#look();
    };
    await Promise.race([lastLook(), sleep(withinMs, undefined, { ref: false })]);
  }

  #lookIn(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#state !== 'open' || this.#looking) return; // the look under way sets the next one
    this.#timer = setTimeout(() => void this.#look(), inMs).unref();
  }

  /** One at a time; never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookAtAll()
      .catch((error: unknown) => {
        this.#isBlind = true;
        this.#trouble(error);
        return everyMs;
      })
      .then(nextMs => {
        this.#looking = undefined;
        this.#lookIn(nextMs);
      });
    return this.#looking;
  }

  /** Resolves with how long nothing can change but by a backup that ends. */
  async #lookAtAll(): Promise<number> {
    const { plans, clock } = this.#parts;
    const own = (await ownOf(this.#parts, await plans.list())).map(({ plan }) => plan);
    this.#tellGone(own);
    const isNew = own.some(({ name }) => !this.#told.has(name));
    const ended = this.#ended.splice(0);
    const hasDrilled = this.#hasDrilled;
    this.#hasDrilled = false;
    if (isNew || this.#isBlind) await this.#known.learnAll();
    else for (const id of ended) await this.#known.learn(id);
    this.#isBlind = false;
    if (hasDrilled) await this.#known.learnDrills();
    const told = this.#told;
    this.#told = new Map(own.map(({ name }) => [name, told.get(name) ?? null]));
    const seemsOld = own.some(plan => dueAtMs(plan, this.#known.of(plan.name)) < clock.now());
    if (seemsOld) await this.#known.learnCatalog();
    for (const plan of own) this.#tell(plan);
    const moments = own.map(plan => dueAtMs(plan, this.#known.of(plan.name)));
    return this.#isToLook() ? 0 : untilNext(moments, clock.now());
  }

  #isToLook(): boolean {
    return this.#ended.length > 0 || this.#hasDrilled;
  }

  #tellGone(own: readonly Plan[]): void {
    const names = new Set(own.map(({ name }) => name));
    const { clock, observe } = this.#parts;
    for (const plan of this.#newest.keys()) {
      if (names.has(plan)) continue;
      this.#newest.delete(plan);
      observe({ fact: 'plan.gone', plan, at: timeText(clock.now()) });
    }
  }

  #tellNewest({ name: plan }: Plan): void {
    const since = this.#known.of(plan).completedAt;
    if (this.#newest.get(plan) === since) return;
    this.#newest.set(plan, since);
    const { clock, observe } = this.#parts;
    observe({ fact: 'plan.newest', plan, since, at: timeText(clock.now()) });
  }

  #tell(plan: Plan): void {
    this.#tellNewest(plan);
    const { clock, observe } = this.#parts;
    const { name } = plan;
    const before = this.#told.get(name) ?? null;
    const now = overdueOf(plan, this.#known.of(name), clock.now());
    this.#told.set(name, now);
    const at = timeText(clock.now());
    if (now && now.why !== before?.why) observe({ fact: 'plan.overdue', plan: name, ...now, at });
    if (before && !now) observe({ fact: 'plan.on-time', plan: name, since: this.#known.of(name).completedAt, at });
  }

  /** While NATS is away nothing can be known, and others say so. */
  #trouble(error: unknown): void {
    if (this.#state === 'closed' || isUnavailable(error)) return;
    const { clock, observe } = this.#parts;
    observe(defectOf('the look for overdue plans', error, timeText(clock.now())));
  }
}

/** Until the next of these moments, at most until the next look anyway. */
function untilNext(moments: readonly number[], nowMs: number): number {
  return Math.min(everyMs, Math.min(...moments.filter(moment => moment >= nowMs)) - nowMs + 1);
}
