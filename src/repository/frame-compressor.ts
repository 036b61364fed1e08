/**
 * Compresses bodies of frames, one after another, in a thread of the pool. One compressor serves for all: its tables are a
 * megabyte, and what it puts out comes in small buffers, of which a full one is followed by the next and none is larger
 * than it need be. Each body is a zstd frame of its own, for the compressor ends one with every write.
 */
import { createZstdCompress, constants as zlib } from 'node:zlib';

const partBytes = 256 * 1024;
const level = 1;

export class FrameCompressor {
  readonly #stream = createZstdCompress({
    flush: zlib.ZSTD_e_end,
    params: { [zlib.ZSTD_c_compressionLevel]: level },
    chunkSize: partBytes,
  });
  #parts: Buffer[] = [];
  /** Parts of the body before: their memory is given back by hand, for the collector sees a few bytes of each. */
  #lent: Buffer[] = [];
  /** Settles when the body before is done. */
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    this.#stream.on('data', (part: Buffer) => this.#parts.push(part));
    this.#stream.on('error', () => undefined); // heard by whoever waits for a body
  }

  /** `bytes` must stay as they are meanwhile; the answer's parts are there until the next body is given. */
  compress(bytes: Buffer): Promise<Buffer[]> {
    const packed = this.#last.then(() => this.#compress(bytes));
    this.#last = packed.catch(() => undefined);
    return packed;
  }

  /** Nothing may be being compressed. May be called twice. */
  close(): void {
    this.#stream.destroy();
  }

  #compress(bytes: Buffer): Promise<Buffer[]> {
    for (const part of this.#lent) release(part);
    return new Promise((resolve, reject) => {
      this.#stream.once('error', reject); // a write that fails is not always called back
      this.#stream.write(bytes, error => {
        this.#stream.off('error', reject);
        if (error) return reject(error);
        while (this.#stream.readableLength > 0) this.#stream.read();
        this.#lent = this.#parts;
        this.#parts = [];
        resolve(this.#lent);
      });
    });
  }
}

/** Frees a buffer with its last part. */
function release({ buffer, byteOffset, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && byteOffset + byteLength === buffer.byteLength) buffer.transfer(0);
}
