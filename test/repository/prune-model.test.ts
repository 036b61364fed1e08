/** Random histories of backups, removals, prunes side by side and stops, held against what must be there by a plain model. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prune } from '../../src/repository/prune.ts';
import { openOrCreateRepository, type Repository } from '../../src/repository/repository.ts';
import { checkRepository } from '../../src/repository/repository-check.ts';
import { repetitions, seedOf } from '../support/repetitions.ts';
import { readAll, SmallRun } from './small-runs.ts';
import { unneededPacks } from './unneeded-packs.ts';

const chunk = fc.nat({ max: 15 });
const chunks = fc.uniqueArray(chunk, { minLength: 1, maxLength: 8 });
const writer = fc.nat({ max: 2 });
/** Which of the backups that are listed go, by their places. */
const removal = fc.array(fc.nat({ max: 9 }), { maxLength: 2 });
const stops = fc.nat({ max: 12 });

const step = fc.oneof(
  fc.record({ what: fc.constant('begin' as const), writer }),
  { weight: 3, arbitrary: fc.record({ what: fc.constant('store' as const), writer, chunks }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('commit' as const), writer }) },
  fc.record({ what: fc.constant('void' as const), writer }),
  { weight: 2, arbitrary: fc.record({ what: fc.constant('prune' as const), removal }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('stopped' as const), removal, stops }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('together' as const), removal, stops, writer, chunks }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class History {
  /** The chunks of each backup that must be listed. */
  readonly listed = new Map<string, Set<number>>();
  readonly #repository: Repository;
  readonly #writers = new Map<number, SmallRun>();
  #runs = 0;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  async take(step: Step): Promise<void> {
    switch (step.what) {
      case 'begin': {
        // Also a further attempt of a run that is under way.
        const id = this.#writers.get(step.writer)?.id ?? `run-${this.#runs++}`;
        this.#writers.set(step.writer, await SmallRun.begin(this.#repository, id));
        return;
      }
      case 'store':
        await (await this.#writer(step.writer)).store(step.chunks);
        return;
      case 'commit':
        return this.#commit(await this.#writer(step.writer), step.writer);
      case 'void':
        await (await this.#writer(step.writer)).void();
        this.#writers.delete(step.writer);
        return;
      case 'prune':
        await this.prune(this.#remove(step.removal));
        return;
      case 'stopped':
        return this.#stopped(this.#remove(step.removal), step.stops);
      case 'together': {
        const run = await this.#writer(step.writer);
        await Promise.all([
          this.prune(this.#remove(step.removal)),
          this.#stopped([], step.stops),
          run.store(step.chunks).then(() => this.#commit(run, step.writer)),
        ]);
      }
    }
  }

  /** Ends what is under way, and prunes. */
  async end(): Promise<void> {
    for (const run of this.#writers.values()) await run.void();
    const { pending } = await this.prune([]);
    expect(pending).toMatchObject({ packs: 0, writers: { count: 0 } });
  }

  prune(backups: string[], signal = new AbortController().signal) {
    this.#runs += 1;
    return prune({ repository: this.#repository, run: `prune-${this.#runs}`, backups, signal });
  }

  async #writer(number: number): Promise<SmallRun> {
    if (!this.#writers.has(number)) await this.take({ what: 'begin', writer: number });
    return this.#writers.get(number) as SmallRun;
  }

  async #commit(run: SmallRun, number: number): Promise<void> {
    this.#writers.delete(number);
    await run.commit();
    this.listed.set(run.id, run.chunks);
  }

  #remove(places: readonly number[]): string[] {
    const ids = [...this.listed.keys()];
    const removed = places.map(place => ids[place]).filter(id => id !== undefined);
    for (const id of removed) this.listed.delete(id);
    return removed;
  }

  /** A prune that is stopped at a boundary; what it was told to remove is removed, or is by the next one. */
  async #stopped(backups: string[], after: number): Promise<void> {
    const { signal, isStopped } = stoppedAfter(after);
    await this.prune(backups, signal).catch(error => {
      if (!isStopped()) throw error;
    });
    if (isStopped() && backups.length > 0) await this.prune(backups);
  }
}

/** A signal that is aborted when it is asked for the n-th time. */
function stoppedAfter(times: number): { signal: AbortSignal; isStopped: () => boolean } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let asked = 0;
  signal.throwIfAborted = () => {
    asked += 1;
    if (asked > times) stopping.abort(new Error('stopped'));
    AbortSignal.prototype.throwIfAborted.call(signal);
  };
  return { signal, isStopped: () => signal.aborted };
}

test('whatever backups, removals, prunes and stops come together, every listed backup can be read, and nothing unneeded stays in the end', async () => {
  const history = fc.array(step, { minLength: 4, maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(history, async steps => {
      const directory = mkdtempSync(join(tmpdir(), 'reeve-prune-model-'));
      try {
        const repository = await openOrCreateRepository(join(directory, 'repository'));
        const history = new History(repository);
        for (const each of steps) {
          await history.take(each);
          expect(await readAll(repository)).toEqual(history.listed);
        }
        await history.end();
        expect(await readAll(repository)).toEqual(history.listed);
        expect(await unneededPacks(repository)).toEqual([]);
        const { signal } = new AbortController();
        expect((await checkRepository({ repository, data: 'all', signal })).damages.first).toEqual([]);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    // The same histories each time, others in the soak; the first that fails is shown, for to shrink one takes minutes.
    { numRuns: repetitions(300, 20), endOnFailure: true, ...seedOf(1) },
  );
});
