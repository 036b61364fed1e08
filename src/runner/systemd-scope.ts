/**
 * Where systemd is the init, a run gets a scope of its own: what is in the agent's unit ends when that is stopped or
 * restarted. `systemd-run --scope` becomes the runner, so pid, files and environment stay as they are; the runner makes
 * the engine's leaf inside of the scope, which is delegated to it. The deadline stays the watcher's: RuntimeMaxSec would
 * not move with one that is written again.
 *
 * Written from systemd's documentation and not tried on a host that has it: where systemd-run refuses, the run is started
 * without it.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineLimits } from './cgroup-leaves.ts';
import { isClaimed, type StartFile } from './run-files.ts';
import { type RunnerStart, type StartedRunner, spawnRunner } from './runner-process.ts';

/** For `runner.sh`: it runs in a scope of its own. */
const marker = 'scope';

/** Undefined where there is no systemd, or it did not start the runner. */
export async function spawnInScope(
  start: RunnerStart,
  file: StartFile,
  limits: EngineLimits,
): Promise<StartedRunner | undefined> {
  const { path } = start.directory;
  if (!existsSync('/run/systemd/system') || process.getuid?.() !== 0) return undefined;
  writeFileSync(join(path, marker), '');
  const started = await spawnRunner(start, file, scopeCommand(file.start, limits));
  while (!isClaimed(path, file)) {
    if (started.child.exitCode !== null || started.child.signalCode !== null) {
      rmSync(join(path, marker), { force: true });
      return undefined;
    }
    await delay(2);
  }
  return started;
}

/** The words before the runner's own. */
export function scopeCommand(start: string, { memoryBytes, cpus }: EngineLimits): string[] {
  const properties = ['Delegate=yes'];
  if (memoryBytes !== undefined) properties.push(`MemoryMax=${memoryBytes}`, 'MemorySwapMax=0');
  if (cpus !== undefined) properties.push(`CPUQuota=${Math.max(1, Math.round(cpus * 100))}%`);
  const options = properties.map(property => `--property=${property}`);
  return ['systemd-run', '--scope', '--quiet', '--collect', `--unit=reeve-${start}`, ...options, '--'];
}
