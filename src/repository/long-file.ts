/**
 * A long file of a restore: made first, written in parts by whichever threads are free, and given its attributes once all
 * of them are written. So it takes as many threads as there are, and nobody holds all of its pieces.
 *
 * Where a restore is repeated, a file that looks whole stays, and each part of it is read and put right. That writes into
 * what stands there, so only into a file that has no other name, which might lie outside.
 */
import { chmodSync, closeSync, lstatSync } from 'node:fs';
import { type BytePath, under } from './byte-path.ts';
import { looksWhole, makeFile } from './made-file.ts';
import type { Piece } from './manifest.ts';
import type { FileHead, RestoreJob } from './restore-messages.ts';
import { refuseZeros, zerosIn } from './zeros-room.ts';

/** A part is ended by the piece that takes it over this. */
const partBytes = 16 * 1024 * 1024;

export class LongFile {
  readonly #root: BytePath;
  readonly #file: FileHead;
  readonly #run: (job: RestoreJob) => Promise<void>;
  readonly #isKept: boolean;
  readonly #writing = new Set<Promise<void>>();
  #at = 0;
  #zeros = 0;

  /** `run` has a thread do a job. Throws the system's error where the file cannot be made. */
  constructor(target: { root: BytePath; repeated: boolean }, file: FileHead, run: (job: RestoreJob) => Promise<void>) {
    this.#root = target.root;
    this.#file = file;
    this.#run = run;
    const path = under(target.root, file.path);
    this.#isKept = target.repeated && isKept(path, file);
    // It may have a mode that keeps its own owner out.
    if (this.#isKept) chmodSync(path, 0o600);
    else closeSync(makeFile(path, target.repeated));
  }

  /** Takes the next pieces. */
  add(content: readonly Piece[]): void {
    const { size, sparse } = this.#file.entry;
    if (!sparse && !this.#isKept) {
      this.#zeros += zerosIn(content);
      refuseZeros(this.#root, this.#file.path, this.#zeros, size - this.#at);
    }
    let part: Piece[] = [];
    let bytes = 0;
    for (const piece of content) {
      part.push(piece);
      bytes += piece[0];
      if (bytes < partBytes) continue;
      this.#write(part, bytes);
      [part, bytes] = [[], 0];
    }
    if (part.length > 0) this.#write(part, bytes);
  }

  /** Resolves once the file is whole. */
  async end(): Promise<void> {
    await Promise.all(this.#writing);
    await this.#run({ end: this.#file });
  }

  #write(content: Piece[], bytes: number): void {
    const part = { ...this.#file, content, at: this.#at, isKept: this.#isKept };
    const writing = this.#run({ part }).then(() => void this.#writing.delete(writing));
    this.#writing.add(writing);
    this.#at += bytes;
  }
}

function isKept(path: Buffer, { entry }: FileHead): boolean {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat !== undefined && stat.nlink === 1n && looksWhole(stat, entry);
}
