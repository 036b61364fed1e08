/** A prune: `forget` of the snapshots by their ids, then `restic prune`, which needs the repository for itself. */
import type { Progress } from '../../domain/run.ts';
import type { DoomedBackup, EngineScope, EngineStep, PruneOutput } from '../engine.ts';
import { resticEnvironment } from './environment.ts';
import { exits, resticCommand } from './facts.ts';
import { resticFailure } from './failures.ts';
import { clearFormer } from './preparation.ts';
import { forgetSnapshots } from './snapshots.ts';

export function pruneStep(scope: EngineScope, backups: readonly DoomedBackup[]): EngineStep<PruneOutput> {
  let bytesFreed: number | null = null;
  return {
    order: async () => {
      await clearFormer(scope);
      const ids = backups.map(({ manifest }) => manifest);
      await forgetSnapshots(scope, ids, new AbortController().signal);
      return { command: resticCommand, args: ['prune'], env: await resticEnvironment(scope) };
    },
    hear: line => {
      bytesFreed ??= bytesIn(line);
      return progressOf(line);
    },
    outcome: async end => {
      if (end.code === exits.done) return { bytesFreed };
      throw await resticFailure(scope, end);
    },
  };
}

const unitBytes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/** `total prune:        74 blobs / 1.072 MiB`; null for any other line. */
function bytesIn(line: string): number | null {
  const [, count, unit] = /^total prune: .* ([\d.]+) ([KMGT]?i?B)$/.exec(line.trim()) ?? [];
  return count === undefined ? null : Math.round(Number(count) * (unitBytes[unit as keyof typeof unitBytes] ?? 1));
}

/** It counts snapshots, packs and files, each in its turn: `[0:01] 50.00%  1 / 2 packs repacked`. */
function progressOf(line: string): Progress | undefined {
  const [, done, total] = /(\d+) \/ (\d+) (?:packs|snapshots|files|index)/.exec(line) ?? [];
  if (done === undefined) return undefined;
  const unknown = { bytesDone: null, bytesTotal: null, rateBytesPerS: null, etaS: null };
  return { ...unknown, filesDone: Number(done), filesTotal: Number(total) };
}
