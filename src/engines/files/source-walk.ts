/**
 * Walks a source in the order of a manifest: a directory, then what is in it, names by their bytes. What vanishes or
 * cannot be read on the way is told and left out; it never ends the walk. It does not wait: a promise an entry takes
 * longer than to ask the system for it. So whoever walks lets others have their turn now and then.
 */
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import type { SkippedFile } from '../../domain/run.ts';
import { type BytePath, under } from '../../repository/byte-path.ts';
import { compileGlobs } from '../../repository/glob.ts';
import { errorCode } from '../../repository/repository-failure.ts';
import type { Source } from './source.ts';

export interface WalkOptions {
  source: Source;
  exclude: readonly string[];
  oneFileSystem: boolean;
  /** Directories that are passed over without a word. */
  isForbidden: (found: BigIntStats) => boolean;
  signal: AbortSignal;
  /** Told of what is left out. */
  onSkipped: (path: BytePath, why: SkippedFile['why'], code: string) => void;
}

export interface Found {
  path: BytePath;
  stat: BigIntStats;
}

/** Everything to be backed up. A source that is a file yields that file, under its own name. */
export function* walkSource(options: WalkOptions): Generator<Found> {
  const { source } = options;
  if (source.only !== null) {
    yield { path: source.only, stat: source.stat };
    return;
  }
  yield { path: '', stat: source.stat };
  yield* walkDirectory(options, '', compileGlobs(options.exclude));
}

/** Names wait as a directory's list each, so memory grows with the widest directories on one path, not with the tree. */
function* walkDirectory(
  options: WalkOptions,
  top: BytePath,
  isExcluded: (path: BytePath, isDirectory: boolean) => boolean,
): Generator<Found> {
  const waiting = [{ directory: top, names: namesIn(options, top), next: 0 }];
  for (let current = waiting.at(-1); current; current = waiting.at(-1)) {
    const name = current.names[current.next++];
    if (name === undefined) {
      waiting.pop();
      continue;
    }
    options.signal.throwIfAborted();
    const path = current.directory === '' ? name : `${current.directory}/${name}`;
    const found = statOf(options, path, isExcluded);
    if (!found) continue;
    yield found;
    const isElsewhere = options.oneFileSystem && found.stat.dev !== options.source.stat.dev;
    if (found.stat.isDirectory() && !isElsewhere)
      waiting.push({ directory: path, names: namesIn(options, path), next: 0 });
  }
}

function statOf(
  options: WalkOptions,
  path: BytePath,
  isExcluded: (path: BytePath, isDirectory: boolean) => boolean,
): Found | undefined {
  try {
    const stat = lstatSync(under(options.source.root, path), { bigint: true });
    if (isExcluded(path, stat.isDirectory())) return undefined;
    if (stat.isDirectory() && options.isForbidden(stat)) return undefined;
    return { path, stat };
  } catch (error) {
    // Excluded by its name: then nobody misses it.
    if (!isExcluded(path, false)) tell(options, path, error);
    return undefined;
  }
}

function namesIn(options: WalkOptions, directory: BytePath): string[] {
  try {
    const names = readdirSync(under(options.source.root, directory), { encoding: 'latin1' });
    return names.sort((one, other) => (one < other ? -1 : 1));
  } catch (error) {
    tell(options, directory, error);
    return [];
  }
}

function tell(options: WalkOptions, path: BytePath, error: unknown): void {
  const skip = skipOf(error);
  if (!skip) throw error;
  options.onSkipped(path, skip.why, skip.code);
}

/** What an error of the source means for the file at hand; undefined where it is none of the file system's. */
export function skipOf(error: unknown): { why: SkippedFile['why']; code: string } | undefined {
  const code = errorCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code) || code === 'EMFILE' || code === 'ENFILE') return undefined;
  return { why: code === 'ENOENT' || code === 'ESTALE' ? 'vanished' : 'unreadable', code };
}
