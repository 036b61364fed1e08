/**
 * Copies what is needed of packs that are mostly not: of those of whose bytes less than half are needed. The copies are
 * under their names, and in the index, before the packs that they were taken from may be condemned. Where there is no room
 * for the copies the packs stay as they are.
 */
import { closeSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { failpoint } from '../core/failpoint.ts';
import { ChunkSet } from './chunk-set.ts';
import { headBytes } from './frame.ts';
import { leftBehind } from './garbage.ts';
import { type PlacedFrame, packBytesTarget } from './pack.ts';
import { indexPacks } from './pack-list.ts';
import { openPack } from './pack-names.ts';
import { type PackUse, packUses } from './pack-uses.ts';
import { PackWriter } from './pack-writer.ts';
import { readAt } from './read-at.ts';
import { type Repository, runDirectory } from './repository.ts';
import { errorCode, isFull } from './repository-failure.ts';
import { openRunDirectory } from './run-files.ts';
import { proveFrame } from './salvage.ts';

export interface RepackOptions {
  repository: Repository;
  /** The id of the prune's own run. */
  run: string;
  needed: ChunkSet;
  /** The ones to copy from, as far as they are sparse still. */
  packs: ReadonlySet<string>;
  signal: AbortSignal;
  /** Told of what is copied. */
  onCopied: (bytes: number) => void;
}

export interface Repacked {
  /** Ids of the packs of which nothing is needed any more. */
  packs: string[];
  /** Of the packs that were written for them. */
  bytes: number;
  /** There was no room for more. */
  isCutShort: boolean;
}

/** So much room is left free: a run beside it must not end for a copy. */
const roomKeptBytes = 2 * packBytesTarget;

/** True for a pack that is worth the copy. */
export function isSparse({ bytes, neededBytes, needed }: PackUse): boolean {
  return needed !== null && neededBytes > 0 && neededBytes * 2 < bytes;
}

export async function repack(options: RepackOptions): Promise<Repacked> {
  const { repository, run } = options;
  try {
    await openRunDirectory(repository, run);
    return await copySparse(options);
  } catch (error) {
    if (!isFull(error)) throw error;
    return { packs: [], bytes: 0, isCutShort: true };
  } finally {
    await rm(runDirectory(repository, run), { recursive: true, force: true });
  }
}

async function copySparse({ repository, run, needed, packs, signal, onCopied }: RepackOptions): Promise<Repacked> {
  const repacked: Repacked = { packs: [], bytes: 0, isCutShort: false };
  const onStored = (bytes: number) => {
    repacked.bytes += bytes;
    onCopied(bytes);
  };
  const writer = new PackWriter(repository, run, new ChunkSet(), { onStored, isShared: () => false });
  try {
    for await (const use of packUses(repository, needed, signal)) {
      if (!isSparse(use) || !packs.has(use.id)) continue;
      if ((await roomBytes(repository)) < roomKeptBytes + use.neededBytes) repacked.isCutShort = true;
      else if (await copyNeeded(repository, use, writer, signal)) repacked.packs.push(use.id);
    }
    await writer.finish();
  } finally {
    await writer.close();
  }
  failpoint('prune.copied');
  if (repacked.packs.length > 0) await indexPacks(repository, run);
  return repacked;
}

/** False where any of it is damaged, or another prune has taken it: then the pack stays as it is. */
async function copyNeeded(
  repository: Repository,
  { id, needed }: PackUse,
  writer: PackWriter,
  signal: AbortSignal,
): Promise<boolean> {
  const file = openUnlessGone(repository, id);
  if (file === undefined) return false;
  try {
    for (const frame of needed ?? []) {
      signal.throwIfAborted();
      const plain = plainOf(file, frame);
      if (!plain) return false;
      for (const { offset, length } of frame.chunks) {
        await writer.add(plain.subarray(offset, offset + length));
      }
    }
    return true;
  } finally {
    closeSync(file);
  }
}

function openUnlessGone(repository: Repository, id: string): number | undefined {
  try {
    return openPack(repository, id);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined where the frame is damaged. */
function plainOf(file: number, { at, head }: PlacedFrame): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(headBytes(head) + head.storedBytes);
  try {
    const plain = proveFrame(head, readAt(file, bytes, at).subarray(headBytes(head)));
    leftBehind(bytes.length + plain.length);
    return plain;
  } catch {
    return undefined;
  }
}

async function roomBytes({ path }: Repository): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
