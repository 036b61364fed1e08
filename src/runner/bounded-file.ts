/**
 * A file that grows to a bound and no further: when it is full it becomes `<path>.old`, over the one before, and starts
 * anew. So the newest lines are always there, and the two never hold more than twice the bound.
 */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';

/** A stream into the file at `path`, which it appends to. Its errors (a full disk) end the stream, as any stream's do. */
export class BoundedFile extends Writable {
  readonly #path: string;
  readonly #bytesMax: number;
  #file: number;
  #bytes: number;

  constructor(path: string, bytesMax: number) {
    super({ decodeStrings: true });
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#file = openSync(path, 'a', 0o600);
    this.#bytes = fstatSync(this.#file).size;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    try {
      this.#append(chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    closeSync(this.#file);
    done(error);
  }

  #append(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#bytes >= this.#bytesMax) this.#turn();
      const written = writeSync(this.#file, chunk, at, Math.min(chunk.length - at, this.#bytesMax - this.#bytes));
      this.#bytes += written;
      at += written;
    }
  }

  #turn(): void {
    closeSync(this.#file);
    renameSync(this.#path, `${this.#path}.old`);
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#bytes = 0;
  }
}
