/**
 * What a run's watcher obeys, in files that a shell can read. Each is whole and synced once its write resolves, and may
 * be written again while the engine runs; the watcher looks once a second.
 */
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from './synced-file.ts';

export interface EngineBounds {
  /** When the engine is ended though nobody asks for it, in ms since the epoch of this host's clock; null is never. */
  deadlineAt?: number | null;
  /** How long the polite signal of the watcher may take, 20 s unless given; it counts in whole seconds. */
  graceMs?: number;
  /** The polite signal of the watcher; SIGTERM unless the engine knows a better one. */
  signal?: NodeJS.Signals;
  /** What the logs may take together, 64 MiB unless given. */
  logBytesMax?: number | undefined;
}

/** As `runner.sh` has it. */
const graceDefaultMs = 20_000;

/** Writes what is given; what is not stays as it is. */
export async function writeBounds(directory: string, bounds: EngineBounds): Promise<void> {
  const { deadlineAt, graceMs, signal, logBytesMax } = bounds;
  const write = (name: string, text: string) => writeWhole(directory, name, `${text}\n`);
  if (logBytesMax !== undefined) await write('log-max', String(logBytesMax));
  // The deadline last: it never holds with the grace or the signal of another.
  if (graceMs !== undefined) await write('grace', String(Math.ceil(Math.max(0, graceMs) / 1_000)));
  if (signal !== undefined) await write('signal', signal.replace(/^SIG/, ''));
  if (deadlineAt === null) await rm(join(directory, 'deadline'), { force: true });
  else if (deadlineAt !== undefined) await write('deadline', String(Math.max(0, Math.ceil(deadlineAt / 1_000))));
}

/** Asks the watcher to end the engine, as it does at the deadline. A full disk takes it, too. May be called twice. */
export function writeCancel(directory: string): void {
  try {
    symlinkSync('.', join(directory, 'cancel'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** What the watcher's polite signal may take. */
export function readGraceMs(directory: string): number {
  const path = join(directory, 'grace');
  const text = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  return /^\d+$/.test(text) ? Number(text) * 1_000 : graceDefaultMs;
}
