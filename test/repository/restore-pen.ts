/**
 * A place to restore hostile manifests in: a repository, a directory for the restore, and canaries around it that nothing
 * may touch. After each restore it is held that they, and the repository, are as they were.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FailureError } from '../../src/core/failure.ts';
import { readManifest } from '../../src/repository/manifest-reader.ts';
import { manifestPath, openOrCreateRepository, type Repository } from '../../src/repository/repository.ts';
import { restoreBackup } from '../../src/repository/restore.ts';

/** Bytes that a restore may take; those that are meant to succeed take a few kilobytes. */
const roomMax = 1_000_000_000;

export interface Trial {
  include?: readonly string[];
  /** Restores into the same directory, each after the one before; 1 unless given. */
  times?: number;
  /** Restores only what cannot be read to its end: writing files takes threads, which take their time to begin. */
  isReadOnly?: boolean;
}

export class RestorePen {
  /** An absolute path that no restore may touch. */
  readonly canary: string;
  readonly #top: string;
  readonly #place: string;
  readonly #repository: Repository;
  readonly #untouched: string;

  static async make(): Promise<RestorePen> {
    const top = mkdtempSync(join(tmpdir(), 'reeve-pen-'));
    mkdirSync(join(top, 'above', 'place'), { recursive: true });
    return new RestorePen(top, await openOrCreateRepository(join(top, 'above', 'place', 'repository')));
  }

  private constructor(top: string, repository: Repository) {
    this.#top = top;
    this.#place = join(top, 'above', 'place');
    this.#repository = repository;
    this.canary = join(this.#place, 'canary');
    mkdirSync(join(this.canary, 'inside'), { recursive: true });
    for (const name of ['precious', 'evil', 'inside/precious']) writeFileSync(join(this.canary, name), 'untouched');
    symlinkSync('precious', join(this.canary, 'link'));
    this.#untouched = this.#surroundings();
  }

  /**
   * Reads a manifest, given as its file, and restores it. Answers `restored`, the code of the last failure, or `read` where
   * it was not to be restored. Rejects where anything outside was touched, and with whatever was no failure.
   */
  async restore(bytes: Uint8Array, { include = [], times = 1, isReadOnly = false }: Trial = {}): Promise<string> {
    const manifest = createHash('sha256').update(bytes).digest('hex');
    const file = manifestPath(this.#repository, manifest);
    const target = join(this.#place, 'out');
    const stopping = new AbortController();
    const { signal } = stopping;
    const watching = this.#watchRoom(stopping);
    await writeFile(file, bytes);
    try {
      const read = await outcomeOf('read', () => this.#read(manifest, signal));
      if (read === 'read' && isReadOnly) return read;
      const options = { repository: this.#repository, manifest, to: target, include, signal };
      let outcome = read;
      for (let time = 0; time < times; time += 1) outcome = await outcomeOf('restored', () => restoreBackup(options));
      if (outcome === 'restored' && read !== 'read') throw new Error(`it was restored, and to read it is ${read}`);
      return outcome;
    } finally {
      clearInterval(watching);
      await unlink(file);
      removeTree(target);
      this.#checkSurroundings();
    }
  }

  remove(): void {
    removeTree(this.#top);
  }

  /** Stops a restore that fills the disk, which may well be memory. */
  #watchRoom(stopping: AbortController): NodeJS.Timeout {
    const free = () => {
      const { bavail, bsize } = statfsSync(this.#top);
      return bavail * bsize;
    };
    const least = free() - roomMax;
    return setInterval(() => free() < least && stopping.abort(new Error('it fills the disk')), 50);
  }

  async #read(manifest: string, signal: AbortSignal): Promise<void> {
    for await (const _ of readManifest(this.#repository, manifest, signal));
  }

  #checkSurroundings(): void {
    const now = this.#surroundings();
    if (now !== this.#untouched) throw new Error(`outside there was\n${this.#untouched}\nand now there is\n${now}`);
  }

  /** All that stands around the target, with the times that tell a change, a new name or one that is gone. */
  #surroundings(): string {
    const canaries = ['', '/precious', '/evil', '/link', '/inside', '/inside/precious'].map(name => {
      const { ino, mode, uid, nlink, size, mtimeNs, ctimeNs } = lstatSync(this.canary + name, { bigint: true });
      return `${name} ${ino} ${mode} ${uid} ${nlink} ${size} ${mtimeNs} ${ctimeNs}`;
    });
    const { path } = this.#repository;
    const stores = readdirSync(path).filter(name => !name.includes('.'));
    const directories = [
      this.#top,
      join(this.#top, 'above'),
      this.#place,
      path,
      ...stores.map(name => join(path, name)),
    ];
    const names = directories.map(directory => {
      const { mode, uid } = lstatSync(directory);
      return `${directory} ${mode} ${uid}: ${readdirSync(directory).sort().join(' ')}`;
    });
    return [...canaries, ...names, `/evil is there: ${existsSync('/evil')}`].join('\n');
  }
}

async function outcomeOf(done: string, attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
    return done;
  } catch (error) {
    if (error instanceof FailureError) return error.failure.code;
    throw error;
  }
}

/** Removes a tree whose directories may keep their own owner out. */
function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    openUp(Buffer.from(path));
    rmSync(path, { recursive: true, force: true });
  }
}

function openUp(path: Buffer): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path, { encoding: 'latin1' }))
    openUp(Buffer.concat([path, Buffer.from(`/${name}`, 'latin1')]));
}
