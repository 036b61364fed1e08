/** What a repository holds of a run while it is under way, for tests: frames in packs that are ended and in drafts. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeHead, headBytes } from '../../../src/repository/frame.ts';
import { packHeadBytes } from '../../../src/repository/pack.ts';
import { proveFrame } from '../../../src/repository/salvage.ts';

/** Paths of the drafts of a run. */
export function draftsOf(repository: string, run: string): string[] {
  const directory = join(repository, 'tmp', run);
  return namesIn(directory)
    .filter(name => name.startsWith('pack-'))
    .map(name => join(directory, name));
}

/** Paths of the packs that have their names. */
export function packsOf(repository: string): string[] {
  const top = join(repository, 'packs');
  return namesIn(top).flatMap(name => namesIn(join(top, name)).map(each => join(top, name, each)));
}

export function bytesOf(paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + statSync(path).size, 0);
}

export interface StoredFrame {
  from: number;
  to: number;
  /** The hashes and lengths of its chunks. */
  chunks: string;
}

/** Where each frame of a pack or a draft begins and ends, up to the first that is not sound. */
export function framesIn(path: string): StoredFrame[] {
  const bytes = readFileSync(path);
  const frames: StoredFrame[] = [];
  for (let at = packHeadBytes; ; at = frames.at(-1)?.to ?? at) {
    const frame = frameAt(bytes, at);
    if (!frame) return frames;
    frames.push(frame);
  }
}

function frameAt(bytes: Buffer, at: number): StoredFrame | undefined {
  try {
    const head = decodeHead(bytes, at);
    if (!head) return undefined;
    const from = at + headBytes(head);
    proveFrame(head, bytes.subarray(from, from + head.storedBytes));
    return { from: at, to: from + head.storedBytes, chunks: head.chunks.toString('hex') };
  } catch {
    return undefined;
  }
}

/** Bytes of frames that are sound, in packs and in drafts, each once though it may lie there twice. */
export function frameBytes(repository: string, run: string): number {
  const sizes = new Map<string, number>();
  for (const path of [...packsOf(repository), ...draftsOf(repository, run)])
    for (const { from, to, chunks } of framesIn(path)) sizes.set(chunks, to - from);
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** Bytes that stand behind the last sound frame of the drafts. */
export function tornBytes(repository: string, run: string): number {
  return draftsOf(repository, run)
    .map(path => statSync(path).size - Math.max(packHeadBytes, framesIn(path).at(-1)?.to ?? 0))
    .reduce((sum, torn) => sum + Math.max(0, torn), 0);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
