/**
 * Stores chunks in packs, for one thread of a backup. Reading and hashing are the caller's thread's. One frame is
 * compressed in another thread meanwhile, so that a source of one large file has two processors busy; a second one at once
 * would take its buffers and win nothing.
 *
 * 1. A chunk that the set knows, of whichever thread, is not stored again.
 * 2. A pack that is not ended stays in the run's directory, also of a process that is killed: whatever of its frames is
 *    sound is found there (salvage.ts), and not sent again.
 */
import { hash } from 'node:crypto';
import type { ChunkSet } from './chunk-set.ts';
import { chunkSizes } from './chunker.ts';
import {
  FrameChunks,
  frameBytesTarget,
  frameChunksMax,
  isNoise,
  plainFrame,
  type SealedFrame,
  sealFrame,
} from './frame.ts';
import { FrameCompressor } from './frame-compressor.ts';
import { packBytesTarget } from './pack.ts';
import { PackDraft } from './pack-draft.ts';
import type { Repository } from './repository.ts';

/** Chunks below this share frames. */
const smallBytes = 128 * 1024;
/** Packs that are being synced at once. */
const endingAtOnce = 2;
/**
 * What is in a pack that has no name yet, another run that stores the same cannot know. So packs are small while one does;
 * and the first ones of a thread are, each twice as large as the one before, so that it shows soon.
 */
const [firstPackBytes, sharedPackBytes] = [1024 * 1024, 4 * 1024 * 1024];

/** What became of a chunk. */
export interface Added {
  sha256: string;
  /** The repository did not have it, nor this run. */
  isNew: boolean;
}

export interface PackWriterOptions {
  /** Told how many bytes each frame took. */
  onStored: (bytes: number) => void;
  /** True while another run stores the same. */
  isShared: () => boolean;
}

