/**
 * Backs a source up: walks it, stores what the repository does not have, and stages a manifest. It decides nothing: the
 * backup exists only when a commit names that manifest. Run again after a stop or a crash, it finds its chunks there.
 */
import type { BigIntStats } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../../core/failure.ts';
import type { SkippedFile } from '../../domain/run.ts';
import { type BytePath, bytePathOf, under } from '../../repository/byte-path.ts';
import { ChunkWriter } from '../../repository/chunk-writer.ts';
import { readSlot } from '../../repository/commit-slot.ts';
import { microsecondsOf } from '../../repository/file-times.ts';
import { type Attributes, type Entry, piecesPerLine } from '../../repository/manifest.ts';
import { ManifestWriter } from '../../repository/manifest-writer.ts';
import { openOrCreateRepository, type Repository, skippedPath } from '../../repository/repository.ts';
import { atRepository } from '../../repository/repository-failure.ts';
import { openRunDirectory } from '../../repository/run-files.ts';
import type { EngineResultOf } from './events.ts';
import { type FileContent, readSourceFile } from './file-reader.ts';
import { HardLinks } from './hard-links.ts';
import type { JobOf } from './job.ts';
import { verdictOf } from './outcome.ts';
import type { ProgressMeter } from './progress-meter.ts';
import { SkippedList } from './skipped-list.ts';
import { forbiddenDirectories, openSource, refuseSourceInside, type Source } from './source.ts';
import { countSource } from './source-count.ts';
import { type Found, skipOf, type WalkOptions, walkSource } from './source-walk.ts';

type BackupJob = JobOf<'backup'>;

/** Readings of a file that changes under the reader; the last one is stored and listed. */
const readingsMax = 3;

/** Rejects with a failure, or with the signal's reason once nothing of this run is being written any more. */
export async function backUp(
  job: BackupJob,
  meter: ProgressMeter,
  signal: AbortSignal,
): Promise<EngineResultOf<'backup'>> {
  const source = await openSource(job.source);
  const repository = await openOrCreateRepository(job.repository);
  const isForbidden = await forbiddenDirectories([...job.excludeDirs, job.repository]);
  await refuseSourceInside(source, isForbidden);
  await refuseDecided(repository, job.run);
  const directory = await openRunDirectory(repository, job.run);
  const backup = new Backup(job, source, repository, directory, meter, signal);
  const counting = new AbortController();
  const walk = backup.walkOptions(isForbidden);
  const counted = countSource({ ...walk, signal: AbortSignal.any([signal, counting.signal]) }, meter);
  try {
    await backup.walk(walk);
    return await backup.stage();
  } finally {
    counting.abort();
    await counted;
    await backup.close();
  }
}

async function refuseDecided(repository: Repository, run: string): Promise<void> {
  const slot = await readSlot(repository, run);
  if (!slot) return;
  throw new FailureError({
    kind: 'permanent',
    code: 'superseded',
    message: `the run ${run} is decided: its slot holds ${slot.slot === 'void' ? 'void' : `the manifest ${slot.manifest}`}`,
    hint: 'start another backup',
  });
}

class Backup {
  readonly #job: BackupJob;
  readonly #source: Source;
  readonly #repository: Repository;
  readonly #meter: ProgressMeter;
  readonly #signal: AbortSignal;
  readonly #startedAt = new Date().toISOString();
  readonly #chunks: ChunkWriter;
  readonly #manifest: ManifestWriter;
  readonly #skipped: SkippedList;
  readonly #links = new HardLinks();

  constructor(
    job: BackupJob,
    source: Source,
    repository: Repository,
    directory: string,
    meter: ProgressMeter,
    signal: AbortSignal,
  ) {
    this.#job = job;
    this.#source = source;
    this.#repository = repository;
    this.#meter = meter;
    this.#signal = signal;
    this.#chunks = new ChunkWriter(repository, job.run, signal);
    this.#manifest = new ManifestWriter(repository, job.run);
    this.#skipped = new SkippedList(join(directory, 'skipped'));
  }

  walkOptions(isForbidden: (found: BigIntStats) => boolean): WalkOptions {
    return {
      source: this.#source,
      exclude: this.#job.source.exclude ?? [],
      oneFileSystem: this.#job.source.oneFileSystem ?? false,
      isForbidden,
      signal: this.#signal,
      onSkipped: (path, why, code) => this.#leaveOut(path, why, code),
    };
  }

