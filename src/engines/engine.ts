/**
 * What an engine is to a run: one adapter a tool, and nothing else knows the tool.
 *
 * 1. An adapter keeps nothing between two calls: all that it needs is in the scope, which is durable, so a step can be
 *    followed by an agent that did not start it. What it hears it may hear again, from the first line on.
 * 2. How a step ended is told by its exit and by proof, never by the exit alone (`outcome`, then `prove`).
 * 3. Whatever it calls beside its process is bounded: see `callHelper` of `src/runner`.
 * 4. What it throws as expected is a FailureError; its code is the run's reason.
 */
import type { AgentConfig } from '../domain/agent-config.ts';
import type { CatalogEntry, SlotContent } from '../domain/catalog.ts';
import type { Plan } from '../domain/plan.ts';
import type { RepositoryConfig } from '../domain/repository-config.ts';
import type { Progress, RunContext, TransferOutput } from '../domain/run.ts';
import type { EngineEnd } from '../runner/engine-process.ts';
import type { RunDirectory } from '../runner/run-directory.ts';

/** What an adapter is told of the run that it works for. */
export interface EngineScope {
  run: RunContext;
  /** Changes with each attempt and each resumption, and no other agent of the host has it: the token of helper calls. */
  key: string;
  repository: RepositoryConfig;
  config: AgentConfig;
  /** The run's own directory, which is there: job files, lists, configuration. It goes when the run is over. */
  directory: RunDirectory;
  /** What is known of the backup that a restore or a verify works on. Waits for NATS; rejects where there is none. */
  backup: () => Promise<CatalogEntry>;
  /** The plan's last complete backup, as it was staged; null where there is none. Waits for NATS. */
  previous: () => Promise<PreviousBackup | null>;
}

export type PreviousBackup = Pick<CatalogEntry, 'files' | 'bytes' | 'manifest'>;

/** One process of an engine, and what its words mean. */
export interface EngineStep<Output> {
  /** Writes what the process reads, and says how it is started. Not asked where a process is followed. */
  order: () => Promise<EngineOrder>;
  /** Takes a line of its stdout; says how far it is where the line tells. */
  hear?: (line: string) => Progress | undefined;
  /** The same for its stderr, which is followed only where this is given. */
  hearError?: (line: string) => Progress | undefined;
  /** Looks how far it is, from time to time, where it says nothing of it itself. */
  measure?: () => Promise<Progress>;
  /** What its end means, once every line was heard. Throws a FailureError. */
  outcome: (end: StepEnd) => Output | Promise<Output>;
}

/** What an engine does at once, or in a process of its own. */
export type Work<Output> = EngineStep<Output> | Promise<Output | EngineStep<Output>>;

/** True for a process that is still to be run. */
export function isStep<Output>(work: Output | EngineStep<Output>): work is EngineStep<Output> {
  return typeof work === 'object' && work !== null && 'order' in work && 'outcome' in work;
}

export interface EngineOrder {
  command: string;
  args: readonly string[];
  /** Variables beyond the allowlist. */
  env?: Readonly<Record<string, string>>;
  /** The user that it runs as; the agent's own unless given. */
  user?: string;
}

export interface StepEnd extends EngineEnd {
  /** The end of what it said on stderr, for people. */
  stderrTail: string;
}

/** One finding of `reeve check`. */
export interface Check {
  name: string;
  ok: boolean;
  message: string;
  hint: string;
}

export interface Engine {
  /** It goes on where an attempt before it stopped, so `onDrain: suspend` loses nothing. */
  isResumable: (document: Plan, config: AgentConfig) => boolean;
  /** The polite signal for its processes. */
  stopSignal: (document: Plan, config: AgentConfig) => NodeJS.Signals;
  /** How long the polite signal may take at most; the plan's `cancelGrace` alone says so where this is undefined. */
  stopGraceMs?: (document: Plan, config: AgentConfig) => number | undefined;
  /** Refuses a plan that could never run with this agent's file, by a FailureError. Asked when the plan is put. */
  checkPlan?: (document: Plan, config: AgentConfig) => void;
  /** Who keeps the commit slot: the repository, by `commit` and `void`, or the catalog. */
  slot: 'catalog' | RepositorySlot;
  /** What must be there before its process starts, such as a snapshot. Asked again, it must find what it made. */
  prepare?: (scope: EngineScope, signal: AbortSignal) => Promise<void>;
  /** The process that does the run's task. */
  transfer: (scope: EngineScope) => EngineStep<TransferOutput>;
  /**
   * What a drill does once its restore has ended well: a process that holds what lies in its scratch (`restore.to`)
   * against the backup. Absent where the restore itself does that.
   */
  compare?: (scope: EngineScope) => EngineStep<TransferOutput>;
  /** Proves that what a backup stored is whole; rejects with `proof-missing` or `data-corrupt`. */
  prove: (scope: EngineScope, signal: AbortSignal) => Work<void>;
  /**
   * Releases what `prepare` made, whatever became of the run. Resolves with what had to be left, and why; rejects as
   * `Unsettled` where the sweeper must ask again, with the run's directory as it is.
   */
  release?: (scope: EngineScope, signal: AbortSignal) => Promise<string[]>;
  /** Removes what a backup stored that will never be committed, and what was temporary; as `release`. */
  discard: (scope: EngineScope, signal: AbortSignal) => Work<string[]>;
  /** The ids of runs that have something in the repository beside a backup that is committed, live ones among them. */
  traces?: (scope: EngineScope) => Promise<string[]>;
  /** Removes from the repository what it can prove to be dead by itself, and resolves with what that was, in words. */
  tidy?: (scope: EngineScope, signal: AbortSignal) => Promise<string[]>;
  /** Looks before the night whether a run could work: the tool, the login, the source, the repository, room. */
  check: (scope: EngineScope, signal: AbortSignal) => Promise<Check[]>;
  /**
   * Removes exactly these backups, whose catalog entries say `deleting`, and what nothing else needs any more; also what
   * a prune before it left half done, so it is asked where there are none, too. Asked again it passes over what is gone.
   */
  prune?: (scope: EngineScope, backups: readonly DoomedBackup[], signal: AbortSignal) => Work<PruneOutput>;
  /** Absent where the source keeps no snapshots: `snapshot.start` is refused then. */
  snapshots?: Snapshots;
}

/** A backup that is to be removed: `manifest` is what its commit slot names. */
export type DoomedBackup = Pick<CatalogEntry, 'id' | 'manifest'>;

export interface PruneOutput {
  /** The room that it won in the repository; null where nobody knows. */
  bytesFreed: number | null;
}

/**
 * Restore points that the source itself keeps. `prepare` makes the run's, `prove` sees that it is there, and `release`
 * deletes it unless it was committed.
 */
export interface Snapshots {
  /** What the snapshot that `prepare` made comes to. No process is needed: it is there already. */
  taken: (scope: EngineScope) => Promise<TransferOutput>;
  /** Deletes one that was kept, by its name in the source (the run's `result.position`); done also where it is gone. */
  delete: (document: Plan, config: AgentConfig, name: string, signal: AbortSignal) => Promise<void>;
}

/** A commit slot in the repository itself; both resolve with what the slot says for good. */
export interface RepositorySlot {
  commit: (scope: EngineScope, manifest: string, outcome: 'completed' | 'partial') => Work<SlotContent>;
  void: (scope: EngineScope, epoch: number) => Work<SlotContent>;
}
