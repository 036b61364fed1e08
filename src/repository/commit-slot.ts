/**
 * The commit slot of a run in a repository of ours: the referee, decided once, for ever (slot-file.ts). A slot names a
 * manifest only if that manifest was there, whole, when its commit began.
 */
import { FailureError } from '../core/failure.ts';
import type { SlotContent } from '../domain/catalog.ts';
import { checkManifest, readHeader } from './manifest-reader.ts';
import { type Repository, runDirectory, slotPath } from './repository.ts';
import { atRepository } from './repository-failure.ts';
import { readSlotFile, type SlotFile, settleSlotFile } from './slot-file.ts';

/** Decides a run's slot as `wanted`, unless it is decided; answers what it holds. The caller compares. */
export async function settleSlot(
  repository: Repository,
  wanted: SlotContent,
  signal: AbortSignal,
): Promise<SlotContent> {
  signal.throwIfAborted();
  const decided = await readSlot(repository, wanted.run);
  if (decided === undefined && wanted.slot === 'manifest') await proveManifest(repository, wanted, signal);
  return atRepository(repository.path, () => settleSlotFile(slotFileOf(repository, wanted.run), wanted));
}

/** What a run's slot holds; undefined while it is not decided. */
export async function readSlot(repository: Repository, run: string): Promise<SlotContent | undefined> {
  return atRepository(repository.path, () => readSlotFile(slotFileOf(repository, run)));
}

export function slotFileOf(repository: Repository, run: string): SlotFile {
  return {
    run,
    path: slotPath(repository, run),
    drafts: runDirectory(repository, run),
    draftPrefix: 'slot-',
    isManifest: manifest => /^[0-9a-f]{64}$/.test(manifest),
  };
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
