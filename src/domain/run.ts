/** A run: one backup, restore, verify, drill, prune or snapshot. The shape of its context, which is public (WIRE). */
import type { Failure } from '../core/failure.ts';
import type { Json } from '../core/json.ts';
import type { Plan } from './plan.ts';
import type { RunPolicy } from './policy.ts';
import type { Reason } from './reasons.ts';

export const runKinds = ['backup', 'restore', 'verify', 'drill', 'prune', 'snapshot'] as const;
export type RunKind = (typeof runKinds)[number];

export function isRunKind(kind: string): kind is RunKind {
  return (runKinds as readonly string[]).includes(kind);
}

/** How a run may end; also the names of its final states. */
export const endings = ['completed', 'partial', 'cancelled', 'timed-out', 'failed', 'lost'] as const;
export type Ending = (typeof endings)[number];

/** Counts of a run under way; what is unknown is null. */
export interface Progress {
  bytesDone: number | null;
  bytesTotal: number | null;
  filesDone: number | null;
  filesTotal: number | null;
  rateBytesPerS: number | null;
  etaS: number | null;
}

/** What a run left out. The whole list is a file beside the manifest, at `path`; here stand its count and its start. */
export interface Skipped {
  count: number;
  first: SkippedFile[];
  path: string | null;
}

export interface SkippedFile {
  /** Relative to the source; bytes that are not UTF-8 are escaped as by `printable`. */
  path: string;
  why: 'vanished' | 'changed' | 'unreadable';
  /** The system's word, such as EACCES. */
  code: string;
}

export interface RunResult {
  /** Bytes of file contents in the backup (or restored, or verified). */
  bytes: number | null;
  files: number | null;
  /** Bytes newly written to the repository. */
  bytesStored: number | null;
  /** Position in the source's log; null where the engine has none. */
  position: Json;
  /** What the commit slot must name: of `files` the sha256 of the staged manifest, of others what the engine calls the backup. */
  manifest: string | null;
}

/** How a transfer ended. For runs that commit nothing this is the ending; `failed` is what a verify that found damage says. */
export interface TransferOutput {
  outcome: 'completed' | 'partial' | 'failed';
  reason: Reason | null;
  message?: string | null;
  hint?: string | null;
  result: RunResult;
  skipped: Skipped;
}

/** What a restore was asked to do. */
export interface RestoreRequest {
  backup: string;
  to: string;
  include: string[];
}

/** What a transfer says of itself; for a backup, what its manifest will say if it is committed. */
export interface Staged {
  outcome: 'completed' | 'partial' | 'failed';
  reason: Reason | null;
  message: string | null;
  hint: string | null;
}

/** The context of a run. JSON, and small: a record is at most 32 kB. */
export interface RunContext {
  id: string;
  plan: string;
  planRevision: number;
  task: RunKind;
  attempt: number;
  agent: string;
  startedAt: string | null;
  endedAt: string | null;
  progress: Progress;
  result: RunResult;
  skipped: Skipped;
  /** The plan as it stood when the run was asked for: effects are a function of durable state. */
  document: Plan;
  policy: RunPolicy;
  /** A backup reads every file, also those that have not changed since the last one. */
  rescan: boolean;
  /** The schedule that started it; null where a person or a program did. */
  schedule: string | null;
  /** The restore point that a restore, verify or drill works on. */
  restore: RestoreRequest | null;
  /** Why the run is where it is; null while nothing is remarkable. */
  reason: Reason | null;
  /** In words, for people: what went wrong, and what to do. */
  message: string | null;
  hint: string | null;
  /** How the run will end, once that is decided; the final state is this. */
  ending: Ending | null;
  failure: Failure | null;
  /**
   * What is known of the commit slot: `none` while nothing was started that could commit, `open` while it is undecided,
   * then what it says for good. A run that ends `failed` with an `open` slot could not reach its repository to void it.
   */
  slot: 'none' | 'open' | 'manifest' | 'void';
  /** It has its turn: it left `pending` and holds its place until it is final. */
  admitted: boolean;
  /** How this attempt's transfer ended: what is left is to prove and to commit it. Null before. */
  staged: Staged | null;
  /** How often it went on after a suspension; a part of the effects' key. */
  resumes: number;
  /** Whose word keeps it suspended; null when nobody wants it to be. */
  suspendedBy: 'user' | 'drain' | null;
  /** Set from its agent's drain until the agent returns: when that step of the drain began, and when the agent must be gone. */
  drain: { at: number; deadline: number } | null;
  /** The deadline that ended it, by name. */
  deadline: string | null;
  /** Processes that could not be ended, and what was left behind on purpose, with why; at most 20 each. */
  pids: number[];
  kept: string[];
  /** Where its time went, in milliseconds: `sinceMs` (since the epoch) is when the counted state was entered. */
  spent: { sinceMs: number; transferringMs: number; retryingMs: number };
}

/** The context of the record of a run, of whose kind its reader is sure. */
export function runOf({ context }: { context: object }): RunContext {
  return context as RunContext;
}
