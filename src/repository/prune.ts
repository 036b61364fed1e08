/**
 * Prunes a repository: removes the backups that it is told, and then every pack of which nothing is needed. It may run
 * beside backups, restores, checks and other prunes, and be killed at any point: the next one finishes what it began.
 *
 * 1. Backups are removed durably before it is looked at what is needed (backup-removal.ts).
 * 2. A pack goes in two steps: it is condemned (condemnation.ts), and taken away once every run that was registered as a
 *    writer by then has ended, unless one of those came to need it (sweep.ts). Without such a run both are done at once.
 * 3. A pack goes when nothing of it is needed; where less than half of its bytes is, that is copied first (repack.ts).
 * 4. Nothing but the copying needs room on a disk, so that one without a free byte can be pruned (prune-room.ts has the
 *    one exception).
 */
import { rm } from 'node:fs/promises';
import { failpoint } from '../core/failpoint.ts';
import { removeBackups } from './backup-removal.ts';
import { condemn, type Generation, recordedWriters, undecidedWriters } from './condemnation.ts';
import { NeededChunks } from './needed-chunks.ts';
import { indexPacks } from './pack-list.ts';
import { condemnedPacks } from './pack-names.ts';
import { notedBy } from './pack-notes.ts';
import { packUses } from './pack-uses.ts';
import { PruneRoom } from './prune-room.ts';
import { isSparse, repack } from './repack.ts';
import { type Repository, runDirectory } from './repository.ts';
import { atRepository, isFull } from './repository-failure.ts';
import { openRunDirectory } from './run-files.ts';
import { type Swept, sweep } from './sweep.ts';

export interface PruneOptions {
  repository: Repository;
  /** The id of the prune's own run. */
  run: string;
  /** The ids of the backups that are to go; one that is not there is none to remove. */
  backups: readonly string[];
  signal: AbortSignal;
  /** Told of what was read, copied or taken away, and of how many packs went. */
  onProgress?: (done: { bytes: number; files: number }) => void;
}

export interface PruneResult {
  /** Packs that were taken away. */
  packs: number;
  bytes: number;
  /** What was copied for that, and whether more would have been with more room. */
  copied: { packs: number; bytes: number; isCutShort: boolean };
  /** Packs that are condemned, and stay until these runs have ended: how many, and the first of them. */
  pending: { packs: number; bytes: number; writers: { count: number; first: string[] } };
}

const firstMax = 20;

/** Rejects with a failure, or with the signal's reason. What was removed stays removed. */
export async function prune(options: PruneOptions): Promise<PruneResult> {
  const { repository, backups, signal } = options;
  const room = new PruneRoom(repository);
  await removeBackups(repository, backups, signal, room);
  return atRepository(repository.path, async () => {
    const result = await new Prune(options, room).run();
    if (room.isIndexShort) await makeIndex(options, room);
    return result;
  });
}

/** Where there is no room for it, the end of the prune makes it, or else the next backup. */
async function makeIndex({ repository, run }: PruneOptions, room: PruneRoom): Promise<void> {
  try {
    await openRunDirectory(repository, run);
    await indexPacks(repository, run);
  } catch (error) {
    if (!isFull(error)) throw error;
    room.isIndexShort = true;
  } finally {
    await rm(runDirectory(repository, run), { recursive: true, force: true });
  }
}

class Prune {
  readonly #options: PruneOptions;
  readonly #room: PruneRoom;
  readonly #needed: NeededChunks;
  readonly #done = { bytes: 0, files: 0 };
  readonly #taken = { packs: 0, bytes: 0 };

  constructor(options: PruneOptions, room: PruneRoom) {
    this.#options = options;
    this.#room = room;
    this.#needed = new NeededChunks(options.repository, bytes => this.#tell(bytes, 0));
  }

  async run(): Promise<PruneResult> {
    const { repository, run, signal } = this.#options;
    await this.#needed.refresh(signal);
    const { unneeded, sparse } = await this.#judge();
    failpoint('prune.judged');
    const unrecorded = await unrecordedPacks(repository);
    let swept = await this.#take([...unrecorded, ...unneeded.map(id => ({ id, generation: null }))]);
    let copied: PruneResult['copied'] = { packs: 0, bytes: 0, isCutShort: false };
    if (sparse.size > 0) {
      const onCopied = (bytes: number) => this.#tell(bytes, 0);
      const needed = this.#needed.chunks;
      const repacked = await repack({ repository, run, needed, packs: sparse, signal, onCopied });
      copied = { ...repacked, packs: repacked.packs.length };
      if (repacked.packs.length > 0) swept = await this.#take(repacked.packs.map(id => ({ id, generation: null })));
    }
    const { packs, bytes, writers } = swept.pending;
    const pending = { packs, bytes, writers: { count: writers.length, first: writers.slice(0, firstMax) } };
    return { ...this.#taken, copied, pending };
  }

  /** What runs have stored that are not decided yet stays: they may well come to need it. */
  async #judge(): Promise<{ unneeded: string[]; sparse: Set<string> }> {
    const { repository, signal } = this.#options;
    const [unneeded, sparse]: [string[], string[]] = [[], []];
    for await (const use of packUses(repository, this.#needed.chunks, signal)) {
      if (use.neededBytes === 0) unneeded.push(use.id);
      else if (isSparse(use)) sparse.push(use.id);
    }
    // Read last: a run notes a pack before it gives it its name.
    const busy = notedBy(repository, await undecidedWriters(repository));
    const isFree = (id: string) => !busy.has(id);
    return { unneeded: unneeded.filter(isFree), sparse: new Set(sparse.filter(isFree)) };
  }

  /** Condemns packs, and sweeps; again where there was no room for a name, and there may be now. */
  async #take(packs: readonly { id: string; generation: string | null }[]): Promise<Swept> {
    const { generation, left } = await condemn(this.#options.repository, packs);
    const swept = await this.#sweep(generation);
    const isRoom = left.length > 0 && (swept.packs > 0 || (await this.#room.make()));
    return isRoom ? this.#take(packs.filter(({ id }) => left.includes(id))) : swept;
  }

  async #sweep(own: Generation): Promise<Swept> {
    const { repository, signal } = this.#options;
    const onSwept = (bytes: number) => {
      this.#taken.packs += 1;
      this.#taken.bytes += bytes;
      this.#tell(bytes, 1);
    };
    const room = this.#room;
    const makeIndexNow = () => makeIndex(this.#options, room);
    return sweep({ repository, needed: this.#needed, own, room, makeIndex: makeIndexNow, signal, onSwept });
  }

  #tell(bytes: number, packs: number): void {
    this.#done.bytes += bytes;
    this.#done.files += packs;
    this.#options.onProgress?.(this.#done);
  }
}

/** Condemned by a prune that was killed before it said what they wait for. */
async function unrecordedPacks(repository: Repository): Promise<{ id: string; generation: string }[]> {
  const recorded = await recordedWriters(repository);
  return (await condemnedPacks(repository)).filter(({ generation }) => recorded.get(generation) === undefined);
}
