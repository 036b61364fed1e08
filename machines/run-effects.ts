/**
 * What a run asks of the world: typed holes that `src/actors` fills.
 *
 * 1. Each effect is idempotent under its `key`: a restored run asks again for what its state asks for.
 * 2. An abort of the signal lets go and no more: only `stopEngine` and `suspendEngine` end an engine. So a run that
 *    leaves `transferring` to be finished under a drain asks for `transfer` again, and that follows the same engine.
 * 3. Expected failures reject with a FailureError; anything else is taken for a defect.
 */
import type { Reason } from '../src/domain/reasons.ts';
import type { RunContext, TransferOutput } from '../src/domain/run.ts';
import { hole } from './hole.ts';

export type { TransferOutput } from '../src/domain/run.ts';

/** What every effect is told. */
export interface RunEffectInput {
  /** `<id>:<attempt>`, and `.<n>` after the n-th resumption: what is asked again under one key happens once. */
  key: string;
  run: RunContext;
}

/** Whether a process of the run is left. */
export type StopOutput = { gone: true } | { gone: false; pids: number[] };

/** What the commit slot says, for good. */
export type SlotOutput = { slot: 'manifest'; outcome: 'completed' | 'partial' } | { slot: 'void' };

/** What was found of an engine that ran on without its agent. `ended` has an exit recorded, which `transfer` then reads. */
export type ReattachOutput =
  | { found: 'alive' }
  | { found: 'ended' }
  | { found: 'gone'; resumable: boolean; reason: Reason };

/** What had to be left behind, each with the reason why. */
export interface CleanUpOutput {
  kept: string[];
}

export const runEffects = {
  /** Resolves when the run has its turn; at once when it has it already. */
  waitForSlot: hole<void, RunEffectInput>('waitForSlot'),
  /** Hooks, checks of the source and the repository, a destination. */
  prepare: hole<void, RunEffectInput>('prepare'),
  /** Starts the engine of this key, or follows the one that runs. Rejects only when no process of it is left. */
  transfer: hole<TransferOutput, RunEffectInput>('transfer'),
  /** Proves the staged backup complete; rejects with `proof-missing` or `data-corrupt`. */
  proveCompletion: hole<void, RunEffectInput>('proveCompletion'),
  /** Puts the manifest into the commit slot, by an exclusive create; resolves with what the slot says. */
  commit: hole<SlotOutput, RunEffectInput>('commit'),
  /** The stop ladder: polite signal, grace, KILL, wait until none is left. */
  stopEngine: hole<StopOutput, RunEffectInput>('stopEngine'),
  /** Stops at a chunk boundary and keeps what was stored. */
  suspendEngine: hole<StopOutput, RunEffectInput>('suspendEngine'),
  /** Lets the engine run on without its agent. */
  letGo: hole<void, RunEffectInput>('letGo'),
  /** Looks for the engine that was left running. */
  reattach: hole<ReattachOutput, RunEffectInput>('reattach'),
  /** Puts `void` into the commit slot, or finds what is there; tries until its signal is aborted. */
  settleSlot: hole<SlotOutput, RunEffectInput>('settleSlot'),
  /** Removes temporary files, locks and snapshots, runs the `finally` hooks, gives the place back. */
  cleanUp: hole<CleanUpOutput, RunEffectInput>('cleanUp'),
};

/** The input of every effect: a function of durable state. */
export function effectInput({ context }: { context: RunContext }): RunEffectInput {
  const { id, attempt, resumes } = context;
  return { key: resumes === 0 ? `${id}:${attempt}` : `${id}:${attempt}.${resumes}`, run: context };
}
