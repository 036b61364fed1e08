/**
 * What an earlier attempt of the same run, which was stopped or killed, left for this one: the chunks that it wrote, and the
 * manifest as far as it came. A file that it had finished is not read again, where it has not changed since and its chunks
 * are there; the one that it was at is.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkSet } from '../../repository/chunk-set.ts';
import { keepDraft, keptBlocks } from '../../repository/manifest-draft.ts';
import type { Repository } from '../../repository/repository.ts';
import { openRunDirectory } from '../../repository/run-files.ts';
import { salvagePacks } from '../../repository/salvage.ts';
import { Base, openManifest } from './base.ts';

export interface EarlierAttempt {
  /** The run's directory, with nothing in it but what is kept. */
  directory: string;
  /** Undefined where there was none, or none of it can be used. */
  base: Base | undefined;
}

/** `known` are the chunks of packs that have names; what is salvaged is added to it. */
export async function openEarlierAttempt(
  repository: Repository,
  run: string,
  known: ChunkSet,
  signal: AbortSignal,
): Promise<EarlierAttempt> {
  let bytes = 0;
  const directory = await openRunDirectory(repository, run, async at => {
    await salvagePacks(repository, run, known);
    const kept = await keepDraft(at);
    bytes = kept.bytes;
    return kept.names;
  });
  // One that was killed between its end and its answer staged all of it.
  for (const manifest of stagedIn(directory)) {
    const base = await openManifest(repository, manifest, known, signal);
    if (base) return { directory, base };
  }
  return { directory, base: bytes === 0 ? undefined : new Base(undefined, keptBlocks(directory, bytes), known) };
}

function stagedIn(directory: string): string[] {
  try {
    return readdirSync(join(directory, 'staged'));
  } catch {
    return [];
  }
}

/** Asks the one, then the other. */
export function eitherOf(
  one: Pick<Base, 'find'> | undefined,
  other: Pick<Base, 'find'> | undefined,
): Pick<Base, 'find'> | undefined {
  if (!one || !other) return one ?? other;
  return {
    find(path, stat) {
      const found = one.find(path, stat);
      if (found instanceof Promise) return found.then(known => known ?? other.find(path, stat));
      return found ?? other.find(path, stat);
    },
  };
}
