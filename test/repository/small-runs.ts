/**
 * Backups of numbered chunks, in steps that a test can put between the steps of others: the engine's own parts, without a
 * source. Each store of chunks is a pack.
 */
import { hash } from 'node:crypto';
import { type Stock, takeStock } from '../../src/engines/files/stock.ts';
import { listBackups } from '../../src/repository/backup-list.ts';
import { openChunkIndex } from '../../src/repository/chunk-index.ts';
import { ChunkReader } from '../../src/repository/chunk-reader.ts';
import { settleSlot } from '../../src/repository/commit-slot.ts';
import type { ManifestLine } from '../../src/repository/manifest.ts';
import { readManifest } from '../../src/repository/manifest-reader.ts';
import { indexPacks } from '../../src/repository/pack-list.ts';
import { PackWriter } from '../../src/repository/pack-writer.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { discardRun } from '../../src/repository/run-files.ts';
import { backupJob } from '../engines/files/engine-process.ts';
import { noise } from '../engines/files/trees.ts';
import { stageManifest } from './staged-manifest.ts';

const { signal } = new AbortController();
const attributes = { mode: 0o644, uid: 0, gid: 0, mtimeUs: 0 };

export const chunkOf = (number: number): Buffer => noise(3_000 + number, `chunk ${number}`);
export const chunkHash = (number: number): string => hash('sha256', chunkOf(number), 'hex');

export class SmallRun {
  readonly id: string;
  /** What its manifest is to name. */
  readonly chunks = new Set<number>();
  readonly #repository: Repository;
  readonly #stock: Stock;

  private constructor(repository: Repository, id: string, stock: Stock) {
    this.#repository = repository;
    this.id = id;
    this.#stock = stock;
  }

  /** Registers it, and counts what is there; a further attempt of a run begins anew. */
  static async begin(repository: Repository, id: string): Promise<SmallRun> {
    const job = { ...backupJob(id, '/nowhere', repository.path), rescan: true };
    const stock = await takeStock(job, repository, signal);
    stock.others.close();
    return new SmallRun(repository, id, stock);
  }

  /** Stores what it did not find there of these chunks; how many those were. */
  async store(chunks: Iterable<number>): Promise<number> {
    const options = { onStored: () => undefined, isShared: () => false };
    const writer = new PackWriter(this.#repository, this.id, this.#stock.known, options);
    let stored = 0;
    for (const number of chunks) {
      this.chunks.add(number);
      if ((await writer.add(chunkOf(number))).isNew) stored += 1;
    }
    await writer.finish();
    await writer.close();
    return stored;
  }

  async stage(): Promise<string> {
    await indexPacks(this.#repository, this.id);
    return stageManifest(this.#repository, this.id, this.#lines());
  }

  async commit(): Promise<void> {
    const manifest = await this.stage();
    const at = new Date().toISOString();
    await settleSlot(this.#repository, { slot: 'manifest', run: this.id, manifest, outcome: 'completed', at }, signal);
    await discardRun(this.#repository, this.id);
  }

  async void(): Promise<void> {
    await settleSlot(this.#repository, { slot: 'void', run: this.id, epoch: 1, at: new Date().toISOString() }, signal);
    await discardRun(this.#repository, this.id);
  }

  *#lines(): Generator<ManifestLine> {
    yield { type: 'directory', path: '', ...attributes };
    for (const number of [...this.chunks].sort((one, other) => (name(one) < name(other) ? -1 : 1))) {
      const size = chunkOf(number).length;
      yield { type: 'file', path: name(number), size, content: [[size, chunkHash(number)]], ...attributes };
    }
  }
}

const name = (number: number): string => `file-${number}`;

/** A backup of these chunks. */
export async function backUp(repository: Repository, id: string, chunks: Iterable<number>): Promise<void> {
  const run = await SmallRun.begin(repository, id);
  await run.store(chunks);
  await run.commit();
}

/** The chunks of each backup that is listed, all of them read; throws where one cannot be. */
export async function readAll(repository: Repository): Promise<Map<string, Set<number>>> {
  const read = new Map<string, Set<number>>();
  for (const { id, manifest } of (await listBackups(repository)).backups) {
    const reader = new ChunkReader(repository, await openChunkIndex(repository));
    const chunks = new Set<number>();
    for await (const line of readManifest(repository, manifest, signal)) {
      if (line.type !== 'file') continue;
      for (const [, sha256] of line.content) {
        const found = reader.read(sha256 ?? '');
        if (found.damage !== undefined) throw new Error(`${id} lacks ${line.path}: ${found.why}`);
      }
      chunks.add(Number(line.path.slice('file-'.length)));
    }
    reader.close();
    read.set(id, chunks);
  }
  return read;
}
