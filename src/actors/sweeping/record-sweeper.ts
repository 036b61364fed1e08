/**
 * Lets the records of runs that are over leave for the history once they are old, and with them what they left here.
 *
 * 1. Each agent sees to its own runs; the spokesman also to those of agents that are away.
 * 2. A run whose processes could not be ended stays, with its directory.
 * 3. It is bounded: so many at a time, one after another, and then a pause.
 */
import { isUnavailable } from '../../core/answer-error.ts';
import { defectOf } from '../../core/defect.ts';
import { timeText } from '../../core/time-text.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import { leavingMs, type OverRun } from '../../domain/record-age.ts';
import { isRunKind, runOf } from '../../domain/run.ts';
import type { StoredRecord } from '../../runtime/record-store.ts';
import type { AgentParts } from '../agent-parts.ts';
import { agentsThatLive, speaks } from '../responsibility.ts';

const everyMs = 10 * 60_000;
const mostAtOnce = 500;
const pauseMs = 1_000;
/** How long the entry of a backup that was deleted stays at least; it stays as long as the run that made it is listed. */
const deletedForMs = 86_400_000;

export class RecordSweeper {
  readonly #parts: AgentParts;
  #timer: NodeJS.Timeout | undefined;
  #isOpen = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /** Sweeps now, and from now on. */
  open(): void {
    this.#isOpen = true;
    this.#sweepIn(0);
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  #sweepIn(inMs: number): void {
    if (!this.#isOpen) return;
    this.#timer = setTimeout(async () => {
      const nextMs = await this.#sweep().catch((error: unknown) => this.#trouble(error));
      this.#sweepIn(nextMs);
    }, inMs).unref();
  }

  /** Resolves with how long to wait before the next sweep. */
  async #sweep(): Promise<number> {
    const isSpokesman = await speaks(this.#parts);
    const over = new Map<string, StoredRecord>();
    for await (const each of this.#parts.store.list())
      if (each.record.final && isRunKind(each.record.kind)) over.set(each.record.id, each);
    const deleted = await this.#parts.catalog.deleted();
    const nextMs = await this.#sweepRecords(over, deleted, isSpokesman);
    return isSpokesman && (await this.#sweepCatalog(over, deleted)) ? pauseMs : nextMs;
  }

  async #sweepRecords(
    over: ReadonlyMap<string, StoredRecord>,
    deleted: readonly CatalogEntry[],
    isSpokesman: boolean,
  ): Promise<number> {
    const { plans, clock, config } = this.#parts;
    const living = await agentsThatLive(this.#parts);
    const stored = new Map((await plans.list()).map(({ plan }) => [plan.name, plan]));
    const gone = new Set(deleted.map(({ id }) => id));
    const leaving = leavingMs(
      [...over.values()].map(overRun),
      plan => stored.get(plan)?.retention,
      id => gone.has(id),
    );
    let swept = 0;
    let nextMs = everyMs;
    for (const [id, atMs] of leaving) {
      const each = over.get(id) as StoredRecord;
      const { agent } = runOf(each.record);
      if (agent !== config.name && (!isSpokesman || living.includes(agent))) continue;
      if (atMs > clock.now()) nextMs = Math.min(nextMs, atMs - clock.now());
      else if (swept === mostAtOnce) return pauseMs;
      else if (this.#isOpen && (await this.#leave(each))) swept += 1;
    }
    return Math.max(pauseMs, nextMs);
  }

  /** True where it has left. */
  async #leave(stored: StoredRecord): Promise<boolean> {
    const { engineRuns, store, config } = this.#parts;
    const { id } = stored.record;
    if (runOf(stored.record).agent === config.name) {
      if ((await engineRuns.stopLeft(id))?.gone === false) return false;
      await engineRuns.forget(id);
    }
    return await store.forget(stored);
  }

  /** True where more are left. */
  async #sweepCatalog(listed: ReadonlyMap<string, unknown>, deleted: readonly CatalogEntry[]): Promise<boolean> {
    const { catalog, clock } = this.#parts;
    const before = timeText(clock.now() - deletedForMs);
    const old = deleted.filter(({ id, deletedAt }) => !listed.has(id) && (deletedAt ?? '') < before);
    for (const { id } of old.slice(0, mostAtOnce)) await catalog.forget(id);
    return old.length > mostAtOnce;
  }

  #trouble(error: unknown): number {
    const { clock, observe } = this.#parts;
    if (!isUnavailable(error) && this.#isOpen)
      observe(defectOf('the sweep of old records', error, timeText(clock.now())));
    return everyMs / 10;
  }
}

/** A run that somebody else gave up may not say when it ended; its last record does. */
function overRun({ record }: StoredRecord): OverRun {
  const run = runOf(record);
  return { ...run, endedAt: run.endedAt ?? record.at };
}
