/**
 * The packs of a repository and what is in each: from the index where it has them, else from their own tables. The index
 * is there to save opening every pack; whatever it lacks, or has wrong, is made up for from the packs.
 *
 * An index file: 8 letters REEVEIDX, 1 byte of format, 7 of zero; then for each pack 16 bytes of its id, 4 of its size, 4
 * of its table's, 4 of how many frames, and the table as the pack has it. Its name is the SHA-256 of the whole.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, writeSynced } from './durable-file.ts';
import { headBytes } from './frame.ts';
import { leftBehind } from './garbage.ts';
import {
  checkPackHead,
  decodePackTail,
  decodeTable,
  encodeTable,
  type PlacedFrame,
  packEndBytes,
  packFormat,
  packHeadBytes,
  tailBytesOf,
} from './pack.ts';
import { allPackSizes, openPack, packSizes } from './pack-names.ts';
import { readAt } from './read-at.ts';
import { indexPath, packPath, type Repository, runDirectory } from './repository.ts';
import { errorCode } from './repository-failure.ts';

export interface ListedPack {
  id: string;
  /** Of the whole file. */
  bytes: number;
  frames: PlacedFrame[];
  /** An index file has it. */
  indexed: boolean;
}

/** What is wrong with a file of the repository. */
export interface ListDamage {
  what: 'pack' | 'index';
  name: string;
  why: string;
}

const hashPattern = /^[0-9a-f]{64}$/;
const magic = Buffer.from('REEVEIDX');
const indexHeadBytes = 16;
const packHeadInIndex = 28;
/** A table is read, encoded, and stood in a buffer with its head. */
const timesInMemory = 3;
/** With more index files than this, the next one takes the others in. */
const indexFilesMax = 32;

/**
 * Every pack that is there and whole by its size and its table; what is not is told, and passed over. `all` are those that
 * a reader may read; without it there are only those that a writer may count on.
 */
export async function* listPacks(
  repository: Repository,
  onDamage: (damage: ListDamage) => void = () => undefined,
  which: 'all' | 'uncondemned' = 'uncondemned',
): AsyncGenerator<ListedPack> {
  const sizes = await (which === 'all' ? allPackSizes : packSizes)(repository);
  for await (const { id, bytes, table, count } of indexedPacks(repository, onDamage)) {
    const size = sizes.get(id);
    if (size === undefined) continue;
    sizes.delete(id);
    const frames = size === bytes ? framesOf(table, count) : `it has ${size} bytes, the index says ${bytes}`;
    if (typeof frames === 'string') onDamage({ what: 'pack', name: id, why: frames });
    else yield { id, bytes, frames, indexed: true };
  }
  for (const [id, bytes] of sizes) {
    const frames = readTail(repository, id, bytes);
    if (typeof frames === 'string') onDamage({ what: 'pack', name: id, why: frames });
    else yield { id, bytes, frames, indexed: false };
  }
}

/**
 * Makes the index whole: every pack that no index file has goes into a new one, condemned or not. With many files, all go
 * into one. The run's directory must be there.
 */
export async function indexPacks(repository: Repository, run: string): Promise<void> {
  const names = await indexNames(repository, () => undefined);
  const anew = names.length >= indexFilesMax;
  const unsynced = new Set<string>();
  const hash = createHash('sha256');
  async function* entries(): AsyncGenerator<Buffer> {
    for await (const pack of listPacks(repository, undefined, 'all')) {
      if (!pack.indexed) unsynced.add(dirname(packPath(repository, pack.id)));
      if (pack.indexed && !anew) continue;
      const encoded = encodePack(pack);
      leftBehind(timesInMemory * encoded.length);
      yield encoded;
    }
  }
  const more = entries();
  const first = await more.next();
  if (first.done) return;
  // Part by part: the tables of a million chunks are some 40 MB.
  async function* hashed(front: Buffer): AsyncGenerator<Buffer> {
    hash.update(front);
    yield front;
    for await (const entry of more) {
      hash.update(entry);
      yield entry;
    }
  }
  const draft = join(runDirectory(repository, run), 'index-draft');
  await rm(draft, { force: true });
  await writeSynced(draft, hashed(Buffer.concat([indexHead(), first.value])));
  // A run that was killed just after it named a pack may have left the name undurable.
  for (const directory of unsynced) await syncDirectory(directory);
  await syncDirectory(join(repository.path, 'packs'));
  const sha256 = hash.digest('hex');
  await rename(draft, indexPath(repository, sha256));
  await syncDirectory(join(repository.path, 'index'));
  // Only after the one that takes them in is durable. Another who reads them meanwhile reads the packs instead.
  if (anew) for (const name of names) if (name !== sha256) await rm(indexPath(repository, name), { force: true });
}

