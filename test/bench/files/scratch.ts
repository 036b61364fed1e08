/** The directory that everything of a benchmark lies in, which is gone when it ends, however it ends. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { killRunning, runProcess } from './measured-process.ts';

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const removalsMax = 5;

/** Makes a new directory in `parent`, which exists; a signal to stop kills what runs and removes it as well. */
export async function withScratch<T>(parent: string, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(parent, 'reeve-bench-files-'));
  const clean = () => {
    killRunning();
    // A process that was killed may write its last file while its directory is removed.
    for (let left = removalsMax; left > 0; left -= 1)
      if (spawnSync('rm', ['-rf', scratch], { stdio: 'inherit' }).status === 0) return;
  };
  const stop = (signal: NodeJS.Signals) => {
    process.stderr.write(`${signal}: removing ${scratch}\n`);
    clean();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of stopSignals) process.on(signal, stop);
  try {
    return await work(scratch);
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
    clean();
  }
}

export async function remove(...paths: string[]): Promise<void> {
  await runProcess(['rm', '-rf', ...paths]);
}

/**
 * Gives the room of a tree back, and leaves its files there, empty. An ext4 without a journal looks, at each file that is
 * made, through those that were removed within the last minute: whoever makes files next would pay for a removal.
 */
export async function empty(tree: string): Promise<void> {
  await runProcess(['find', tree, '-type', 'f', '-exec', 'truncate', '--size=0', '{}', '+']);
}

/** Waits until all of its file system is on disk, so that nobody pays for what another one has written. */
export async function settle(scratch: string): Promise<void> {
  await runProcess(['sync', '-f', scratch]);
}

/** Reads a tree once, so that its next reader finds it in the page cache: also its holes, which nobody has written. */
export async function warm(tree: string): Promise<void> {
  await runProcess(['find', tree, '-type', 'f', '-exec', 'sh', '-c', 'cat "$@" >/dev/null', 'warm', '{}', '+']);
}

/** Drops what the page cache holds of a tree that is on disk, so that its next reader reads from the disk. */
export async function forget(tree: string): Promise<void> {
  const drop = 'for file; do dd if="$file" iflag=nocache count=0 status=none; done';
  await runProcess(['find', tree, '-type', 'f', '-exec', 'sh', '-c', drop, 'forget', '{}', '+']);
}
