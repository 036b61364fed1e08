/**
 * Takes condemned packs away, or puts them back where a backup came to need them after all.
 *
 * 1. Only packs are looked at whose writers have all ended; and only then it is read what backups need.
 * 2. A pack goes where each chunk of it that is needed stands in a sound pack that is not condemned. Those are listed
 *    after the condemned ones: so of two prunes at once, each of which has condemned a copy of one chunk, one sees both
 *    condemned, and puts one back.
 * 3. What is put back is durable before anything goes. Where it cannot be put back, for another prune has it, all is
 *    looked at anew.
 * 4. What the taking relies on may be a pack of a run that was killed, or is void: in no index file, and its name not
 *    durable. Both are mended before anything goes; the index as far as there is room, or else by the end of the prune.
 */
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { failpoint } from '../core/failpoint.ts';
import { ChunkSet } from './chunk-set.ts';
import { forgetGenerations, type Generation, recordedWriters, undecidedWriters } from './condemnation.ts';
import { damagedPacks } from './damaged-packs.ts';
import { syncDirectory } from './durable-file.ts';
import { chunksOf } from './frame.ts';
import type { NeededChunks } from './needed-chunks.ts';
import type { PlacedFrame } from './pack.ts';
import { listPacks, readTailAt } from './pack-list.ts';
import { condemnedPacks, condemnedPath } from './pack-names.ts';
import type { PruneRoom } from './prune-room.ts';
import { packPath, type Repository } from './repository.ts';
import { errorCode } from './repository-failure.ts';

export interface SweepOptions {
  repository: Repository;
  needed: NeededChunks;
  /** One that this prune made itself: there may have been no room for its record. */
  own: Generation | undefined;
  room: PruneRoom;
  /** Puts into the index what it lacks, as far as there is room. */
  makeIndex: () => Promise<void>;
  signal: AbortSignal;
  /** Told of each pack that goes. */
  onSwept: (bytes: number) => void;
}

export interface Swept {
  packs: number;
  bytes: number;
  /** What is condemned and stays for now, and the runs that it waits for. */
  pending: { packs: number; bytes: number; writers: string[] };
}

type Condemned = Awaited<ReturnType<typeof condemnedPacks>>[number];

export async function sweep(options: SweepOptions): Promise<Swept> {
  for (;;) {
    const swept = await sweepOnce(options);
    if (swept) return swept;
  }
}

/** Undefined where all is to be looked at anew. */
async function sweepOnce(options: SweepOptions): Promise<Swept | undefined> {
  const { repository, own, signal, onSwept } = options;
  const recorded = await recordedWriters(repository);
  const condemned = await condemnedPacks(repository);
  const undecided = new Set(await undecidedWriters(repository));
  const writersOf = (generation: string) =>
    (generation === own?.id ? own.writers : recorded.get(generation))?.filter(run => undecided.has(run));
  const ready = condemned.filter(({ generation }) => writersOf(generation)?.length === 0);
  const going = await putBackNeeded(options, ready);
  if (!going) return undefined;
  for (const { id, bytes, generation } of going) {
    signal.throwIfAborted();
    await rm(condemnedPath(repository, id, generation), { force: true });
    await rm(`${packPath(repository, id)}.damaged`, { force: true });
    onSwept(bytes);
    failpoint('prune.pack-swept');
  }
  await syncDirectories(repository, going);
  const pending = condemned.filter(pack => !ready.includes(pack));
  const left = new Set(pending.map(({ generation }) => generation));
  await forgetGenerations(
    repository,
    [...recorded.keys()].filter(id => !left.has(id)),
  );
  const writers = new Set([...left].flatMap(generation => writersOf(generation) ?? [...undecided]));
  return {
    packs: going.length,
    bytes: bytesOf(going),
    pending: { packs: pending.length, bytes: bytesOf(pending), writers: [...writers] },
  };
}

/** Puts back what is needed and stands nowhere else; answers the others. Undefined where another prune was quicker. */
async function putBackNeeded(options: SweepOptions, ready: readonly Condemned[]): Promise<Condemned[] | undefined> {
  const { repository, needed, signal } = options;
  if (ready.length === 0) return [];
  await needed.refresh(signal);
  const damaged = await damagedPacks(repository);
  const { there, unindexed } = await soundChunks(options, damaged);
  const going: Condemned[] = [];
  const back: Condemned[] = [];
  const unreadable: Condemned[] = [];
  const isDamaged = ({ id }: Condemned) => damaged.has(id);
  for (const pack of [...ready.filter(each => !isDamaged(each)), ...ready.filter(isDamaged)]) {
    const frames = readTailAt(condemnedPath(repository, pack.id, pack.generation), pack.id);
    if (typeof frames === 'string') unreadable.push(pack);
    else if (!holdsMore(frames, needed.chunks, there)) going.push(pack);
    else {
      back.push(pack);
      if (!isDamaged(pack)) addNeeded(frames, needed.chunks, there);
    }
  }
  // Where something is missing, what can be had of it may be all that there is.
  (there.size < needed.chunks.size ? back : going).push(...unreadable);
  for (const { id, generation } of back) {
    if (!(await putBack(options, id, generation))) return undefined;
    failpoint('prune.pack-put-back');
  }
  await syncDirectories(repository, back);
  if (going.length > 0 && unindexed.length > 0) await secure(options, unindexed);
  return going;
}

/** What is needed and stands in packs that are neither condemned nor known to be damaged; which of those no index file has. */
async function soundChunks(
  { repository, needed, signal }: SweepOptions,
  damaged: ReadonlySet<string>,
): Promise<{ there: ChunkSet; unindexed: Pick<Condemned, 'id'>[] }> {
  const there = new ChunkSet();
  const unindexed: Pick<Condemned, 'id'>[] = [];
  for await (const { id, frames, indexed } of listPacks(repository)) {
    if (!damaged.has(id) && addNeeded(frames, needed.chunks, there) && !indexed) unindexed.push({ id });
    await setImmediate();
    signal.throwIfAborted();
  }
  return { there, unindexed };
}

/** Invariant 4. Where the index was cut for room, the end of the prune makes it anew. */
async function secure(
  { repository, room, makeIndex }: SweepOptions,
  packs: readonly Pick<Condemned, 'id'>[],
): Promise<void> {
  await syncDirectories(repository, packs);
  await syncDirectory(join(repository.path, 'packs'));
  if (!room.isIndexShort) await makeIndex();
}

/** True where any of it was not there yet. */
function addNeeded(frames: readonly PlacedFrame[], needed: ChunkSet, there: ChunkSet): boolean {
  let isMore = false;
  for (const { head } of frames)
    for (const { sha256 } of chunksOf(head)) if (needed.has(sha256) && there.add(sha256)) isMore = true;
  return isMore;
}

function holdsMore(frames: readonly PlacedFrame[], needed: ChunkSet, there: ChunkSet): boolean {
  for (const { head } of frames)
    for (const { sha256 } of chunksOf(head)) if (needed.has(sha256) && !there.has(sha256)) return true;
  return false;
}

async function putBack({ repository, room }: SweepOptions, id: string, generation: string): Promise<boolean> {
  try {
    await room.for(() => rename(condemnedPath(repository, id, generation), packPath(repository, id)));
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function syncDirectories(repository: Repository, packs: readonly Pick<Condemned, 'id'>[]): Promise<void> {
  for (const directory of new Set(packs.map(({ id }) => dirname(packPath(repository, id)))))
    await syncDirectory(directory);
}

function bytesOf(packs: readonly Condemned[]): number {
  return packs.reduce((sum, { bytes }) => sum + bytes, 0);
}
