/**
 * A file of lines that are on the disk when `append` resolves. Appends that come together share one sync. A line that a
 * crash tore is passed over when the file is read: it was never acknowledged.
 */
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export class JournalFile {
  readonly #path: string;
  #file: FileHandle | undefined;
  #waiting: { line: string; done: () => void; failed: (cause: unknown) => void }[] = [];
  #flushing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** All whole lines, oldest first; none where there is no file. */
  async read(): Promise<unknown[]> {
    const text = await readFile(this.#path, 'utf8').catch(absent);
    return text.split('\n').flatMap(line => {
      try {
        return line === '' ? [] : [JSON.parse(line) as unknown];
      } catch {
        return []; // torn by a crash before it was acknowledged
      }
    });
  }

  /** Resolves when the line is synced to the disk; rejects where it could not be. */
  append(value: unknown): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ line: `${JSON.stringify(value)}\n`, done, failed });
      this.#flushing ??= this.#flush().finally(() => {
        this.#flushing = undefined;
      });
    });
  }

  /** Replaces all lines, in one step. */
  async replace(values: unknown[]): Promise<void> {
    await this.#flushing;
    await this.#file?.close();
    this.#file = undefined;
    const next = `${this.#path}.new`;
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFile(next, values.map(value => `${JSON.stringify(value)}\n`).join(''), { flush: true });
    await rename(next, this.#path);
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        this.#file ??= await this.#open();
        await this.#file.appendFile(batch.map(({ line }) => line).join(''));
        await this.#file.datasync();
        for (const { done } of batch) done();
      } catch (cause) {
        for (const { failed } of batch) failed(cause);
      }
    }
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(this.#path, 'a', 0o600);
    const { size } = await file.stat();
    if (size > 0) await file.appendFile('\n'); // ends a line that a crash may have torn
    return file;
  }
}

function absent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}
