/**
 * The scratch of a drill, `<data>/scratch/<run id>/`: what it restores lies in `tree` there, and all of it goes with the
 * run. The directory above is passable, for a command may run as another user; what is in it belongs to its drill alone.
 */
import { chmod, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '../../core/ids.ts';
import { formatSize } from '../../core/sizes.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import type { RunContext } from '../../domain/run.ts';
import type { EngineScope, EngineStep } from '../../engines/engine.ts';
import { permanent } from '../../engines/failures.ts';
import { freeBytesAt } from '../../engines/free-bytes.ts';

type OfAgent = Pick<AgentConfig, 'data'>;

/** What a disk keeps free beside what is restored onto it: records of runs go on being written there. */
const spareBytes = 64 * 2 ** 20;

/** The run as its engine sees it: a drill restores into its scratch on whichever agent it runs. */
export function withScratch(run: RunContext, config: OfAgent): RunContext {
  if (run.task !== 'drill' || !run.restore) return run;
  return { ...run, restore: { ...run.restore, to: join(scratchOf(config, run.id), 'tree') } };
}

/** Rejects with `agent-disk-full` unless the backup would fit. */
export async function refuseWithoutRoom({ backup, config }: EngineScope): Promise<void> {
  const { id, bytes } = await backup();
  const freeBytes = await freeBytesAt(config.data);
  if (freeBytes === undefined || freeBytes >= bytes + spareBytes) return;
  const message = `a drill of backup ${id} needs ${formatSize(bytes + spareBytes)} in ${config.data}, which has ${formatSize(freeBytes)} free`;
  throw permanent(
    'agent-disk-full',
    message,
    "make room on the disk of `data` of the agent's file, and start it again",
  );
}

/** A restore whose process, whenever it is started, begins in an empty scratch. */
export function intoScratch<Output>(step: EngineStep<Output>, { run, config }: EngineScope): EngineStep<Output> {
  return {
    ...step,
    order: async () => {
      await removeScratch(config, run.id);
      await mkdir(join(config.data, 'scratch'), { recursive: true, mode: 0o711 });
      await mkdir(scratchOf(config, run.id), { mode: 0o700 });
      return await step.order();
    },
  };
}

/** Removes a run's scratch, whatever modes were restored there; true where there was one. May be called twice. */
export async function removeScratch(config: OfAgent, id: string): Promise<boolean> {
  const path = scratchOf(config, id);
  if (!(await lstat(path).catch(() => undefined))) return false;
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    await openAll(Buffer.from(path));
    await rm(path, { recursive: true, force: true });
  }
  return true;
}

/** The runs that have a scratch. */
export async function runsWithScratch({ data }: OfAgent): Promise<string[]> {
  const names = await readdir(join(data, 'scratch')).catch(() => []);
  return names.filter(isId).sort();
}

export function scratchOf({ data }: OfAgent, id: string): string {
  if (!isId(id)) throw new Error(`not a run id: ${JSON.stringify(id)}`);
  return join(data, 'scratch', id);
}

/** Lets its owner into every directory of a tree. Names are bytes. */
async function openAll(directory: Buffer): Promise<void> {
  await chmod(directory, 0o700);
  const entries = await readdir(directory, { withFileTypes: true, encoding: 'buffer' });
  for (const entry of entries)
    if (entry.isDirectory()) await openAll(Buffer.concat([directory, Buffer.from('/'), entry.name]));
}
