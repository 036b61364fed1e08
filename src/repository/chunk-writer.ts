/**
 * Stores chunks, a bounded number at once, each under the hash of its plain bytes.
 *
 * 1. A chunk has its name only once its bytes are synced: it is written under a name that no other process uses, and
 *    renamed. So what has a name is whole, and is not written again.
 * 2. `flush` makes the names durable too, also of chunks that an earlier run left: a manifest is staged after it.
 * 3. Nothing temporary stays behind, unless the process is killed; then the run's directory says whose it is.
 */
import { createHash, randomBytes } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import { seal } from './chunk-envelope.ts';
import { chunkSizes } from './chunker.ts';
import { syncDirectory, writeSynced } from './durable-file.ts';
import { chunkPath, ensureDirectory, type Repository, runDirectory } from './repository.ts';
import { errorCode, repositoryError } from './repository-failure.ts';

const chunksAtOnce = 16;
/** Of the chunks that are large enough to be worth a buffer that is used again; garbage of their size piles up. */
const largeAtOnce = 3;
const largeBytes = 64 * 1024;

export class ChunkWriter {
  /** Bytes of chunk objects that were not there before. */
  bytesStored = 0;
  readonly #repository: Repository;
  readonly #directory: string;
  readonly #signal: AbortSignal;
  /** A name of this process alone: one that was stopped, and continued after another took over, finds nothing of it. */
  readonly #token = randomBytes(6).toString('hex');
  readonly #storing = new Map<string, Promise<void>>();
  readonly #touched = new Set<string>();
  readonly #buffers: Buffer[] = Array.from({ length: largeAtOnce }, () => Buffer.allocUnsafeSlow(chunkSizes.maxBytes));
  #drafts = 0;
  #failed: { error: unknown } | undefined;

  constructor(repository: Repository, run: string, signal: AbortSignal) {
    this.#repository = repository;
    this.#directory = runDirectory(repository, run);
    this.#signal = signal;
  }

  /**
   * Takes a chunk, at most as large as a chunk may be, and answers its name, before it is stored. The bytes are the
   * caller's again when this resolves. Rejects when the signal is aborted, and with what went wrong with any before.
   */
  async add(bytes: Buffer): Promise<string> {
    const isLarge = bytes.length > largeBytes;
    while (this.#storing.size >= chunksAtOnce || (isLarge && this.#buffers.length === 0))
      await Promise.race(this.#storing.values());
    this.#check();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (!this.#storing.has(sha256)) this.#start(sha256, bytes, isLarge ? this.#buffers.pop() : undefined);
    return sha256;
  }

  /** Resolves once everything added is durable under its name. */
  async flush(): Promise<void> {
    await this.settle();
    this.#check();
    try {
      for (const directory of this.#touched) await syncDirectory(directory);
      await syncDirectory(join(this.#repository.path, 'chunks'));
    } catch (error) {
      throw repositoryError(this.#repository.path, error);
    }
  }

  /** Resolves once nothing is being written any more, whatever came of it. */
  async settle(): Promise<void> {
    while (this.#storing.size > 0) await Promise.race(this.#storing.values());
  }

  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#failed) throw this.#failed.error;
  }

  #start(sha256: string, bytes: Buffer, buffer: Buffer | undefined): void {
    const copy = buffer ? buffer.subarray(0, bytes.copy(buffer)) : Buffer.from(bytes);
    const storing = this.#store(sha256, copy)
      .catch(error => {
        this.#failed ??= { error: repositoryError(this.#repository.path, error) };
      })
      .finally(() => {
        if (buffer) this.#buffers.push(buffer);
        this.#storing.delete(sha256);
      });
    this.#storing.set(sha256, storing);
  }

  async #store(sha256: string, bytes: Buffer): Promise<void> {
    const path = chunkPath(this.#repository, sha256);
    if (await isStored(path)) {
      this.#touched.add(dirname(path));
      return;
    }
    const sealed = await seal(bytes);
    if (this.#signal.aborted) return;
    this.#drafts += 1;
    const draft = join(this.#directory, `chunk-${this.#token}-${this.#drafts}`);
    try {
      await writeSynced(draft, sealed);
      failpoint('chunk.before-rename');
      if (!this.#touched.has(dirname(path))) await ensureDirectory(dirname(path));
      this.#touched.add(dirname(path));
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    failpoint('chunk.after-rename');
    this.bytesStored += sealed[0].length + sealed[1].length;
  }
}

/** A chunk with a name is whole (1); an empty file under it is the mark of a file system that lost it in a crash. */
async function isStored(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size > 0;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
