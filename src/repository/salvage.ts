/**
 * Packs that a run left in its directory when it was stopped or killed: every frame up to the first that is not sound is
 * read, held against the hashes of its chunks, and kept, so that nothing of it is sent again; what is torn behind them
 * is dropped. They are copied into a pack of this process's own: the one that wrote them may only be stopped, and go on.
 * A frame whose chunks are all known is not copied: a salvage that was itself killed leaves it twice.
 */
import { hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import type { ChunkSet } from './chunk-set.ts';
import {
  chunksOf,
  decodeHead,
  type FrameHead,
  frameBytesMax,
  headBytes,
  headBytesMax,
  openFrame,
  type SealedFrame,
} from './frame.ts';
import { checkPackHead, packHeadBytes } from './pack.ts';
import { draftPrefix, PackDraft } from './pack-draft.ts';
import { readAt } from './read-at.ts';
import { type Repository, runDirectory } from './repository.ts';

/**
 * Resolves with how many bytes of frames were kept, once the packs that hold them are durable under their names. `known`
 * are the chunks of the packs that have names; what is kept is added to it.
 */
export async function salvagePacks(repository: Repository, run: string, known: ChunkSet): Promise<number> {
  const directory = runDirectory(repository, run);
  let kept = 0;
  for (const name of readdirSync(directory).filter(each => each.startsWith(draftPrefix))) {
    kept += await salvagePack(repository, run, name, known);
    rmSync(join(directory, name), { force: true });
  }
  return kept;
}

async function salvagePack(repository: Repository, run: string, name: string, known: ChunkSet): Promise<number> {
  const draft = new PackDraft(repository, run);
  const before = draft.bytes;
  const file = openSync(join(runDirectory(repository, run), name), 'r');
  try {
    for (const frame of soundFrames(file, name.slice(draftPrefix.length))) {
      if (!addNew(frame.head, known)) continue;
      draft.append(frame);
      failpoint('salvage.after-write');
    }
    if (draft.bytes > before) await draft.end();
    else draft.discard();
  } catch (error) {
    draft.discard(); // a disk that is full must not be filled by the attempts
    throw error;
  } finally {
    closeSync(file);
  }
  return draft.bytes - before;
}

/** True where the frame has a chunk that was not known. */
function addNew(head: FrameHead, known: ChunkSet): boolean {
  let isNew = false;
  for (const { sha256 } of chunksOf(head)) isNew = known.add(sha256) || isNew;
  return isNew;
}

function* soundFrames(file: number, id: string): Generator<SealedFrame> {
  const { size } = fstatSync(file);
  const buffer = Buffer.allocUnsafeSlow(headBytesMax + frameBytesMax);
  try {
    checkPackHead(readAt(file, buffer.subarray(0, packHeadBytes), 0), id);
  } catch {
    return;
  }
  for (let at = packHeadBytes; at < size; ) {
    const bytes = readAt(file, buffer, at);
    const head = soundHead(bytes);
    if (!head) return;
    // The draft remembers its heads longer than this buffer holds them.
    yield {
      head: { ...head, chunks: Buffer.from(head.chunks) },
      body: [bytes.subarray(headBytes(head), headBytes(head) + head.storedBytes)],
    };
    at += headBytes(head) + head.storedBytes;
  }
}

/** Undefined where the frame that begins here is torn. */
function soundHead(bytes: Buffer): FrameHead | undefined {
  try {
    const head = decodeHead(bytes, 0);
    if (head) proveFrame(head, bytes.subarray(headBytes(head), headBytes(head) + head.storedBytes));
    return head;
  } catch {
    return undefined;
  }
}

/** The plain bytes. Throws an Error that says what is wrong with the frame; every chunk is held against its hash. */
export function proveFrame(head: FrameHead, body: Buffer): Buffer {
  const plain = openFrame(head, body);
  for (const { sha256, offset, length } of chunksOf(head))
    if (!hash('sha256', plain.subarray(offset, offset + length), 'buffer').equals(sha256))
      throw new Error(`its chunk ${sha256.toString('hex')} has another hash`);
  return plain;
}
