/**
 * Writes a manifest as the walk goes, never holding more than a line of it, and stages it: first the body in the run's
 * directory, then, since the header with the totals stands in front, the whole file under its hash. What is staged is
 * complete and durable, and yet no backup until the commit slot names it. What is not staged can be kept for the run's next
 * attempt (manifest-draft.ts).
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { failpoint } from '../core/failpoint.ts';
import { ensureDirectory, fileMode, syncDirectory, writeSynced } from './durable-file.ts';
import { lineOf, type ManifestHeader, type ManifestLine, manifestFormat, type Totals } from './manifest.ts';
import { marking, removeDraft } from './manifest-draft.ts';
import { manifestPath, type Repository, runDirectory, skippedPath } from './repository.ts';
import { atRepository, repositoryError } from './repository-failure.ts';

const linesAtOnce = 32 * 1024;
/** So much content of files may be in lines that are not in the draft yet: a killed run reads it once more. */
const contentAtOnce = 8 * 1024 * 1024;

/** Lines are names and hashes: higher levels take twice the time and 2 MB more, and come out larger. */
const level = 1;

export class ManifestWriter {
  readonly totals: Totals = { files: 0, directories: 0, bytes: 0 };
  readonly #repository: Repository;
  readonly #directory: string;
  readonly #draft: string;
  readonly #packer = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } });
  readonly #file: WriteStream;
  readonly #written: Promise<void>;
  /** What is written next, many lines at once. */
  #lines = '';
  /** Bytes of the files whose lines are not in the draft for sure. */
  #content = 0;
  #isKept = false;

  /** The run's directory must be there. */
  constructor(repository: Repository, run: string) {
    this.#repository = repository;
    this.#directory = runDirectory(repository, run);
    this.#draft = join(this.#directory, `manifest-${randomBytes(6).toString('hex')}`);
    this.#file = createWriteStream(`${this.#draft}.body`, { flags: 'wx', mode: fileMode });
    // A pipeline, for it ends both when one of them fails or is given up; a bare pipe would leave the file waiting.
    this.#written = pipeline(this.#packer, marking(this.#draft), this.#file);
    // Heard where it is awaited; until then a failed write must not end the process.
    this.#written.catch(() => undefined);
  }

  /** Answers a promise only where there is no room for more: it resolves once there is. */
  add(line: ManifestLine): Promise<void> | undefined {
    if (this.#isKept) throw new Error('the manifest was given up');
    const isDue = 'path' in line && this.#content >= contentAtOnce;
    if (isDue) this.#content = 0;
    if (line.type === 'directory') this.totals.directories += 1;
    else if ('path' in line) this.totals.files += 1;
    if (line.type === 'file') {
      this.totals.bytes += line.size;
      this.#content += line.size;
    }
    this.#lines += lineOf(line);
    return this.#handOn(isDue);
  }

  /** The same for a file of so many bytes whose lines were made elsewhere. */
  addFile(lines: string, size: number): Promise<void> | undefined {
    if (this.#isKept) throw new Error('the manifest was given up');
    const isDue = this.#content >= contentAtOnce;
    if (isDue) this.#content = 0;
    this.totals.files += 1;
    this.totals.bytes += size;
    this.#content += size;
    this.#lines += lines;
    return this.#handOn(isDue);
  }

  #handOn(isDue: boolean): Promise<void> | undefined {
    return this.#lines.length < linesAtOnce && !isDue ? undefined : this.#flush(isDue);
  }

  /** Hands the lines on, `through` to the draft where they are not to wait for more. */
  async #flush(through: boolean): Promise<void> {
    const lines = this.#lines;
    this.#lines = '';
    if (!this.#packer.destroyed && !this.#packer.write(lines))
      await new Promise<void>(resolve => {
        const over = () => {
          this.#packer.off('drain', over).off('close', over);
          resolve();
        };
        this.#packer.on('drain', over).on('close', over);
      });
    if (this.#packer.destroyed) await this.#fail();
    if (through) this.#packer.flush(constants.ZSTD_e_flush);
  }

  /**
   * Stages the manifest, with the list of skipped files that was written to `skippedDraft` (null where there is none),
   * and answers its hash. All chunks must be durable before.
   */
  async stage(
    header: Omit<ManifestHeader, 'reeve' | 'format' | 'totals'>,
    skippedDraft: string | null,
  ): Promise<string> {
    this.#lines += lineOf({ type: 'footer', totals: this.totals });
    await this.#flush(false);
    // Only once it has taken all: told to end before, Node may end the frame with the last part, and then an empty one.
    await new Promise(resolve => this.#packer.write('', resolve));
    this.#packer.end();
    return atRepository(this.#repository.path, async () => {
      await this.#written;
      const sha256 = await this.#assemble({
        reeve: 'manifest',
        format: manifestFormat,
        ...header,
        totals: this.totals,
      });
      await markStaged(this.#directory, sha256);
      if (skippedDraft !== null) await rename(skippedDraft, skippedPath(this.#repository, sha256));
      await rename(this.#draft, manifestPath(this.#repository, sha256));
      await removeDraft(this.#draft);
      await syncDirectory(join(this.#repository.path, 'manifests'));
      failpoint('manifest.staged');
      return sha256;
    });
  }

  /** Leaves what was added where the run's next attempt finds it. Nothing can be added any more. */
  async keep(): Promise<void> {
    this.#isKept = true;
    if (!this.#packer.writableEnded) this.#packer.end(this.#lines);
    await this.#written;
  }

  /** Gives the manifest up, but for what is kept; may be called at any time, also after `stage`. */
  async abandon(): Promise<void> {
    this.#packer.destroy();
    this.#file.destroy();
    await this.#written.catch(() => undefined);
    if (!this.#isKept) await removeDraft(this.#draft);
    await rm(this.#draft, { force: true });
  }

  async #fail(): Promise<never> {
    try {
      await this.#written;
    } catch (error) {
      throw repositoryError(this.#repository.path, error);
    }
    throw new Error('the manifest was given up');
  }

  async #assemble(header: ManifestHeader): Promise<string> {
    const hash = createHash('sha256');
    const file = await open(this.#draft, 'wx', fileMode);
    try {
      const first = Buffer.from(`${JSON.stringify(header)}\n`);
      hash.update(first);
      await file.writeFile(first);
      for await (const part of createReadStream(`${this.#draft}.body`)) {
        hash.update(part);
        await file.writeFile(part);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return hash.digest('hex');
  }
}

/** Remembers, before it has its name, which manifest this run stages, so that a discard finds it. */
async function markStaged(directory: string, sha256: string): Promise<void> {
  const staged = join(directory, 'staged');
  await ensureDirectory(staged);
  const mark = join(staged, sha256);
  await rm(mark, { force: true });
  await writeSynced(mark, '');
  await syncDirectory(staged);
  await syncDirectory(directory);
}
