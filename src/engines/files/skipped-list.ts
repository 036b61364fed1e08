/**
 * The list of what a backup left out: counted, its start kept, and the whole of it written to a file as it goes, so that
 * a hundred thousand unreadable files take no memory. The file is made with the first of them.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { SkippedFile } from '../../domain/run.ts';
import { type BytePath, printablePath } from '../../repository/byte-path.ts';
import { fileMode } from '../../repository/durable-file.ts';

const firstMax = 20;
/** Escaped paths can be four times as long as their bytes; twenty of them must fit a record of 32 kB with the rest. */
const firstPathMax = 500;
/** So much is collected before it is written. */
const waitingMax = 64 * 1024;

export class SkippedList {
  readonly counts = { vanished: 0, changed: 0, unreadable: 0 };
  readonly first: SkippedFile[] = [];
  readonly #path: string;
  readonly #hash = createHash('sha256');
  #file: number | undefined;
  #waiting = '';

  constructor(path: string) {
    this.#path = path;
  }

  get count(): number {
    return this.counts.vanished + this.counts.changed + this.counts.unreadable;
  }

  /** Throws the system's error where the list cannot be written. */
  add(path: BytePath, why: SkippedFile['why'], code: string): void {
    this.counts[why] += 1;
    // The source itself has no name of its own.
    const skipped = { path: printablePath(path) || '.', why, code };
    if (this.first.length < firstMax) this.first.push({ ...skipped, path: shortened(skipped.path) });
    this.#waiting += `${JSON.stringify(skipped)}\n`;
    if (this.#waiting.length > waitingMax) this.#write();
  }

  /** Ends the list and syncs it; where it is and its hash, or null where nothing was left out. */
  close(): { path: string; sha256: string } | null {
    if (this.count === 0) return null;
    const file = this.#write();
    fsyncSync(file);
    closeSync(file);
    this.#file = undefined;
    return { path: this.#path, sha256: this.#hash.digest('hex') };
  }

  /** Gives the list up; after `close` the file is no longer its own, and stays. */
  abandon(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    rmSync(this.#path, { force: true });
  }

  #write(): number {
    this.#file ??= openSync(this.#path, 'wx', fileMode);
    this.#hash.update(this.#waiting);
    writeFileSync(this.#file, this.#waiting);
    this.#waiting = '';
    return this.#file;
  }
}

function shortened(path: string): string {
  return path.length <= firstPathMax ? path : `${path.slice(0, firstPathMax)}…`;
}
