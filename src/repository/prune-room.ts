/**
 * Room for a name on a disk that has not a block left: a directory that is full needs one for it. The index is there to save
 * time, and is made anew from the packs; so its smallest file goes where there is no other way.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from './repository.ts';
import { isFull } from './repository-failure.ts';

export class PruneRoom {
  /** Some of the index is gone, or was not made for want of room. */
  isIndexShort = false;
  readonly #directory: string;

  constructor(repository: Repository) {
    this.#directory = join(repository.path, 'index');
  }

  /** Does it, again and again where there is no room and some can be made. */
  async for(attempt: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!isFull(error) || !(await this.make())) throw error;
      }
    }
  }

  /** False where there is nothing to take it from. */
  async make(): Promise<boolean> {
    const [smallest] = (await this.#files()).sort((one, other) => one.bytes - other.bytes);
    if (!smallest) return false;
    this.isIndexShort = true;
    await rm(smallest.path, { force: true });
    return true;
  }

  async #files(): Promise<{ path: string; bytes: number }[]> {
    const files: { path: string; bytes: number }[] = [];
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      const found = await stat(path).catch(() => undefined);
      if (/^[0-9a-f]{64}$/.test(name) && found?.isFile()) files.push({ path, bytes: found.size });
    }
    return files;
  }
}