function indexHead(): Buffer {
  const head = Buffer.alloc(indexHeadBytes);
  magic.copy(head);
  head[8] = packFormat;
  return head;
}

/** What the index has, of packs that are there and of others. */
export async function* indexedPacks(
  repository: Repository,
  onDamage: (damage: ListDamage) => void = () => undefined,
): AsyncGenerator<IndexedPack> {
  for (const name of await indexNames(repository, onDamage)) yield* await readIndex(repository, name, onDamage);
}

/** The frames of a pack by its own tail, or what is wrong with it. */
export function readTail(repository: Repository, id: string, bytes?: number): PlacedFrame[] | string {
  return tailOf(() => openPack(repository, id), id, bytes);
}

/** The same for a pack under just this name, of whatever size it has. */
export function readTailAt(path: string, id: string): PlacedFrame[] | string {
  return tailOf(() => openSync(path, 'r'), id);
}

function tailOf(open: () => number, id: string, bytes?: number): PlacedFrame[] | string {
  try {
    const file = open();
    try {
      checkPackHead(readAt(file, Buffer.alloc(packHeadBytes), 0), id);
      const size = fstatSync(file).size;
      const end = readAt(file, Buffer.alloc(packEndBytes), Math.max(0, size - packEndBytes));
      const length = tailBytesOf(end, size);
      const frames = decodePackTail(id, readAt(file, Buffer.alloc(length), size - length));
      return size === (bytes ?? size) && endOf(frames) + length === size
        ? frames
        : 'its frames and its table do not meet';
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where the last frame ends. */
export function endOf(frames: readonly PlacedFrame[]): number {
  const last = frames.at(-1);
  return last ? last.at + headBytes(last.head) + last.head.storedBytes : packHeadBytes;
}

function framesOf(table: Buffer, count: number): PlacedFrame[] | string {
  try {
    return decodeTable(table, count);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function indexNames(repository: Repository, onDamage: (damage: ListDamage) => void): Promise<string[]> {
  const names = await readdir(join(repository.path, 'index'));
  for (const name of names)
    if (!hashPattern.test(name)) onDamage({ what: 'index', name, why: 'it is none by its name' });
  return names.filter(name => hashPattern.test(name));
}

export interface IndexedPack {
  id: string;
  bytes: number;
  /** As the pack has it (pack.ts), with so many frames. */
  table: Buffer;
  count: number;
}

async function readIndex(
  repository: Repository,
  name: string,
  onDamage: (damage: ListDamage) => void,
): Promise<Iterable<IndexedPack>> {
  let bytes: Buffer;
  try {
    bytes = await readFile(indexPath(repository, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []; // taken into another meanwhile
    throw error;
  }
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found === name && bytes.subarray(0, 8).equals(magic) && bytes[8] === packFormat) return packsIn(bytes);
  onDamage({
    what: 'index',
    name,
    why: found === name ? 'it is of another format' : `its content has the hash ${found}`,
  });
  return [];
}

function* packsIn(bytes: Buffer): Generator<IndexedPack> {
  for (let at = indexHeadBytes; at + packHeadInIndex <= bytes.length; ) {
    const tableBytes = bytes.readUInt32LE(at + 20);
    const start = at + packHeadInIndex;
    yield {
      id: bytes.toString('hex', at, at + 16),
      bytes: bytes.readUInt32LE(at + 16),
      count: bytes.readUInt32LE(at + 24),
      table: bytes.subarray(start, start + tableBytes),
    };
    at = start + tableBytes;
  }
}

function encodePack({ id, bytes, frames }: ListedPack): Buffer {
  const table = encodeTable(frames);
  const head = Buffer.alloc(packHeadInIndex);
  Buffer.from(id, 'hex').copy(head);
  head.writeUInt32LE(bytes, 16);
  head.writeUInt32LE(table.length, 20);
  head.writeUInt32LE(frames.length, 24);
  return Buffer.concat([head, table]);
}
