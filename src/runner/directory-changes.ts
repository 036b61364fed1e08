/**
 * Tells that something in a directory may have changed: by fs.watch, and by a look at the clock for where that tells
 * nothing (a file system without it, or no watch left). One timer serves all directories, and holds the process open
 * while there is any.
 */
import { type FSWatcher, watch } from 'node:fs';

const lookEveryMs = 1_000;
/** Who writes often is heard this often. */
const gapMs = 15;

const followed = new Set<DirectoryChanges>();
let timer: NodeJS.Timeout | undefined;

export class DirectoryChanges {
  #watcher: FSWatcher | undefined;
  #hasChanged = true;
  #isUrgent = false;
  #wake: () => void = () => {};

  constructor(path: string) {
    try {
      this.#watcher = watch(path, () => this.#notice());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined; // the timer is enough
    }
    followed.add(this);
    timer ??= setInterval(lookAtAll, lookEveryMs);
  }

  /** What is waited for has happened for certain. */
  poke(): void {
    this.#isUrgent = true;
    this.#notice();
  }

  /** Resolves after the next change, or after `withinMs`; not twice within a short time, unless poked. */
  async next(withinMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.#isUrgent) await this.#waited(Math.min(gapMs, withinMs), () => this.#isUrgent);
    if (!this.#hasChanged && withinMs > gapMs) await this.#waited(withinMs - gapMs, () => this.#hasChanged);
    this.#hasChanged = false;
    this.#isUrgent = false;
  }

  /** Must be called once nobody waits any more. */
  close(): void {
    this.#watcher?.close();
    followed.delete(this);
    if (followed.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  #notice(): void {
    this.#hasChanged = true;
    this.#wake();
  }

  async #waited(ms: number, isOver: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const alarm = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined;
    this.#wake = () => {
      if (isOver()) resolve();
    };
    await promise;
    clearTimeout(alarm);
    this.#wake = () => {};
  }

  static lookAt(changes: Iterable<DirectoryChanges>): void {
    for (const each of changes) each.#notice();
  }
}

function lookAtAll(): void {
  DirectoryChanges.lookAt(followed);
}
