/**
 * What of each pack is needed. Of a chunk that stands in several, one copy is, of a sound pack where there is one; in packs
 * that are known to be damaged each copy counts that has no sound one.
 */
import { setImmediate } from 'node:timers/promises';
import { ChunkSet } from './chunk-set.ts';
import { damagedPacks } from './damaged-packs.ts';
import { chunkBytes, chunksOf, headBytes } from './frame.ts';
import { type PlacedFrame, packEndBytes, packHeadBytes } from './pack.ts';
import { type ListedPack, listPacks } from './pack-list.ts';
import type { Repository } from './repository.ts';

export interface PackUse {
  id: string;
  bytes: number;
  /** About as many as a pack of nothing but the needed chunks would have; 0 where none is needed. */
  neededBytes: number;
  /** The needed chunks, frame by frame; null where the pack cannot be copied, for it is damaged. */
  needed: NeededFrame[] | null;
}

export interface NeededFrame extends PlacedFrame {
  /** Where they stand in the plain body. */
  chunks: { offset: number; length: number }[];
}

/** In a frame's place in the table, and its two heads without the chunks. */
const placeBytes = 4;

/** Every pack that is not condemned. */
export async function* packUses(
  repository: Repository,
  needed: ChunkSet,
  signal: AbortSignal,
): AsyncGenerator<PackUse> {
  const damaged = await damagedPacks(repository);
  const taken = new ChunkSet();
  const unlisted: string[] = [];
  for await (const pack of listPacks(repository, ({ what, name }) => what === 'pack' && unlisted.push(name))) {
    signal.throwIfAborted();
    if (damaged.has(pack.id)) continue;
    yield useOf(pack, sha256 => needed.has(sha256) && taken.add(sha256), true);
    await setImmediate();
  }
  if (damaged.size > 0)
    for await (const pack of listPacks(repository)) {
      signal.throwIfAborted();
      if (damaged.has(pack.id)) yield useOf(pack, sha256 => needed.has(sha256) && !taken.has(sha256), false);
    }
  // What is in these nobody knows for sure; as long as nothing is missing elsewhere, it is not needed.
  const bytes = taken.size < needed.size ? 1 : 0;
  for (const id of unlisted) yield { id, bytes, neededBytes: bytes, needed: null };
}

function useOf({ id, bytes, frames }: ListedPack, isNeeded: (sha256: Buffer) => boolean, isSound: boolean): PackUse {
  const inFrames: NeededFrame[] = [];
  let neededBytes = 0;
  for (const { at, head } of frames) {
    const chunks: NeededFrame['chunks'] = [];
    for (const { sha256, offset, length } of chunksOf(head)) {
      if (!isNeeded(sha256)) continue;
      chunks.push({ offset, length });
      neededBytes += 2 * chunkBytes + (head.storedBytes * length) / head.plainBytes;
    }
    if (chunks.length === 0) continue;
    neededBytes += placeBytes + 2 * (headBytes(head) - head.chunks.length);
    inFrames.push({ at, head, chunks });
  }
  if (neededBytes > 0) neededBytes += packHeadBytes + packEndBytes;
  return { id, bytes, neededBytes, needed: isSound ? inFrames : null };
}
