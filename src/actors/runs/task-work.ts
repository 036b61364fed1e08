/** What differs from task to task in the work of a run; what all have in common is in run-effects.ts. */
import type { RunEffectInput } from '../../../machines/run-effects.ts';
import { failureOf } from '../../core/failure.ts';
import { timeText } from '../../core/time-text.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import type { RunContext, RunKind, TransferOutput } from '../../domain/run.ts';
import { type EngineScope, type EngineStep, isStep } from '../../engines/engine.ts';
import { engineOf } from '../../engines/engines.ts';
import { permanent } from '../../engines/failures.ts';
import type { AgentParts } from '../agent-parts.ts';
import { condemn, removeCondemned } from '../retention/prune-run.ts';
import { drillPhase, transferDrill } from './drill.ts';
import { transferOf } from './engine-work.ts';
import { refuseWithoutRoom, removeScratch, scratchOf } from './scratch.ts';

/** What an effect of a run has at hand. */
export interface Asked {
  input: RunEffectInput;
  scope: EngineScope;
  parts: AgentParts;
  signal: AbortSignal;
}

export interface TaskWork {
  prepare: (asked: Asked) => Promise<void>;
  transfer: (asked: Asked) => Promise<TransferOutput>;
  /** The process that an agent may have left behind. Without it, what was under way is asked for again, and found. */
  leftProcess?: (asked: Asked) => Promise<{ key: string; step: EngineStep<TransferOutput> }>;
  /** Another attempt goes on where one was cut off. */
  isResumable: (run: RunContext, config: AgentConfig) => boolean;
  /** Removes what is its own beside the engine's; resolves with what had to be left, and why. */
  cleanUp?: (run: RunContext, parts: AgentParts) => Promise<string[]>;
}

const ofEngine: TaskWork = {
  prepare: async ({ input: { run }, scope, signal }) => await engineOf(run.document).prepare?.(scope, signal),
  transfer: ({ input, scope, parts, signal }) =>
    parts.engineRuns.run(transferOf(input, parts), engineOf(input.run.document).transfer(scope), signal),
  leftProcess: async ({ input: { run, key }, scope }) => ({ key, step: engineOf(run.document).transfer(scope) }),
  isResumable: ({ document }, config) => engineOf(document).isResumable(document, config),
};

const verify: TaskWork = {
  ...ofEngine,
  transfer: async asked => {
    const { input, parts, signal } = asked;
    const output = await ofEngine.transfer(asked);
    const verifiedAt = timeText(parts.clock.now());
    if (input.run.restore && output.outcome === 'completed')
      await parts.entries.update(input.run.restore.backup, entry => ({ ...entry, verifiedAt }), signal);
    return output;
  },
};

const snapshot: TaskWork = {
  prepare: ofEngine.prepare,
  transfer: async ({ input: { run }, scope }) => {
    const { snapshots } = engineOf(run.document);
    if (snapshots) return await snapshots.taken(scope);
    const message = `the engine ${run.document.engine.type} makes no snapshots`;
    throw permanent('engine-failed', message, `make a backup with: reeve backup ${run.plan}`);
  },
  isResumable: () => true,
};

const prune: TaskWork = {
  prepare: async asked => {
    await ofEngine.prepare(asked);
    await condemn(asked.input, asked.parts, asked.signal);
  },
  transfer: ({ input, parts, signal }) =>
    removeCondemned(input, parts, signal, async work => {
      const step = await work;
      return isStep(step) ? await parts.engineRuns.run(transferOf(input, parts), step, signal) : step;
    }),
  isResumable: () => true,
};

const drill: TaskWork = {
  prepare: async asked => {
    await refuseWithoutRoom(asked.scope);
    await ofEngine.prepare(asked);
  },
  transfer: ({ input, scope, parts, signal }) => transferDrill(input, scope, transferOf(input, parts), parts, signal),
  leftProcess: ({ input, scope }) => drillPhase(input, scope),
  isResumable: () => true,
  cleanUp: async ({ id, pids }, { config }) => {
    const path = scratchOf(config, id);
    if (pids.length > 0) return [`${path}: its engine could not be ended, and may still write there`];
    return await removeScratch(config, id).then(
      () => [],
      (error: unknown) => [`${path}: ${failureOf(error).message}`],
    );
  },
};

const works: Record<RunKind, TaskWork> = { backup: ofEngine, restore: ofEngine, verify, snapshot, prune, drill };

export function workOf({ task }: RunContext): TaskWork {
  return works[task];
}
