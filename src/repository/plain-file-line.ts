/**
 * A file's line of a manifest in the very words that lineOf writes, read from its bytes: neither JSON nor the text of its
 * hashes is made of it, for of most lines of a last backup no more is wanted than whether the file is still the same. A
 * line in any other words, or of a file with hard links or with data lines, is none and is left to parseLine; so whatever
 * passes here means what parseLine would say, and may be written again as it is.
 */
import { isUtf8 } from 'node:buffer';
import { type BytePath, isPlainPath } from './byte-path.ts';
import {
  type Attributes,
  type Entry,
  type ManifestLine,
  ownerMax,
  type Piece,
  parseLine,
  pathBytesMax,
  piecesPerLine,
} from './manifest.ts';

type FileEntry = Extract<Entry, { type: 'file' }>;

/** What stands between the values, in order. */
const words = {
  path: Buffer.from('{"type":"file","path":"'),
  size: Buffer.from('","size":'),
  sparse: Buffer.from(',"sparse":true'),
  seen: Buffer.from(',"seen":"'),
  content: Buffer.from('","content":['),
  mode: Buffer.from('],"mode":'),
  uid: Buffer.from(',"uid":'),
  gid: Buffer.from(',"gid":'),
  mtimeUs: Buffer.from(',"mtimeUs":'),
};
const [quote, comma, minus, colon] = [0x22, 0x2c, 0x2d, 0x3a];
const [openBracket, backslash, closeBracket, closeBrace] = [0x5b, 0x5c, 0x5d, 0x7d];
const [zero, nine, firstLetter, lastLetter] = [0x30, 0x39, 0x61, 0x66];
const hashDigits = 64;
/** What a number is where there is none. */
const none = -1;

interface Said extends Attributes {
  path: BytePath;
  size: number;
  sparse: boolean;
  seen: string;
}

/** Where a line stands in a block of them. */
interface Place {
  bytes: Buffer;
  at: number;
  end: number;
  piecesAt: number;
}

export class PlainFileLine {
  readonly type = 'file' as const;
  readonly path: string;
  readonly size: number;
  readonly sparse?: true;
  readonly seen: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeUs: number;
  readonly #bytes: Buffer;
  readonly #at: number;
  readonly #end: number;
  /** Where the first piece begins. */
  readonly #piecesAt: number;

  constructor(said: Said, { bytes, at, end, piecesAt }: Place) {
    this.path = said.path;
    this.size = said.size;
    if (said.sparse) this.sparse = true;
    this.seen = said.seen;
    this.mode = said.mode;
    this.uid = said.uid;
    this.gid = said.gid;
    this.mtimeUs = said.mtimeUs;
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#piecesAt = piecesAt;
  }

  /** The line, with its end. */
  get text(): string {
    return `${this.#bytes.toString('utf8', this.#at, this.#end)}\n`;
  }