export class PackWriter {
  readonly #repository: Repository;
  readonly #run: string;
  readonly #known: ChunkSet;
  readonly #options: PackWriterOptions;
  readonly #compressor = new FrameCompressor();
  /** To be used again, by their sizes: of frames of small chunks, and of large chunks. */
  readonly #buffers = new Map<number, Buffer[]>([
    [frameBytesTarget, []],
    [chunkSizes.maxBytes, []],
  ]);
  /** Small chunks of the frame to come. */
  readonly #small = new FrameChunks();
  #smallBuffer: Buffer | undefined;
  #smallBytes = 0;
  /** Settles when the frame before is written, or could not be; undefined once it has. */
  #sealing: Promise<void> | undefined;
  readonly #ending = new Set<Promise<void>>();
  #draft: PackDraft | undefined;
  #packBytes = firstPackBytes;
  #failed: { error: unknown } | undefined;

  constructor(repository: Repository, run: string, known: ChunkSet, options: PackWriterOptions) {
    this.#repository = repository;
    this.#run = run;
    this.#known = known;
    this.#options = options;
  }

  /**
   * Takes a chunk, at most as large as a chunk may be. A promise only where something before it has to be written first;
   * its bytes are the caller's again after that. Throws, or rejects with, what went wrong with any before.
   */
  add(bytes: Buffer): Added | Promise<Added> {
    if (this.#failed) throw this.#failed.error;
    const digest = hash('sha256', bytes, 'buffer');
    const isNew = this.#known.add(digest);
    const added = { sha256: digest.toString('hex'), isNew };
    if (isNew && !this.#hasRoom) return this.#storeLater(digest, bytes).then(() => added);
    if (isNew) this.#store(digest, bytes);
    return added;
  }

  /** True once something could not be stored: everything rejects with it from then on. */
  get failed(): boolean {
    return this.#failed !== undefined;
  }

  /** Resolves once everything added is durable under its name. */
  async finish(): Promise<void> {
    await this.#written();
    if (this.#draft) this.#end();
    await Promise.all(this.#ending);
    if (this.#failed) throw this.#failed.error;
  }

  /** Resolves once everything added is durable, though the last pack may be left in the run's directory. */
  async keep(): Promise<void> {
    await this.#written();
    await Promise.all(this.#ending);
    await this.#draft?.keep();
    if (this.#failed) throw this.#failed.error;
  }

  /** Resolves once nothing is being written any more, whatever came of it. May be called after `finish` and `keep`. */
  async close(): Promise<void> {
    await Promise.all([this.#sealing, ...this.#ending]);
    this.#draft?.abandon();
    this.#draft = undefined;
    this.#compressor.close();
  }

  get #hasRoom(): boolean {
    return !this.#sealing && this.#ending.size <= endingAtOnce;
  }

  async #storeLater(digest: Buffer, bytes: Buffer): Promise<void> {
    while (!this.#hasRoom) await (this.#sealing ?? Promise.race(this.#ending));
    if (this.#failed) throw this.#failed.error;
    this.#store(digest, bytes);
  }

  #store(digest: Buffer, bytes: Buffer): void {
    if (bytes.length < smallBytes) this.#addSmall(digest, bytes);
    else this.#addLarge(digest, bytes);
  }

  #addSmall(digest: Buffer, bytes: Buffer): void {
    if (this.#smallBytes + bytes.length > frameBytesTarget || this.#small.count === frameChunksMax) this.#sealSmall();
    this.#smallBuffer ??= this.#takeBuffer(frameBytesTarget);
    bytes.copy(this.#smallBuffer, this.#smallBytes);
    this.#smallBytes += bytes.length;
    this.#small.add(digest, bytes.length);
  }

  #sealSmall(): void {
    const buffer = this.#smallBuffer;
    if (!buffer) return;
    this.#seal(buffer, this.#smallBytes, this.#small.take());
    this.#smallBuffer = undefined;
    this.#smallBytes = 0;
  }

  #addLarge(digest: Buffer, bytes: Buffer): void {
    const chunks = new FrameChunks();
    chunks.add(digest, bytes.length);
    // Written from where it lies: nothing of it is waited for.
    if (isNoise(bytes)) {
      this.#write(plainFrame(bytes, chunks.take()));
      return;
    }
    const buffer = this.#takeBuffer(chunkSizes.maxBytes);
    bytes.copy(buffer);
    this.#seal(buffer, bytes.length, chunks.take());
  }

  #takeBuffer(bytes: number): Buffer {
    return this.#buffers.get(bytes)?.pop() ?? Buffer.allocUnsafeSlow(bytes);
  }

  #seal(buffer: Buffer, length: number, chunks: Buffer): void {
    this.#sealing = sealFrame(buffer.subarray(0, length), chunks, this.#compressor)
      .then(frame => this.#write(frame))
      .catch(error => {
        this.#failed ??= { error };
      })
      .finally(() => {
        this.#buffers.get(buffer.length)?.push(buffer);
        this.#sealing = undefined;
      });
  }

  async #written(): Promise<void> {
    await this.#sealing;
    this.#sealSmall();
    await this.#sealing;
    if (this.#failed) throw this.#failed.error;
  }

  #write(frame: SealedFrame): void {
    if (this.#failed) return;
    try {
      this.#draft ??= new PackDraft(this.#repository, this.#run);
      this.#options.onStored(this.#draft.write(frame));
    } catch (error) {
      // The repository's error, not that of the file that is being read: everything ends with it.
      this.#failed = { error };
      throw error;
    }
    if (this.#draft.bytes >= (this.#options.isShared() ? sharedPackBytes : this.#packBytes)) this.#end();
  }

  #end(): void {
    const ending = (this.#draft as PackDraft)
      .end()
      .catch(error => {
        this.#failed ??= { error };
      })
      .finally(() => this.#ending.delete(ending));
    this.#draft = undefined;
    this.#packBytes = Math.min(packBytesTarget, 2 * this.#packBytes);
    this.#ending.add(ending);
  }
}
