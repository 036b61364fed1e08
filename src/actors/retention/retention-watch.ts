/**
 * Starts a prune of a plan once a backup of it, or a snapshot, has completed here, where its retention lets something go.
 *
 * 1. Once a backup: the run's id comes from those of the newest. One that failed is made up for by the next backup, or by hand.
 * 2. An agent that starts looks at all plans of its own, for it may have died between a backup and its prune.
 */
import { AnswerError, isUnavailable } from '../../core/answer-error.ts';
import { defectOf } from '../../core/defect.ts';
import { timeText } from '../../core/time-text.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import type { Fact } from '../../domain/facts.ts';
import { pauseNow } from '../../domain/pause.ts';
import type { StoredPlan } from '../../domain/plan-store.ts';
import type { AgentParts } from '../agent-parts.ts';
import { isOwn } from '../responsibility.ts';
import { startRun } from '../runs/start-run.ts';
import { decideSnapshots, keptSnapshots } from './kept-snapshots.ts';
import { decideFor, type Readers, readersOf } from './retention-decision.ts';

/** How soon what NATS did not answer for is asked again. */
const againMs = 5_000;

export class RetentionWatch {
  readonly #parts: AgentParts;
  /** Plans that are to be looked at. */
  readonly #due = new Set<string>();
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOpen = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /** Looks at every plan of this agent, and from now on at each whose backup completes. */
  async open(): Promise<void> {
    this.#isOpen = true;
    await this.#guarded(async () => {
      for (const { plan } of await this.#parts.plans.list()) if (plan.retention) this.#due.add(plan.name);
    });
    this.#lookIn(0);
  }

  /** To be called with each fact. */
  hear(fact: Fact): void {
    if (fact.fact !== 'actor.transition' || fact.state !== 'completed') return;
    if (fact.kind !== 'backup' && fact.kind !== 'snapshot') return;
    const plan = this.#parts.runtime.find(fact.kind, fact.id)?.record.context.plan;
    if (typeof plan !== 'string') return;
    this.#due.add(plan);
    this.#lookIn(0);
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  #lookIn(inMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isOpen || this.#looking || this.#due.size === 0) return; // the look under way sets the next one
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().then(nextMs => {
        this.#looking = undefined;
        this.#lookIn(nextMs);
      });
    }, inMs).unref();
  }

  /** Resolves with how long to wait before the next look at what is left. */
  async #look(): Promise<number> {
    const due = [...this.#due];
    this.#due.clear();
    if (await this.#guarded(() => this.#applyAll(due))) return 0;
    for (const plan of due) this.#due.add(plan);
    return againMs;
  }

  async #applyAll(due: readonly string[]): Promise<void> {
    const { plans, catalog, store, entries } = this.#parts;
    if (entries.late > 0) throw new AnswerError('unavailable', 'entries of backups are still on their way');
    const [stored, all, readers] = await Promise.all([plans.list(), catalog.list(), readersOf(store)]);
    const backups = Map.groupBy(all, ({ plan }) => plan);
    for (const plan of stored)
      if (due.includes(plan.plan.name)) {
        const isDone = await this.#guarded(() => this.#apply(plan, backups.get(plan.plan.name) ?? [], readers));
        if (!isDone) throw new AnswerError('unavailable', 'NATS does not answer');
      }
  }

  async #apply(stored: StoredPlan, backups: readonly CatalogEntry[], readers: Readers): Promise<void> {
    const { plan, paused } = stored;
    const now = this.#parts.clock.now();
    if (!plan.retention || pauseNow(paused, now) || !(await isOwn(this.#parts, plan))) return;
    const kept = await keptSnapshots(this.#parts, plan);
    const decisions = [...decideFor(plan, backups, readers, now), ...decideSnapshots(plan, kept, backups, now)];
    if (decisions.every(({ keep }) => keep)) return;
    const newest = [backups.find(isWhole)?.id, kept.at(-1)?.id].join('/');
    const requestId = `after-backup/${newest}`;
    await startRun(this.#parts, 'prune', { ...stored, restore: null }, { requestId });
  }

  /** False where NATS did not answer; what is refused, as by an agent that drains, is not asked again. */
  async #guarded(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (isUnavailable(error)) return !this.#isOpen;
      if (!(error instanceof AnswerError) && this.#isOpen) this.#trouble(error);
      return true;
    }
  }

  #trouble(error: unknown): void {
    const { clock, observe } = this.#parts;
    observe(defectOf('the retention after a backup', error, timeText(clock.now())));
  }
}

function isWhole({ outcome, deleting }: CatalogEntry): boolean {
  return outcome === 'completed' && !deleting;
}
