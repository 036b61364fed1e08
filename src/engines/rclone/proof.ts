/**
 * The proof of a copy: rclone leaves a file that it was killed over truncated and under its final name, so every file of
 * the source is held against the remote by its size. Contents were compared as each file was copied, where the remote
 * has hashes. What differs because the source went on changing is no fault of the copy.
 */
import { access, constants, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineScope, EngineStep } from '../engine.ts';
import { transient } from '../failures.ts';
import { command } from './facts.ts';
import { sourceFilters } from './filter-file.ts';
import { directoryOf } from './remote.ts';
import { Words } from './words.ts';

/** A tick of clocks that a file system may be behind by. */
const clockMs = 2_000;
/** Differences beyond which a source is not told from a bad copy any more. */
const examinedMax = 100_000;

/** Rejects with `proof-missing`, which another attempt may mend: it copies what differs. */
export function checkStep(scope: EngineScope, common: readonly string[], source: string): EngineStep<void> {
  const { run } = scope;
  const words = new Words();
  const different: string[] = [];
  return {
    order: async () => {
      const told = ['--differ', '-', '--missing-on-dst', '-', '--error', '-'];
      const args = ['check', '--one-way', '--size-only', ...told, ...(await sourceFilters(scope)), ...common];
      return { command, args: [...args, '--', source, directoryOf(scope, run.id)] };
    },
    hear: line => {
      if (different.length <= examinedMax) different.push(line);
      return undefined;
    },
    hearError: line => words.hear(line),
    outcome: async end => {
      if (end.code === 0) return;
      words.hearTail(end.stderrTail);
      const since = Date.parse(run.startedAt ?? '') - clockMs;
      const bad = different.length > examinedMax ? different : await unexplained(source, different, since);
      if (bad.length > 0)
        throw transient(
          'proof-missing',
          `${bad.length} files are not at the remote as the source has them: ${bad.slice(0, 20).join(', ')}`,
          'the next attempt copies them again',
        );
      if (different.length === 0 && !words.onlySkipped())
        throw words.failure('the check of the copy failed', end.stderrTail);
    },
  };
}

/** Those that the source has had since before the run, and lets us read. */
async function unexplained(source: string, names: readonly string[], sinceMs: number): Promise<string[]> {
  const bad: string[] = [];
  for (const name of names) {
    const path = join(source, name.replace(/\.rclonelink$/, ''));
    const stats = await lstat(path).catch(() => undefined);
    if (!stats || stats.ctimeMs > sinceMs) continue;
    if (stats.isSymbolicLink() || (await isReadable(path))) bad.push(name);
  }
  return bad;
}

async function isReadable(path: string): Promise<boolean> {
  return await access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
