/**
 * A file of lines that are on the disk when `append` resolves.
 *
 * 1. Appends that come together share one write and one sync.
 * 2. A line that a crash or a full disk tore is passed over when the file is read, and never runs into the next one: it
 *    was never acknowledged.
 * 3. Appends and replacements take turns, so a line that was acknowledged during a replacement is not lost with the
 *    file that it replaces.
 */
import { type FileHandle, mkdir, open, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

interface Line {
  text: string;
  done: () => void;
  failed: (cause: unknown) => void;
}

export class JournalFile {
  readonly #path: string;
  #file: FileHandle | undefined;
  #waiting: Line[] = [];
  /** Ends when the last turn that was asked for is over; never rejects. */
  #turns: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** All whole lines, oldest first; none where there is no file. */
  async read(): Promise<unknown[]> {
    const text = await readFile(this.#path, 'utf8').catch(absent);
    return (text ?? '').split('\n').flatMap(line => {
      try {
        return line === '' ? [] : [JSON.parse(line) as unknown];
      } catch {
        return []; // torn before it was acknowledged
      }
    });
  }

  /** Resolves when the line is synced to the disk; rejects where it could not be: it may be there all the same. */
  append(value: unknown): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ text: `${JSON.stringify(value)}\n`, done, failed });
      if (this.#waiting.length === 1) void this.#inTurn(() => this.#flush());
    });
  }

  /** Replaces all lines, in one step, by what `values` gives once appends that came before are done. */
  replace(values: () => unknown[]): Promise<void> {
    return this.#inTurn(async () => {
      const text = values()
        .map(value => `${JSON.stringify(value)}\n`)
        .join('');
      // A full disk has no room for a new file, and emptying needs none.
      if (text === '') await truncate(this.#path).catch(absent);
      else await this.#write(text);
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#closeFile());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turns.then(work);
    this.#turns = turn.catch(() => undefined); // told to whoever asked for the turn
    return turn;
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.#file ??= await this.#open();
      await this.#file.appendFile(batch.map(({ text }) => text).join(''));
      await this.#file.datasync();
      for (const { done } of batch) done();
    } catch (cause) {
      // Opened anew, it begins on a new line: half of this batch may be there.
      await this.#closeFile().catch(() => undefined);
      for (const { failed } of batch) failed(cause);
    }
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(this.#path, 'a', 0o600);
    try {
      const { size } = await file.stat();
      if (size > 0) await file.appendFile('\n');
      else await this.#syncDirectory(); // or the file itself may be gone after a power failure
      return file;
    } catch (cause) {
      await file.close();
      throw cause;
    }
  }

  async #write(text: string): Promise<void> {
    await this.#closeFile();
    const next = `${this.#path}.new`;
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFile(next, text, { flush: true, mode: 0o600 });
    await rename(next, this.#path);
    await this.#syncDirectory();
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(dirname(this.#path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