  /** What parseLine says: a method, lest the line pass for an entry whose fields can be copied. */
  content(): Piece[] {
    return (parsedLine(this.#bytes, this.#at, this.#end) as FileEntry).content;
  }

  /** True where `has` says so of every chunk, whose hash stands in hexadecimal at a place of the bytes. */
  everyChunk(has: (bytes: Buffer, at: number) => boolean): boolean {
    const bytes = this.#bytes;
    let at = this.#piecesAt;
    while (bytes[at] === openBracket) {
      while (bytes[at] !== comma && bytes[at] !== closeBracket) at += 1;
      if (bytes[at] === comma) {
        if (!has(bytes, at + 2)) return false;
        at += 2 + hashDigits + 1;
      }
      at += 1;
      if (bytes[at] === comma) at += 1;
    }
    return true;
  }
}

/** Any line, in its parts. Throws as parseLine does. */
export function parsedLine(bytes: Buffer, at: number, end: number): ManifestLine {
  return parseLine(bytes.toString('utf8', at, end));
}

/** Any line, as a plain file's where it is one. */
export function plainOrParsedLine(bytes: Buffer, at: number, end: number): ManifestLine | PlainFileLine {
  return plainFileLine(bytes, at, end) ?? parsedLine(bytes, at, end);
}

/** The line that stands from `at` to `end`, without its end; undefined where it is not plain. */
export function plainFileLine(bytes: Buffer, at: number, end: number): PlainFileLine | undefined {
  return new Scan(bytes, at, end).line();
}

/** Goes through the bytes of one line. */
class Scan {
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#start = at;
    this.#at = at;
    this.#end = end;
  }

  line(): PlainFileLine | undefined {
    if (!this.#takes(words.path)) return undefined;
    const path = this.#path();
    if (path === undefined || !this.#takes(words.size)) return undefined;
    const size = this.#number();
    const sparse = this.#takes(words.sparse);
    if (size === none || !this.#takes(words.seen)) return undefined;
    const seen = this.#seen();
    if (seen === undefined || !this.#takes(words.content)) return undefined;
    const piecesAt = this.#at;
    // So no data follows, and nothing is missing.
    if (this.#pieces() !== size || !this.#takes(words.mode)) return undefined;
    const mode = this.#number();
    if (mode === none || mode > 0o7777 || !this.#takes(words.uid)) return undefined;
    const uid = this.#number();
    if (uid === none || uid > ownerMax || !this.#takes(words.gid)) return undefined;
    const gid = this.#number();
    if (gid === none || gid > ownerMax || !this.#takes(words.mtimeUs)) return undefined;
    const isBefore = this.#bytes[this.#at] === minus;
    if (isBefore) this.#at += 1;
    const us = this.#number();
    if (us === none || (isBefore && us === 0)) return undefined;
    if (this.#bytes[this.#at] !== closeBrace || this.#at + 1 !== this.#end) return undefined;
    const said = { path, size, sparse, seen, mode, uid, gid, mtimeUs: isBefore ? -us : us };
    return new PlainFileLine(said, { bytes: this.#bytes, at: this.#start, end: this.#end, piecesAt });
  }

  #takes(word: Buffer): boolean {
    if (this.#at + word.length > this.#end) return false;
    for (let at = 0; at < word.length; at += 1) if (this.#bytes[this.#at + at] !== word[at]) return false;
    this.#at += word.length;
    return true;
  }

  /** Up to its quote: what JSON escapes is not plain, and neither is what is no UTF-8. */
  #path(): string | undefined {
    const from = this.#at;
    let isAscii = true;
    for (; this.#at < this.#end; this.#at += 1) {
      const byte = this.#bytes[this.#at] as number;
      if (byte === quote) break;
      if (byte < 0x20 || byte === backslash) return undefined;
      if (byte >= 0x80) isAscii = false;
    }
    if (this.#at - from > pathBytesMax) return undefined;
    if (!isAscii && !isUtf8(this.#bytes.subarray(from, this.#at))) return undefined;
    const path = this.#bytes.toString('latin1', from, this.#at);
    return isPlainPath(path) ? path : undefined;
  }

  /** Two numbers, which need not be safe ones, and a colon. */
  #seen(): string | undefined {
    const from = this.#at;
    if (!this.#takesDigits() || this.#bytes[this.#at++] !== colon || !this.#takesDigits()) return undefined;
    return this.#bytes.toString('latin1', from, this.#at);
  }

  #takesDigits(): boolean {
    const from = this.#at;
    while (this.#at < this.#end && isDigit(this.#bytes[this.#at] as number)) this.#at += 1;
    return this.#at > from;
  }

  /** A whole number as JSON writes it; `none` where there is none, or it is not a safe one. */
  #number(): number {
    const from = this.#at;
    let number = 0;
    while (this.#at < this.#end && isDigit(this.#bytes[this.#at] as number)) {
      number = number * 10 + (this.#bytes[this.#at] as number) - zero;
      this.#at += 1;
    }
    const isPadded = this.#bytes[from] === zero && this.#at > from + 1;
    return this.#at === from || isPadded || number > Number.MAX_SAFE_INTEGER ? none : number;
  }

  /** The bytes that all pieces have together, up to the bracket behind them; `none` where they are not plain. */
  #pieces(): number {
    let [bytes, count] = [0, 0];
    if (this.#bytes[this.#at] === closeBracket) return 0;
    for (;;) {
      if (this.#bytes[this.#at++] !== openBracket) return none;
      const length = this.#number();
      if (length < 1 || ++count > piecesPerLine) return none;
      bytes += length;
      if (this.#bytes[this.#at] === comma && !this.#takesHash()) return none;
      if (this.#bytes[this.#at++] !== closeBracket || bytes > Number.MAX_SAFE_INTEGER) return none;
      if (this.#bytes[this.#at] !== comma) return bytes;
      this.#at += 1;
    }
  }

  /** A comma, and 64 digits in quotes. */
  #takesHash(): boolean {
    const from = this.#at + 2;
    const to = from + hashDigits;
    if (to >= this.#end || this.#bytes[from - 1] !== quote || this.#bytes[to] !== quote) return false;
    for (let at = from; at < to; at += 1) {
      const byte = this.#bytes[at] as number;
      if (!isDigit(byte) && (byte < firstLetter || byte > lastLetter)) return false;
    }
    this.#at = to + 1;
    return true;
  }
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= nine;
}
