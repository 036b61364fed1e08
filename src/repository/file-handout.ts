/**
 * Hands the files of a restore to the threads that write them: small ones in batches, long ones in parts; and does what
 * must wait for them, in the order in which it was asked for. What waits, and what is with the threads, is bounded as long
 * as its user waits for `room`.
 */
import type { BytePath } from './byte-path.ts';
import { LongFile } from './long-file.ts';
import type { Entry, Piece } from './manifest.ts';
import type { FileToRestore, RestoreJob } from './restore-messages.ts';
import type { ThreadPool } from './thread-pool.ts';

/** Files are handed to threads in batches of this many, or of this many bytes. */
const batchFiles = 256;
const batchBytes = 4 * 1024 * 1024;
/** A file of more bytes is written in parts, and so is one that has further lines of pieces. */
const wholeBytesMax = 64 * 1024 * 1024;
/** Jobs that may wait for a thread, and what may wait for files, before the manifest is read on. */
const waitingMax = 8;
const laterMax = 4_096;

export class FileHandout {
  readonly #target: { root: BytePath; repeated: boolean };
  readonly #threads: ThreadPool<RestoreJob, void>;
  readonly #orFailed: (what: Promise<unknown>) => Promise<void>;
  readonly #writing = new Set<Promise<void>>();
  /** Batches and long files that are not written yet, by the numbers that they got in turn. */
  readonly #open = new Set<number>();
  /** The number that was given last. */
  #last = 0;
  #batch: { number: number; files: FileToRestore[]; bytes: number } | undefined;
  /** The file that may have further pieces. */
  #file: FileToRestore | undefined;
  #long: LongFile | undefined;
  #later: { after: number; act: () => void }[] = [];

  /** `orFailed` waits for a promise, and rejects where the threads fail or whoever waits gives up. */
  constructor(
    target: { root: BytePath; repeated: boolean },
    threads: ThreadPool<RestoreJob, void>,
    orFailed: (what: Promise<unknown>) => Promise<void>,
  ) {
    this.#target = target;
    this.#threads = threads;
    this.#orFailed = orFailed;
  }

  /** A file, with the pieces of its own line. Throws the system's error where a long one cannot be made. */
  begin(path: BytePath, entry: Extract<Entry, { type: 'file' }>): void {
    this.endFile();
    const { size, sparse, mode, uid, gid, mtimeUs, content } = entry;
    this.#file = { path, entry: { size, ...(sparse && { sparse }), mode, uid, gid, mtimeUs }, content };
    if (size > wholeBytesMax) this.#beginLong(this.#file);
  }

  /** Further pieces of the file that was begun last. */
  add(content: Piece[]): void {
    if (this.#file && !this.#long) this.#beginLong(this.#file);
    this.#long?.add(content);
  }

  /** The file that was begun last has all of its pieces. */
  endFile(): void {
    const [file, long] = [this.#file, this.#long];
    this.#file = this.#long = undefined;
    if (long) this.#close(this.#last, long.end());
    else if (file) this.#addToBatch(file);
  }

  /** Does something once all files that were handed out before are written: at a call of `room`, or of `finish`. */
  later(act: () => void): void {
    this.#later.push({ after: this.#last, act });
  }

  get isFull(): boolean {
    return this.#threads.waiting > waitingMax || this.#later.length > laterMax;
  }

  /** Resolves once it is not full, with what waited for files that are written by now done. */
  async room(): Promise<void> {
    this.#settle();
    while (this.isFull) {
      if (this.#later.length > laterMax) this.#flush();
      await this.#orFailed(Promise.race(this.#writing));
      this.#settle();
    }
  }

  /** Resolves once all files are written, and all that waited for them is done. */
  async finish(): Promise<void> {
    this.endFile();
    this.#flush();
    while (this.#writing.size > 0) await this.#orFailed(Promise.all(this.#writing));
    this.#settle();
  }

  #settle(): void {
    const [oldest = Number.POSITIVE_INFINITY] = this.#open;
    let done = 0;
    for (const { after, act } of this.#later) {
      if (after >= oldest) break;
      act();
      done += 1;
    }
    if (done > 0) this.#later = this.#later.slice(done);
  }

  #beginLong(file: FileToRestore): void {
    // Its number is after that of the batch that is open, as it is itself.
    this.#open.add(++this.#last);
    this.#long = new LongFile(this.#target, { path: file.path, entry: file.entry }, job =>
      this.#track(this.#threads.run(job)),
    );
    this.#long.add(file.content);
  }

  #addToBatch(file: FileToRestore): void {
    this.#batch ??= this.#beginBatch();
    this.#batch.files.push(file);
    this.#batch.bytes += file.entry.size;
    if (this.#batch.files.length >= batchFiles || this.#batch.bytes >= batchBytes) this.#flush();
  }

  #beginBatch() {
    this.#open.add(++this.#last);
    return { number: this.#last, files: [], bytes: 0 };
  }

  #flush(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch) this.#close(batch.number, this.#threads.run({ files: batch.files }));
  }

  #close(number: number, written: Promise<void>): void {
    void this.#track(written.then(() => void this.#open.delete(number)));
  }

  #track(written: Promise<void>): Promise<void> {
    const writing = written.then(() => void this.#writing.delete(writing));
    this.#writing.add(writing);
    return writing;
  }
}
