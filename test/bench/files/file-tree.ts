/** A tree of files on disk that the benchmark made, and an account of what lies in it. */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

/** What the contenders back up. */
export interface DataSet {
  /** Absolute path of its directory. */
  path: string;
  /** How much it is, for people. */
  summary: string;
  /** Changes 1 % of it, each round in other places. */
  change(round: number): Promise<void>;
}

/** Makes a data set in a directory that does not exist yet; `scale` multiplies its sizes and counts. */
export type MakeDataSet = (path: string, scale: number) => Promise<DataSet>;

export const kib = 2 ** 10;
export const mib = 2 ** 20;
export const gib = 2 ** 30;

export interface DataFile {
  path: string;
  bytes: number;
}

export class FileTree {
  readonly path: string;
  readonly files: DataFile[] = [];
  readonly #filesPerDirectory: number;
  readonly #counts = new Map<string, number>();

  constructor(path: string, filesPerDirectory: number) {
    this.path = path;
    this.#filesPerDirectory = filesPerDirectory;
    mkdirSync(path);
  }

  get bytes(): number {
    return this.files.reduce((sum, file) => sum + file.bytes, 0);
  }

  get summary(): string {
    return `${sizeOf(this.bytes)} in ${this.files.length.toLocaleString('en')} files`;
  }

  /** Adds a file to the newest directory of its kind, or to a new one where that is full. */
  async add(kind: string, content: Buffer): Promise<void> {
    const number = this.#counts.get(kind) ?? 0;
    this.#counts.set(kind, number + 1);
    const directory = join(this.path, kind, `${Math.floor(number / this.#filesPerDirectory)}`);
    if (number % this.#filesPerDirectory === 0) {
      mkdirSync(directory, { recursive: true });
      await setImmediate(); // a Ctrl-C is heard between directories
    }
    const path = join(directory, `file-${number}`);
    writeFileSync(path, content);
    this.files.push({ path, bytes: content.length });
  }
}

/** `1.0 GiB`, `52 MiB`. */
export function sizeOf(bytes: number): string {
  return bytes > 0.99 * gib ? `${(bytes / gib).toFixed(1)} GiB` : `${Math.round(bytes / mib)} MiB`;
}

/** Overwrites bytes of a file in place. */
export function overwrite(path: string, offset: number, content: Buffer): void {
  const file = openSync(path, 'r+');
  try {
    writeSync(file, content, 0, content.length, offset);
  } finally {
    closeSync(file);
  }
}