  async walk(options: WalkOptions): Promise<void> {
    for await (const found of walkSource(options)) {
      await this.#add(found);
      if (!found.stat.isDirectory()) this.#meter.filesDone += 1;
    }
  }

  async stage(): Promise<EngineResultOf<'backup'>> {
    await this.#chunks.flush();
    const { run, plan, source } = this.#job;
    const header = { run, plan, source: source.path, startedAt: this.#startedAt, endedAt: new Date().toISOString() };
    const list = await atRepository(this.#repository.path, () => this.#skipped.close());
    this.#signal.throwIfAborted();
    const manifest = await this.#manifest.stage({ ...header, skipped: { ...this.#skipped.counts } }, list);
    const { files, bytes } = this.#manifest.totals;
    return {
      task: 'backup',
      ...verdictOf(this.#job, { files, bytes }, this.#skipped.counts),
      manifest,
      bytes,
      files,
      bytesStored: this.#chunks.bytesStored,
      skipped: {
        count: this.#skipped.count,
        first: this.#skipped.first,
        path: list === null ? null : skippedPath(this.#repository, manifest),
      },
    };
  }

  async close(): Promise<void> {
    await this.#chunks.settle();
    await this.#manifest.abandon();
    await this.#skipped.abandon();
  }

  async #add({ path, stat }: Found): Promise<void> {
    if (stat.isDirectory()) return this.#manifest.add({ type: 'directory', path, ...attributesOf(stat) });
    const group = this.#links.known(stat);
    if (group !== undefined) return this.#manifest.add({ type: 'link', path, group });
    if (stat.isFile()) return this.#addFile(path, stat);
    if (stat.isSymbolicLink()) return this.#addSymlink(path, stat);
    const device = `${stat.rdev}`;
    await this.#manifest.add({ type: 'special', path, kind: kindOf(stat), device, ...attributesOf(stat) });
  }

  async #addSymlink(path: BytePath, stat: BigIntStats): Promise<void> {
    let target: BytePath;
    try {
      target = bytePathOf(await readlink(under(this.#source.root, path), { encoding: 'buffer' }));
    } catch (error) {
      return this.#skip(path, error);
    }
    await this.#manifest.add({ type: 'symlink', path, target, ...attributesOf(stat) });
  }

  async #addFile(path: BytePath, found: BigIntStats): Promise<void> {
    const content = await this.#read(path, found);
    if (!content) return;
    if (content.changed) await this.#leaveOut(path, 'changed', '');
    const group = this.#links.begin(content.stat);
    const entry: Entry = {
      type: 'file',
      path,
      size: content.size,
      ...(content.stat.blocks * 512n < content.stat.size ? { sparse: true as const } : {}),
      ...(group === undefined ? {} : { group }),
      content: content.pieces.slice(0, piecesPerLine),
      ...attributesOf(content.stat),
    };
    await this.#manifest.add(entry);
    for (let at = piecesPerLine; at < content.pieces.length; at += piecesPerLine)
      await this.#manifest.add({ type: 'data', content: content.pieces.slice(at, at + piecesPerLine) });
  }

  async #read(path: BytePath, expected: BigIntStats): Promise<FileContent | undefined> {
    const { bytesDone } = this.#meter;
    for (let reading = 1; ; reading += 1) {
      this.#meter.bytesDone = bytesDone;
      try {
        const content = await readSourceFile(under(this.#source.root, path), {
          expected,
          store: chunk => this.#chunks.add(chunk),
          signal: this.#signal,
          onBytes: bytes => {
            this.#meter.bytesDone += bytes;
          },
        });
        if (!content.changed || reading === readingsMax) return content;
      } catch (error) {
        await this.#skip(path, error);
        return undefined;
      }
    }
  }

  /** Lists what the source's error says of this file; anything else, such as a failure of the repository, goes on up. */
  async #skip(path: BytePath, error: unknown): Promise<void> {
    const skip = skipOf(error);
    if (!skip) throw error;
    await this.#leaveOut(path, skip.why, skip.code);
  }

  #leaveOut(path: BytePath, why: SkippedFile['why'], code: string): Promise<void> {
    return atRepository(this.#repository.path, () => this.#skipped.add(path, why, code));
  }
}

function attributesOf(stat: BigIntStats): Attributes {
  return {
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeUs: microsecondsOf(stat.mtimeNs),
  };
}

function kindOf(stat: BigIntStats): 'fifo' | 'socket' | 'character' | 'block' {
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isCharacterDevice() ? 'character' : 'block';
}
