/**
 * At most one process at a time starts or stops the server of a data directory.
 *
 * 1. The lock is the file `start.lock.<n>` with the highest n: it names the process that holds it, or says that it is
 *    free. Whoever wants it creates n + 1 exclusively (a link of a file that is already whole).
 * 2. Only a free lock, or one whose process is gone, has a successor. Numbers only grow and the highest is never removed,
 *    so a starter that judged an old lock finds a higher number, and lets go.
 */
import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureError } from '../core/failure.ts';
import { identityOf, isAlive, isProcessIdentity, type ProcessIdentity } from '../runner/process-identity.ts';

const prefix = 'start.lock.';

export interface LockPatience {
  /** How long to wait for another holder. */
  withinMs: number;
}

/** Holds the lock of a directory while `work` runs. Rejects with the failure `nats-server-busy` where it stays taken. */
export async function withStartLock<T>(
  directory: string,
  { withinMs }: LockPatience,
  work: () => Promise<T>,
): Promise<T> {
  const end = performance.now() + withinMs;
  let held = await acquire(directory);
  while (held === undefined) {
    if (performance.now() > end) throw busy(directory, withinMs);
    await delay(20);
    held = await acquire(directory);
  }
  try {
    return await work();
  } finally {
    await create(directory, held + 1, null);
  }
}

/** The number that we hold now; undefined while somebody else holds the lock. */
async function acquire(directory: string): Promise<number | undefined> {
  const highest = await highestOf(directory);
  if (highest > 0 && !(await isFree(directory, highest))) return undefined;
  const own = identityOf(process.pid);
  if (!own || !(await create(directory, highest + 1, own))) return undefined;
  if ((await highestOf(directory)) === highest + 1) {
    await removeBelow(directory, highest);
    return highest + 1;
  }
  // Ours was a number of the past: the lock went on without us meanwhile.
  await rm(join(directory, `${prefix}${highest + 1}`), { force: true });
  return undefined;
}

/** Free: it says so, or its process is gone, or it was overtaken and removed while we looked. */
async function isFree(directory: string, number: number): Promise<boolean> {
  const text = await readFile(join(directory, `${prefix}${number}`), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return false;
  const holder = holderIn(text);
  return !holder || !isAlive(holder);
}

/** A file that a power failure emptied names nobody, like one that says that it is free. */
function holderIn(text: string): ProcessIdentity | undefined {
  try {
    const json = JSON.parse(text) as unknown;
    return isProcessIdentity(json) ? json : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** False where the number is taken. */
async function create(directory: string, number: number, holder: ProcessIdentity | null): Promise<boolean> {
  const whole = join(directory, `start.lock-${randomUUID()}`);
  await writeFile(whole, JSON.stringify(holder), { mode: 0o600 });
  try {
    await link(whole, join(directory, `${prefix}${number}`));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(whole, { force: true });
  }
}

async function numbersOf(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.filter(name => /^start\.lock\.\d+$/.test(name)).map(name => Number(name.slice(prefix.length)));
}

async function highestOf(directory: string): Promise<number> {
  return Math.max(0, ...(await numbersOf(directory)));
}

/** The number just below stays too: a directory that is read while it changes may not show its newest name. */
async function removeBelow(directory: string, number: number): Promise<void> {
  for (const old of await numbersOf(directory))
    if (old < number) await rm(join(directory, `${prefix}${old}`), { force: true });
}

function busy(directory: string, withinMs: number): FailureError {
  return new FailureError({
    kind: 'transient',
    code: 'nats-server-busy',
    message: `another process has been starting or stopping the nats-server of ${directory} for ${withinMs} ms`,
    hint: 'wait for it, or end it, and try again',
  });
}
