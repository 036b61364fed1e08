/**
 * Checks the trees of backups against the chunks that a repository has: first which packs they need, then, where anything
 * is wrong with one of those, which of their files cannot be restored. That is judged by reading each chunk in question
 * the way a restore reads it.
 */
import { setImmediate } from 'node:timers/promises';
import type { ChunkIndex } from './chunk-index.ts';
import type { ChunkReader } from './chunk-reader.ts';
import { addFile, type CheckedBackup } from './damage-report.ts';
import type { Entry, Piece } from './manifest.ts';
import { readManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';

/** Lines between two turns of the event loop. */
const linesATurn = 512;
/** Chunks that are remembered as judged, so as to read one once; beyond it some are read again. */
const judgedMax = 200_000;
/** Missing chunks that are remembered, to find the packs that had them. */
const missingMax = 10_000;

/** The packs that a tree needs. `missing` is told of chunks that no pack has. Rejects with `data-corrupt`. */
export async function neededPacks(
  repository: Repository,
  manifest: string,
  index: ChunkIndex,
  needed: Set<string>,
  signal: AbortSignal,
): Promise<{ missing: boolean }> {
  let missing = false;
  await eachLine(repository, manifest, signal, line => {
    if (line.type !== 'file' && line.type !== 'data') return;
    for (const [length, sha256] of line.content) {
      const place = sha256 === undefined ? undefined : index.find(sha256);
      if (place) needed.add(place.pack);
      if (sha256 !== undefined && place?.length !== length) missing = true;
    }
  });
  return { missing };
}

export class TreeCheck {
  /** Chunks that no pack has, the first of them. */
  readonly missing = new Set<string>();
  readonly #repository: Repository;
  readonly #index: ChunkIndex;
  readonly #chunks: ChunkReader;
  /** Packs of which anything is wrong. */
  readonly #suspects: ReadonlySet<string>;
  readonly #judged = new Map<string, boolean>();

  constructor(repository: Repository, index: ChunkIndex, chunks: ChunkReader, suspects: ReadonlySet<string>) {
    this.#repository = repository;
    this.#index = index;
    this.#chunks = chunks;
    this.#suspects = suspects;
  }

  /** Adds the files of a tree that cannot be restored whole to what is known of its backup. */
  async check(manifest: string, backup: CheckedBackup, signal: AbortSignal): Promise<void> {
    /** Hard links whose content is damaged. */
    const groups = new Set<number>();
    let file: Extract<Entry, { type: 'file' }> | undefined;
    await eachLine(this.#repository, manifest, signal, line => {
      if (line.type === 'link' && groups.has(line.group)) addFile(backup, line.path);
      if ('path' in line) file = line.type === 'file' ? line : undefined;
      if ((line.type !== 'file' && line.type !== 'data') || !file || this.#isSound(line.content)) return;
      addFile(backup, file.path);
      if (file.group !== undefined) groups.add(file.group);
      file = undefined; // counted once
    });
  }

  #isSound(content: readonly Piece[]): boolean {
    let sound = true;
    for (const [length, sha256] of content)
      if (sha256 !== undefined && !this.#isChunkSound(length, sha256)) sound = false;
    return sound;
  }

  #isChunkSound(length: number, sha256: string): boolean {
    const place = this.#index.find(sha256);
    if (!place && this.missing.size < missingMax) this.missing.add(sha256);
    if (place?.length !== length) return false;
    if (!this.#suspects.has(place.pack)) return true;
    const judged = this.#judged.get(sha256);
    if (judged !== undefined) return judged;
    const sound = this.#chunks.read(sha256).damage === undefined;
    if (this.#judged.size >= judgedMax) this.#judged.clear();
    this.#judged.set(sha256, sound);
    return sound;
  }
}

async function eachLine(
  repository: Repository,
  manifest: string,
  signal: AbortSignal,
  take: (line: Entry | { type: 'data'; content: Piece[] }) => void,
): Promise<void> {
  let lines = 0;
  for await (const line of readManifest(repository, manifest, signal)) {
    take(line);
    lines += 1;
    if (lines % linesATurn === 0) await setImmediate();
    signal.throwIfAborted();
  }
}
