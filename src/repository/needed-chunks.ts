/**
 * The chunks that a prune must leave: those of every manifest in the repository, but for manifests whose run is decided
 * otherwise. So those of runs that are not decided yet count, and those of slots that are damaged.
 *
 * 1. A manifest counts only when it has the hash that is its name. Where one that counts is damaged or gone nobody knows
 *    what it needs: that ends the prune before it takes anything.
 * 2. It only grows: what a backup needs that is removed meanwhile stays, until the next prune.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FailureError } from '../core/failure.ts';
import { isId } from '../core/ids.ts';
import type { SlotContent } from '../domain/catalog.ts';
import { ChunkSet } from './chunk-set.ts';
import { readSlot } from './commit-slot.ts';
import { type BodyLine, checkManifest, readHeader, readManifestBlocks } from './manifest-reader.ts';
import { PlainFileLine } from './plain-file-line.ts';
import { manifestPath, type Repository } from './repository.ts';
import { isCorrupt } from './repository-failure.ts';
import { isThere } from './skipped-check.ts';

export class NeededChunks {
  readonly chunks = new ChunkSet();
  readonly #repository: Repository;
  readonly #onRead: (bytes: number) => void;
  /** Manifests whose chunks are in it. */
  readonly #taken = new Set<string>();

  /** `onRead` is told of the bytes of manifests that were read. */
  constructor(repository: Repository, onRead: (bytes: number) => void) {
    this.#repository = repository;
    this.#onRead = onRead;
  }

  /** Takes those in that came since it did so last. Rejects with `data-corrupt` where one cannot be read. */
  async refresh(signal: AbortSignal): Promise<void> {
    for (const { run, manifest } of await this.#named()) await this.#take(run, manifest, signal);
    for (const manifest of await readdir(join(this.#repository.path, 'manifests'))) {
      if (!/^[0-9a-f]{64}$/.test(manifest) || this.#taken.has(manifest)) continue;
      const run = await this.#runOf(manifest);
      if (run !== undefined && !(await isDecidedOtherwise(this.#repository, run, manifest)))
        await this.#take(run, manifest, signal);
    }
  }

  /** Undefined where the manifest is gone by now. */
  async #runOf(manifest: string): Promise<string | undefined> {
    try {
      return (await readHeader(this.#repository, manifest)).run;
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      if (!(await isThere(manifestPath(this.#repository, manifest)))) return undefined;
      throw unknownNeeds(`that the manifest ${manifest} is of`, error as FailureError);
    }
  }

  /** What slots name. */
  async #named(): Promise<{ run: string; manifest: string }[]> {
    const named: { run: string; manifest: string }[] = [];
    for (const run of (await readdir(join(this.#repository.path, 'slots'))).filter(isId)) {
      const slot = await slotOf(this.#repository, run);
      if (slot !== 'damaged' && slot?.slot === 'manifest') named.push({ run, manifest: slot.manifest });
    }
    return named;
  }

  async #take(run: string, manifest: string, signal: AbortSignal): Promise<void> {
    if (this.#taken.has(manifest)) return;
    try {
      await checkManifest(this.#repository, manifest, signal);
      await this.#read(manifest, signal);
      this.#taken.add(manifest);
      this.#onRead(await sizeOf(manifestPath(this.#repository, manifest)));
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      // Removed, or discarded, meanwhile.
      if (await isDecidedOtherwise(this.#repository, run, manifest)) return;
      throw unknownNeeds(run, error as FailureError);
    }
  }

  async #read(manifest: string, signal: AbortSignal): Promise<void> {
    for await (const lines of readManifestBlocks(this.#repository, manifest, signal)) {
      for (const line of lines) this.#add(line);
      await setImmediate();
      signal.throwIfAborted();
    }
  }

  #add(line: BodyLine | PlainFileLine): void {
    if (line instanceof PlainFileLine) {
      line.everyChunk((bytes, at) => {
        this.chunks.addHex(bytes, at);
        return true;
      });
    } else if (line.type === 'file' || line.type === 'data') {
      for (const [, sha256] of line.content) if (sha256 !== undefined) this.chunks.add(Buffer.from(sha256, 'hex'));
    }
  }
}

/** Of a file that may be gone by now. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Its run's slot says something else; also where its run is gone with it. */
async function isDecidedOtherwise(repository: Repository, run: string, manifest: string): Promise<boolean> {
  const slot = isId(run) ? await slotOf(repository, run) : undefined;
  if (slot === 'damaged') return false;
  if (slot === undefined) return !(await isThere(manifestPath(repository, manifest)));
  return slot.slot !== 'manifest' || slot.manifest !== manifest;
}

async function slotOf(repository: Repository, run: string): Promise<SlotContent | undefined | 'damaged'> {
  try {
    return await readSlot(repository, run);
  } catch (error) {
    if (isCorrupt(error)) return 'damaged';
    throw error;
  }
}

function unknownNeeds(run: string, cause: FailureError): FailureError {
  const message = `nothing can be pruned, for nobody knows which chunks the backup ${run} needs: ${cause.failure.message}`;
  const hint = 'put back that file from a copy of the repository, or remove that backup';
  return new FailureError({ kind: 'permanent', code: 'data-corrupt', message, hint }, { cause });
}
