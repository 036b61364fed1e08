/**
 * The list of what a backup left out: counted, its start kept, and the whole of it written to a file as it goes, so that
 * a hundred thousand unreadable files take no memory. The file is made with the first of them.
 */

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { SkippedFile } from '../../domain/run.ts';
import { type BytePath, printablePath } from '../../repository/byte-path.ts';
import { fileMode } from '../../repository/durable-file.ts';

const firstMax = 20;
/** Escaped paths can be four times as long as their bytes; twenty of them must fit a record of 32 kB with the rest. */
const firstPathMax = 500;

export class SkippedList {
  readonly counts = { vanished: 0, changed: 0, unreadable: 0 };
  readonly first: SkippedFile[] = [];
  readonly #path: string;
  #file: WriteStream | undefined;
  #failed: Error | undefined;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  get count(): number {
    return this.counts.vanished + this.counts.changed + this.counts.unreadable;
  }

  async add(path: BytePath, why: SkippedFile['why'], code: string): Promise<void> {
    this.counts[why] += 1;
    // The source itself has no name of its own.
    const skipped = { path: printablePath(path) || '.', why, code };
    if (this.first.length < firstMax) this.first.push({ ...skipped, path: shortened(skipped.path) });
    this.#file ??= this.#open();
    if (!this.#file.write(`${JSON.stringify(skipped)}\n`) && !this.#failed) await once(this.#file, 'drain');
    if (this.#failed) throw this.#failed;
  }

  /** Ends the list and syncs it; its path, or null where nothing was left out. */
  async close(): Promise<string | null> {
    if (!this.#file) return null;
    this.#file.end();
    await finished(this.#file);
    const written = await open(this.#path, 'r');
    try {
      await written.sync();
    } finally {
      await written.close();
    }
    this.#closed = true;
    return this.#path;
  }

  /** Gives the list up; after `close` the file is no longer its own, and stays. */
  async abandon(): Promise<void> {
    if (!this.#file || this.#closed) return;
    this.#file.destroy();
    await rm(this.#path, { force: true });
  }

  #open(): WriteStream {
    const file = createWriteStream(this.#path, { flags: 'wx', mode: fileMode });
    file.on('error', error => {
      this.#failed = error;
    });
    return file;
  }
}

function shortened(path: string): string {
  return path.length <= firstPathMax ? path : `${path.slice(0, firstPathMax)}…`;
}
