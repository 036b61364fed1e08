/**
 * A pack while it is written: under a name in the run's directory that no other process uses. It gets its own name only
 * once its bytes are synced, so what has a name is whole.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fdatasync, fsync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { failpoint } from '../core/failpoint.ts';
import { ensureDirectory, fileMode, syncDirectory } from './durable-file.ts';
import { encodeHead, type SealedFrame } from './frame.ts';
import { encodePackHead, encodePackTail, type PlacedFrame } from './pack.ts';
import { notePack, type PackNote } from './pack-notes.ts';
import { packPath, type Repository, runDirectory } from './repository.ts';

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

/** Drafts in a run's directory are named by this and their id. */
export const draftPrefix = 'pack-';

export const draftPath = (repository: Repository, run: string, id: string): string =>
  join(runDirectory(repository, run), `${draftPrefix}${id}`);

export class PackDraft {
  readonly id = randomBytes(16).toString('hex');
  bytes: number;
  readonly #repository: Repository;
  readonly #run: string;
  readonly #path: string;
  readonly #file: number;
  #isOpen = true;
  readonly #frames: PlacedFrame[] = [];

  /** The run's directory must be there. */
  constructor(repository: Repository, run: string) {
    this.#repository = repository;
    this.#run = run;
    this.#path = draftPath(repository, run, this.id);
    this.#file = openSync(this.#path, 'wx', fileMode);
    const head = encodePackHead(this.id);
    writeAll(this.#file, head, 0);
    this.bytes = head.length;
  }

  /** Appends a frame; answers how many bytes that took. */
  write(frame: SealedFrame): number {
    failpoint('frame.before-write');
    const bytes = this.append(frame, () => failpoint('frame.half-written'));
    failpoint('frame.after-write');
    return bytes;
  }

  /** The same for a frame that was written before. */
  append({ head, body }: SealedFrame, onHeadWritten: () => void = () => undefined): number {
    const first = encodeHead(head);
    writeAll(this.#file, first, this.bytes);
    onHeadWritten();
    let bytes = first.length;
    for (const part of body) {
      writeAll(this.#file, part, this.bytes + bytes);
      bytes += part.length;
    }
    this.#frames.push({ at: this.bytes, head });
    this.bytes += bytes;
    return bytes;
  }

  /** Makes what was written durable; the draft stays one. */
  async keep(): Promise<void> {
    await syncData(this.#file);
    await syncDirectory(dirname(this.#path));
  }

  /** Ends the pack and gives it its name, durably. */
  async end(): Promise<void> {
    const tail = encodePackTail(this.id, this.#frames);
    try {
      writeAll(this.#file, tail, this.bytes);
      this.#note('whole');
      await syncAll(this.#file);
    } finally {
      this.abandon();
    }
    const path = packPath(this.#repository, this.id);
    if (await ensureDirectory(dirname(path))) await syncDirectory(dirname(dirname(path)));
    failpoint('pack.before-rename');
    renameSync(this.#path, path);
    failpoint('pack.after-rename');
    await syncDirectory(dirname(path));
    this.#note('named');
  }

  #note(is: PackNote['is']): void {
    notePack(this.#repository, { run: this.#run, id: this.id, is });
  }

  /** Closes a draft that is not ended; it stays where it is. May be called twice. */
  abandon(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }

  /** Closes and removes it. */
  discard(): void {
    this.abandon();
    rmSync(this.#path, { force: true });
  }
}

/** A write may come to less than was asked for; a full disk is an error only when it comes to nothing. */
function writeAll(file: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
}
