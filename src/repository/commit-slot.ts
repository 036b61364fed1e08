/**
 * The commit slot: the referee of a run, decided once, for ever.
 *
 * 1. A slot is made by link(2) of a complete, synced file: whoever reads it reads all of it, and of any number of
 *    callers one wins. It is never renamed, replaced or removed.
 * 2. Whoever loses is answered what is there. To settle again what is there already is no loss.
 * 3. The answer is given only after the slot's name is durable.
 * 4. A slot names a manifest only if that manifest was there, whole, when its commit began.
 * 5. A slot carries a check of itself (sealed-json.ts): what a damaged disk made of it decides nothing.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import { FailureError } from '../core/failure.ts';
import type { SlotContent } from '../domain/catalog.ts';
import { directoryMode, syncDirectory, writeSynced } from './durable-file.ts';
import { checkManifest, readHeader } from './manifest-reader.ts';
import { type Repository, runDirectory, slotPath } from './repository.ts';
import { atRepository, corrupt, errorCode } from './repository-failure.ts';
import { openSealedJson, sealJson } from './sealed-json.ts';
import { openStored } from './stored-file.ts';

/** Decides a run's slot as `wanted`, unless it is decided; answers what it holds. The caller compares. */
export async function settleSlot(
  repository: Repository,
  wanted: SlotContent,
  signal: AbortSignal,
): Promise<SlotContent> {
  signal.throwIfAborted();
  const decided = await readSlot(repository, wanted.run);
  if (decided === undefined && wanted.slot === 'manifest') await proveManifest(repository, wanted, signal);
  return atRepository(repository.path, async () => {
    if (decided === undefined) await linkSlot(repository, wanted);
    await syncDirectory(join(repository.path, 'slots'));
    const content = await readSlot(repository, wanted.run);
    if (content === undefined) throw new Error(`the slot of ${wanted.run} is gone from ${repository.path}`);
    return content;
  });
}

/** What a run's slot holds; undefined while it is not decided. */
export async function readSlot(repository: Repository, run: string): Promise<SlotContent | undefined> {
  return atRepository(repository.path, async () => {
    try {
      return parseSlot(run, await slotText(repository, run));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  });
}

const slotBytesMax = 64 * 1024;

async function slotText(repository: Repository, run: string): Promise<string> {
  const file = await openStored(slotPath(repository, run));
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(slotBytesMax), 0, slotBytesMax, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Tries of a link whose temporary file was swept away under it, by a discard of the same run. */
const triesMax = 5;

async function linkSlot(repository: Repository, wanted: SlotContent): Promise<void> {
  const slot = slotPath(repository, wanted.run);
  const directory = runDirectory(repository, wanted.run);
  for (let tries = 1; ; tries += 1) {
    const draft = join(directory, `slot-${randomBytes(8).toString('hex')}`);
    try {
      await mkdir(directory, { recursive: true, mode: directoryMode });
      await writeSynced(draft, sealJson(wanted));
      failpoint('slot.before-link');
      await link(draft, slot);
      failpoint('slot.after-link');
      return;
    } catch (error) {
      // Taken, or taken while we were stopped and our file swept: the caller reads what is there.
      if ((await readSlot(repository, wanted.run)) !== undefined) return;
      if (errorCode(error) !== 'ENOENT' || tries === triesMax) throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }
}

async function proveManifest(
  repository: Repository,
  wanted: SlotContent & { slot: 'manifest' },
  signal: AbortSignal,
): Promise<void> {
  await checkManifest(repository, wanted.manifest, signal);
  const header = await readHeader(repository, wanted.manifest);
  if (header.run === wanted.run) return;
  throw new FailureError({
    kind: 'permanent',
    code: 'proof-missing',
    message: `the manifest ${wanted.manifest} is of the run ${header.run}, not of ${wanted.run}`,
    hint: 'start the backup again',
  });
}

function parseSlot(run: string, text: string): SlotContent {
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
    const isManifest = typeof manifest === 'string' && /^[0-9a-f]{64}$/.test(manifest);
    if (slot === 'manifest' && isManifest && (outcome === 'completed' || outcome === 'partial'))
      return { slot, run, manifest, outcome, at };
  }
  throw damaged(run, 'it is none', text);
}

function damaged(run: string, why: string, text: string, cause?: unknown): FailureError {
  return corrupt(`the commit slot of ${run} is damaged: ${why}; it holds ${text.slice(0, 200)}`, cause);
}
