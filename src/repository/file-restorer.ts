/** Writes files back, for one thread: whole ones, and parts of long ones (long-file.ts). */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { type BytePath, under } from './byte-path.ts';
import { endFile, looksWhole, makeFile } from './made-file.ts';
import type { PieceWriter } from './piece-writer.ts';
import type { FileHead, FileToRestore, PartToRestore } from './restore-messages.ts';
import { refuseZeros, zerosIn } from './zeros-room.ts';

export interface FileRestorerOptions {
  /** The real directory of the restore. */
  root: BytePath;
  /** An earlier try may have left files. */
  repeated: boolean;
}

export class FileRestorer {
  readonly #options: FileRestorerOptions;
  readonly #pieces: PieceWriter;

  constructor(options: FileRestorerOptions, pieces: PieceWriter) {
    this.#options = options;
    this.#pieces = pieces;
  }

  /** Where a restore is repeated, a file that looks whole is read, and stays if its content is right. Throws as PieceWriter does. */
  restore(file: FileToRestore): void {
    const { root, repeated } = this.#options;
    const path = under(root, file.path);
    if (repeated && this.#isThere(path, file)) return;
    const zeros = file.entry.sparse ? 0 : zerosIn(file.content);
    refuseZeros(root, file.path, zeros, file.entry.size);
    withFile(makeFile(path, repeated), handle => {
      this.#pieces.write(handle, file);
      endFile(handle, path, file.entry);
    });
  }

  writePart(part: PartToRestore): void {
    withFile(this.#open(part), handle => {
      if (part.isKept) this.#pieces.writeMissing(handle, part, part.at);
      else this.#pieces.write(handle, part, part.at);
    });
  }

  end(file: FileHead): void {
    withFile(this.#open(file), handle => endFile(handle, under(this.#options.root, file.path), file.entry));
  }

  #open({ path }: FileHead): number {
    return openSync(under(this.#options.root, path), constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  #isThere(path: Buffer, { entry, content }: FileToRestore): boolean {
    let file: number;
    try {
      file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return false;
    }
    return withFile(
      file,
      handle => looksWhole(fstatSync(handle, { bigint: true }), entry) && this.#pieces.isThere(handle, content),
    );
  }
}

function withFile<T>(handle: number, use: (handle: number) => T): T {
  try {
    return use(handle);
  } finally {
    closeSync(handle);
  }
}
