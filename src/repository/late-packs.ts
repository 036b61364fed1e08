/**
 * Packs that came after a chunk index was made, for one thread. A prune that runs beside a reader takes a pack away only
 * where what is needed of it stands in another, and that one may be younger than the reader's index: so whoever finds a
 * pack gone looks for its chunks in these.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkIndex, ChunkPlace } from './chunk-index.ts';
import { chunksOf, headBytes } from './frame.ts';
import { readTail } from './pack-list.ts';
import { packNamed } from './pack-names.ts';
import type { Repository } from './repository.ts';

export class LatePacks {
  readonly #repository: Repository;
  readonly #index: ChunkIndex;
  readonly #places = new Map<string, ChunkPlace>();
  /** Packs of the index, and those that were looked into. */
  #known: Set<string> | undefined;
  /** Whatever held a chunk of these has its name since before the last look. */
  readonly #gone = new Set<string>();

  constructor(repository: Repository, index: ChunkIndex) {
    this.#repository = repository;
    this.#index = index;
  }

  /** A place of a chunk that stood in packs that were found gone; they are looked for once for each of those. */
  find(sha256: string, gone: readonly string[]): ChunkPlace | undefined {
    const isNew = gone.some(id => !this.#gone.has(id));
    for (const id of gone) this.#gone.add(id);
    if (isNew) this.#look();
    const place = this.#places.get(sha256);
    return place && this.#gone.has(place.pack) ? undefined : place;
  }

  #look(): void {
    this.#known ??= this.#index.packs();
    const top = join(this.#repository.path, 'packs');
    for (const directory of readdirSync(top))
      for (const name of namesIn(join(top, directory))) {
        const id = packNamed(name)?.id;
        if (id === undefined || this.#known.has(id)) continue;
        this.#known.add(id);
        this.#take(id);
      }
  }

  #take(pack: string): void {
    const frames = readTail(this.#repository, pack);
    if (typeof frames === 'string') return;
    for (const { at, head } of frames)
      for (const { sha256, offset, length } of chunksOf(head)) {
        const { storedBytes } = head;
        this.#places.set(sha256.toString('hex'), { pack, at, headBytes: headBytes(head), storedBytes, offset, length });
      }
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
