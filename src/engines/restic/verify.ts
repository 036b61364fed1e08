/** `restic check`: the whole repository, with as much of its data as the plan says. It needs the repository for itself. */
import type { Progress, TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep } from '../engine.ts';
import { redacted, resticEnvironment } from './environment.ts';
import { damageSaid, exits, resticCommand } from './facts.ts';
import { complaintOf, lastLine, resticFailure } from './failures.ts';
import { clearFormer } from './preparation.ts';
import { planOf } from './scope.ts';
import { snapshotOf } from './snapshots.ts';

export function verifyStep(scope: EngineScope): EngineStep<TransferOutput> {
  const readData = planOf(scope).check?.readData ?? '100%';
  const amount = readData === '100%' ? '--read-data' : `--read-data-subset=${readData}`;
  return {
    order: async () => {
      await clearFormer(scope);
      const { manifest } = await scope.backup();
      await snapshotOf(scope, manifest, new AbortController().signal);
      // It makes a cache of its own, which a killed one leaves: in the run's directory it goes with the run.
      const env = { ...(await resticEnvironment(scope)), RESTIC_CACHE_DIR: scope.directory.path };
      return { command: resticCommand, args: ['check', amount], env };
    },
    hear: progressOf,
    outcome: async end => {
      if (end.code === exits.done) return output('completed');
      if (complaintOf(end) || !damageSaid.test(end.stderrTail)) throw await resticFailure(scope, end);
      const said = lastLine(
        (await redacted(scope, end.stderrTail)).replace(/\n?Fatal: repository contains errors\s*$/, ''),
      );
      const message = `the repository of backup ${scope.run.restore?.backup} has errors: ${said}`;
      const hint = 'see all of them with: reeve logs; restore what you can, and repair it as restic tells';
      return { ...output('failed'), reason: 'data-corrupt', message, hint };
    },
  };
}

function output(outcome: 'completed' | 'failed'): TransferOutput {
  const result = { bytes: null, files: null, bytesStored: null, position: null, manifest: null };
  return { outcome, reason: null, result, skipped: { count: 0, first: [], path: null } };
}

/** It counts snapshots, then packs: `[0:01] 50.00%  1 / 2 packs`. */
function progressOf(line: string): Progress | undefined {
  const [, done, total] = /(\d+) \/ (\d+) (?:packs|snapshots)/.exec(line) ?? [];
  if (done === undefined) return undefined;
  const unknown = { bytesDone: null, bytesTotal: null, rateBytesPerS: null, etaS: null };
  return { ...unknown, filesDone: Number(done), filesTotal: Number(total) };
}
