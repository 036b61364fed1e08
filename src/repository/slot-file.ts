/**
 * The file of a commit slot, wherever a repository keeps it: decided once, by an exclusive create.
 *
 * 1. A slot is made by link(2) of a complete, synced file: whoever reads it reads all of it, and of any number of
 *    callers one wins. It is never replaced.
 * 2. Whoever loses is answered what is there. To settle again what is there already is no loss.
 * 3. The answer is given only after the slot's name is durable.
 * 4. A slot carries a check of itself (sealed-json.ts): what a damaged disk made of it decides nothing.
 * 5. The slot of a backup that is removed gets the name `<slot>.removed`, once and for good: it counts as void from then
 *    on, also where a commit that was held up links another beside it. Renaming needs no room on a disk.
 */
import { randomBytes } from 'node:crypto';
import { link, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import { FailureError } from '../core/failure.ts';
import type { SlotContent } from '../domain/catalog.ts';
import { ensureDirectory, syncDirectory, writeSynced } from './durable-file.ts';
import { corrupt, errorCode } from './repository-failure.ts';
import { openSealedJson, sealJson } from './sealed-json.ts';
import { openStored } from './stored-file.ts';

export interface SlotFile {
  /** Whose slot it is. */
  run: string;
  path: string;
  /** Where a slot is written before it is linked: made where it is missing, on the same file system. */
  drafts: string;
  /** What the name of a draft begins with. */
  draftPrefix: string;
  /** True for what a manifest of this repository may be called. */
  isManifest: (manifest: string) => boolean;
}

/** Decides a slot as `wanted`, unless it is decided; answers what it holds. Rejects with the file system's errors, too. */
export async function settleSlotFile(file: SlotFile, wanted: SlotContent): Promise<SlotContent> {
  if ((await readSlotFile(file)) === undefined) await linkSlot(file, wanted);
  await syncDirectory(dirname(file.path));
  const content = await readSlotFile(file);
  if (content === undefined) throw new Error(`the slot of ${file.run} is gone from ${dirname(file.path)}`);
  return content;
}

/** What a slot holds; undefined while it is not decided. That of a backup that was removed is void. */
export async function readSlotFile(file: SlotFile): Promise<SlotContent | undefined> {
  const text = await unlessMissing(() => slotText(file.path));
  // Looked for afterwards: a removal in between counts.
  const removed = await unlessMissing(() => stat(removedPath(file)));
  if (removed) return { slot: 'void', run: file.run, epoch: 0, at: removed.ctime.toISOString() };
  return text === undefined ? undefined : parseSlot(file, text);
}

const removedEnd = '.removed';

export function removedPath({ path }: Pick<SlotFile, 'path'>): string {
  return `${path}${removedEnd}`;
}

/** The name of the slot that a file of this name was before its backup was removed; undefined for any other file. */
export function removedBy(name: string): string | undefined {
  return name.endsWith(removedEnd) ? name.slice(0, -removedEnd.length) : undefined;
}

/**
 * Removes the backup of a slot, sound or not: from now on there is none. A slot that is void, or not there, stays so. It is
 * not durable until the directory is synced.
 */
export async function removeSlotFile(file: SlotFile): Promise<void> {
  const content = await readSlotFile(file).catch(error => {
    if (error instanceof FailureError) return 'damaged' as const;
    throw error;
  });
  if (content === undefined || (content !== 'damaged' && content.slot === 'void')) return;
  await unlessMissing(() => rename(file.path, removedPath(file)));
}

/** What the slot of a removed backup holds still; undefined where it was emptied, or is gone. Rejects where it is damaged. */
export async function readRemovedSlot(file: SlotFile): Promise<SlotContent | undefined> {
  const text = await unlessMissing(() => slotText(removedPath(file)));
  return text === undefined || text === '' ? undefined : parseSlot(file, text);
}

async function unlessMissing<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const slotBytesMax = 64 * 1024;

async function slotText(path: string): Promise<string> {
  const file = await openStored(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(slotBytesMax), 0, slotBytesMax, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Tries of a link whose temporary file was swept away under it, by a discard of the same run. */
const triesMax = 5;

async function linkSlot(file: SlotFile, wanted: SlotContent): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const draft = join(file.drafts, `${file.draftPrefix}${randomBytes(8).toString('hex')}`);
    try {
      await ensureDirectory(file.drafts);
      await writeSynced(draft, sealJson(wanted));
      failpoint('slot.before-link');
      await link(draft, file.path);
      failpoint('slot.after-link');
      return;
    } catch (error) {
      // Taken, or taken while we were stopped and our file swept: the caller reads what is there.
      if ((await readSlotFile(file)) !== undefined) return;
      if (errorCode(error) !== 'ENOENT' || tries === triesMax) throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }
}

function parseSlot({ run, isManifest }: SlotFile, text: string): SlotContent {
  let json: Record<string, unknown>;
  try {
    json = openSealedJson(text);
  } catch (error) {
    throw damaged(run, (error as Error).message, text, error);
  }
  const { slot, manifest, outcome, at, epoch } = json;
  if (json.run !== run) throw damaged(run, 'it is that of another run', text);
  if (typeof at === 'string') {
    if (slot === 'void' && Number.isSafeInteger(epoch)) return { slot, run, epoch: epoch as number, at };
    const isNamed = typeof manifest === 'string' && isManifest(manifest);
    if (slot === 'manifest' && isNamed && (outcome === 'completed' || outcome === 'partial'))
      return { slot, run, manifest, outcome, at };
  }
  throw damaged(run, 'it is none', text);
}

function damaged(run: string, why: string, text: string, cause?: unknown): FailureError {
  return corrupt(`the commit slot of ${run} is damaged: ${why}; it holds ${text.slice(0, 200)}`, cause);
}
