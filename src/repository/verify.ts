/**
 * Verifies a backup: the manifest against its name, and every chunk that it needs, read once and held against its hash.
 * It goes on after damage, so that one reading says all that is lost, and marks the packs that have it, so that the next
 * backup does not count on them.
 */
import { type BytePath, printablePath } from './byte-path.ts';
import { type ChunkIndex, openChunkIndex } from './chunk-index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { markDamaged } from './damaged-packs.ts';
import type { Piece } from './manifest.ts';
import { checkManifest, readManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';

export interface VerifyOptions {
  repository: Repository;
  /** sha256 of the manifest. */
  manifest: string;
  signal: AbortSignal;
  /** Told after each piece and each entry. */
  onProgress?: (done: { bytes: number; files: number }) => void;
}

export interface DamagedChunk {
  chunk: string;
  damage: 'missing' | 'damaged';
  why: string;
  /** Files that need it: how many, and the first of them by path. */
  filesCount: number;
  filesFirst: string[];
}

export interface VerifyResult {
  bytes: number;
  files: number;
  /** How many chunks are damaged, and the first of them. */
  damaged: { count: number; filesCount: number; first: DamagedChunk[] };
}

const firstMax = 20;
/** Pieces after which others have their turn, a signal that ends it among them. */
const piecesATurn = 32;
/** Hashes that are remembered as sound, so as to read a chunk once; beyond it some are read again. */
const soundMax = 1_000_000;

/** Rejects with `data-corrupt` where the manifest itself is damaged; damaged chunks are a result. */
export async function verifyBackup(options: VerifyOptions): Promise<VerifyResult> {
  const { repository, manifest, signal } = options;
  await checkManifest(repository, manifest, signal);
  const index = await openChunkIndex(repository);
  const chunks = new ChunkReader(repository, index);
  const verify = new Verify(options, index, chunks);
  try {
    for await (const line of readManifest(repository, manifest, signal)) {
      signal.throwIfAborted();
      if ('path' in line && line.type !== 'directory') verify.begin(line.path);
      if (line.type === 'file' || line.type === 'data') await verify.check(line.content);
    }
  } finally {
    chunks.close();
  }
  await markDamaged(repository, verify.packs);
  return { ...verify.done, damaged: verify.damaged };
}

class Verify {
  readonly done = { bytes: 0, files: 0 };
  readonly damaged: VerifyResult['damaged'] = { count: 0, filesCount: 0, first: [] };
  /** Those that have damage. */
  readonly packs = new Set<string>();
  readonly #options: VerifyOptions;
  readonly #index: ChunkIndex;
  readonly #chunks: ChunkReader;
  /** Hashes as bytes, at a quarter of the memory of their text with its overhead. */
  readonly #sound = new Set<string>();
  readonly #known = new Map<string, { damaged: DamagedChunk; lastPath: BytePath | null }>();
  #path: BytePath = '';
  #pathDamaged = false;
  #pieces = 0;

  constructor(options: VerifyOptions, index: ChunkIndex, chunks: ChunkReader) {
    this.#options = options;
    this.#index = index;
    this.#chunks = chunks;
  }

  begin(path: BytePath): void {
    this.#path = path;
    this.#pathDamaged = false;
    this.done.files += 1;
    this.#options.onProgress?.(this.done);
  }

  async check(content: readonly Piece[]): Promise<void> {
    for (const [length, sha256] of content) {
      this.#pieces += 1;
      if (this.#pieces % piecesATurn === 0) await new Promise(resolve => setImmediate(resolve));
      this.#options.signal.throwIfAborted();
      if (sha256 !== undefined) this.#chunk(length, sha256);
      this.done.bytes += length;
      this.#options.onProgress?.(this.done);
    }
  }

  #chunk(length: number, sha256: string): void {
    const key = Buffer.from(sha256, 'hex').toString('latin1');
    if (this.#sound.has(key)) return;
    const known = this.#known.get(sha256);
    if (known) {
      this.#touch(known);
      return;
    }
    const read = this.#chunks.read(sha256);
    if (read.damage !== undefined) this.#damage(sha256, read.damage, read.why);
    else if (read.bytes.length !== length)
      this.#damage(sha256, 'damaged', `it has ${read.bytes.length} bytes, the manifest says ${length}`);
    else {
      if (this.#sound.size >= soundMax) this.#sound.clear();
      this.#sound.add(key);
    }
  }

  #damage(chunk: string, damage: DamagedChunk['damage'], why: string): void {
    const damaged: DamagedChunk = { chunk, damage, why, filesCount: 0, filesFirst: [] };
    this.damaged.count += 1;
    for (let copy = 0, place = this.#index.find(chunk); place; place = this.#index.find(chunk, ++copy))
      this.packs.add(place.pack);
    if (this.damaged.first.length < firstMax) this.damaged.first.push(damaged);
    const known = { damaged, lastPath: null };
    this.#known.set(chunk, known);
    this.#touch(known);
  }

  #touch(known: { damaged: DamagedChunk; lastPath: BytePath | null }): void {
    if (!this.#pathDamaged) this.damaged.filesCount += 1;
    this.#pathDamaged = true;
    if (known.lastPath === this.#path) return;
    known.lastPath = this.#path;
    known.damaged.filesCount += 1;
    if (known.damaged.filesFirst.length < firstMax) known.damaged.filesFirst.push(printablePath(this.#path));
  }
}
