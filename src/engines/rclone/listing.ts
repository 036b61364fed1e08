/**
 * The listing of a backup: the hash of each file as the remote has it once the copy is proved, kept beside the backup.
 * The source may change the next minute, so it is no measure for a verify; this is. A remote that keeps no hashes has no
 * listing, and what lies there can be proved by its sizes alone.
 */
import { join } from 'node:path';
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { exitNotFound, type HashName } from './facts.ts';
import { call, directoryOf, hashOf } from './remote.ts';

/** Asking a remote for every hash takes as long as listing it; a local one reads every byte. */
const listingTimeoutMs = 6 * 60 * 60_000;

/** Makes it and stores it, over one that an attempt before left. */
export async function storeListing(scope: EngineScope, signal: AbortSignal): Promise<void> {
  const hash = await hashOf(scope, signal);
  if (hash === undefined) return;
  const path = localPath(scope);
  const directory = directoryOf(scope, scope.run.id);
  const make = ['hashsum', hash, directory, '--output-file', path];
  await call(scope, { what: 'the listing of hashes', args: make, signal, timeoutMs: listingTimeoutMs });
  const store = ['copyto', path, `${directory}.${hash}`];
  await call(scope, { what: 'the storing of the listing', args: store, signal, timeoutMs: listingTimeoutMs });
}

/** Brings it into the run's directory. Rejects with a failure where the backup has none. */
export async function fetchListing(scope: EngineScope, backup: string): Promise<{ hash: HashName; path: string }> {
  const { signal } = new AbortController(); // bounded by its time
  const hash = await hashOf(scope, signal);
  if (hash === undefined)
    throw permanent(
      'engine-failed',
      `this remote keeps no hashes, so there is nothing to hold backup ${backup} against`,
      'restore it and compare',
    );
  const path = localPath(scope);
  const args = ['copyto', '--retries', '1', `${directoryOf(scope, backup)}.${hash}`, path];
  const { code } = await call(scope, { what: 'the reading of the listing', args, signal, alsoFine: exitNotFound });
  if (code === 0) return { hash, path };
  const hint = 'restore it and compare; the next backup has a listing again';
  throw permanent('data-corrupt', `the listing of backup ${backup} is gone from the remote`, hint);
}

function localPath({ directory }: EngineScope): string {
  return join(directory.path, 'listing');
}
