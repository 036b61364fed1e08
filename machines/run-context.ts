/** How the context of a run changes: pure functions from a context and a fact to what is different afterwards. */
import { formatDuration } from '../src/core/durations.ts';
import type { Failure } from '../src/core/failure.ts';
import type { Plan } from '../src/domain/plan.ts';
import type { RunPolicy } from '../src/domain/policy.ts';
import { type Reason, reasonOf } from '../src/domain/reasons.ts';
import type { Ending, RestoreRequest, RunContext, RunKind, Skipped } from '../src/domain/run.ts';
import type { ReattachOutput, SlotOutput, TransferOutput } from './run-effects.ts';

export interface RunInput {
  id: string;
  task: RunKind;
  agent: string;
  document: Plan;
  planRevision: number;
  policy: RunPolicy;
  /** A backup that reads also what has not changed. Default false. */
  rescan?: boolean;
  /** The schedule whose tick starts it. Default none. */
  schedule?: string | undefined;
  /** What a restore, verify or drill works on; null for the others. */
  restore: RestoreRequest | null;
  /** Milliseconds since the epoch. */
  at: number;
}

type Change = Partial<RunContext>;

/** Longest text kept of what an effect says, in characters. */
const textMax = 1_000;
/** How many skipped files, kept things and pids a record shows, and how long the files' paths may be together. */
const shownMax = 20;
const shownCharactersMax = 8_000;
const awayHint = 'when its host is back it stops what is left of the engine, and its commit slot has the last word';

export function contextOf(input: RunInput): RunContext {
  const { id, task, agent, document, planRevision, policy, restore, at } = input;
  return {
    id,
    plan: document.name,
    planRevision,
    task,
    attempt: 1,
    agent,
    startedAt: null,
    endedAt: null,
    progress: { bytesDone: null, bytesTotal: null, filesDone: null, filesTotal: null, rateBytesPerS: null, etaS: null },
    result: { bytes: null, files: null, bytesStored: null, position: null, manifest: null },
    skipped: { count: 0, first: [], path: null },
    document,
    policy,
    rescan: input.rescan ?? false,
    schedule: input.schedule ?? null,
    restore,
    reason: null,
    message: null,
    hint: null,
    ending: null,
    failure: null,
    slot: 'none',
    admitted: false,
    staged: null,
    resumes: 0,
    suspendedBy: null,
    drain: null,
    deadline: null,
    pids: [],
    kept: [],
    spent: { sinceMs: at, transferringMs: 0, retryingMs: 0 },
  };
}

/** True for the kinds that make a backup, which only its commit slot can say to exist. */
export function commits(kind: RunKind): boolean {
  return kind === 'backup' || kind === 'snapshot';
}

/** What keeps a run from its turn, in words; nulls for nothing remarkable. */
export type Obstacle = Pick<RunContext, 'reason' | 'message' | 'hint'>;

export function obstructed({ reason, message, hint }: Obstacle): Change {
  return { reason, message: shortened(message), hint: shortened(hint) };
}

/** It has its turn. */
export function admitted(context: RunContext, at: number): Change {
  return { admitted: true, startedAt: context.startedAt ?? timeText(at) };
}

/** An engine is about to start: from here on something could commit. */
export function started(context: RunContext, at: number): Change {
  const slot = commits(context.task) && context.slot === 'none' ? 'open' : context.slot;
  return { slot, spent: { ...context.spent, sinceMs: at } };
}

/** Adds the time since the counted state was entered. */
export function spentIn(context: RunContext, at: number, sum: 'transferringMs' | 'retryingMs'): Change {
  const { spent } = context;
  return { spent: { ...spent, sinceMs: at, [sum]: spent[sum] + Math.max(0, at - spent.sinceMs) } };
}

export function transferred(output: TransferOutput): Change {
  const { outcome, reason, result, message = null, hint = null } = output;
  const staged = { outcome, reason, message: shortened(message), hint: shortened(hint) };
  const said = { reason, message: staged.message, hint: staged.hint };
  return { staged, ...said, result, skipped: shown(output.skipped), failure: null };
}

/** The ending of a run whose transfer has the last word. */
export function endedAsStaged(context: RunContext): Change {
  return { ending: context.staged?.outcome ?? 'failed' };
}

export function failedBy(failure: Failure): Change {
  const short = { ...failure, message: shortened(failure.message), hint: shortened(failure.hint) };
  return { failure: short, reason: reasonOf(failure.code), message: short.message, hint: short.hint };
}

export function attemptedAgain(context: RunContext): Change {
  return { attempt: context.attempt + 1, staged: null };
}

export function decided(ending: Ending, reason: Reason, message: string, hint = ''): Change {
  return { ending, reason, message: shortened(message), hint };
}

export function timedOut({ policy }: RunContext, name: string): Change {
  const lengthMs = policy.deadlinesMs[name as keyof RunPolicy['deadlinesMs']];
  const message = `the deadline ${name}${lengthMs === undefined ? '' : ` of ${formatDuration(lengthMs)}`} passed`;
  const hint = `see what it waited for with: reeve history; the plan sets its length, as deadlines.${name}`;
  return { deadline: name, ...decided('timed-out', deadlineReason(name), message, hint) };
}

/** A call that its effect made had a bound of its own, and it passed. */
export function outOfTime(failure: Failure): Change {
  const said = failedBy(failure);
  return { ...said, deadline: failure.code.slice('deadline-'.length), ending: 'timed-out' };
}

export function unkillable(pids: number[], why: string): Change {
  const hint =
    'a process in uninterruptible sleep waits for its device: mend that; the destination stays quarantined until the process is gone';
  return { pids: pids.slice(0, shownMax), ...decided('failed', 'unkillable', why, hint) };
}

/** The slot has the last word: a manifest in it makes the backup exist, whatever was meant. */
export function settled(context: RunContext, output: SlotOutput): Change {
  if (output.slot === 'void') return { slot: 'void' };
  const { reason, message, hint } = context.staged ?? { reason: null, message: null, hint: null };
  return { slot: 'manifest', ending: output.outcome, reason, message, hint, failure: null };
}

/** Its engine is gone, and another attempt is worth it. */
export function goneFor(output: ReattachOutput): Change {
  const { reason, message } = goneWithout(output);
  // What an attempt before it failed of has no say in how long this one waits.
  return { reason: reason ?? null, message: message ?? null, failure: null };
}

/** Its engine is gone and nobody knows how it ended. */
export function goneWithout(output: ReattachOutput): Change {
  const reason = output.found === 'gone' ? output.reason : 'engine-failed';
  return decided('lost', reason, 'its engine ended while no agent was there, and left no word of how');
}

/** Its host stayed away for as long as its plan allows. */
export function hostAway(why: string): Change {
  return { deadline: 'hostAway', ...decided('lost', 'host-away', why, awayHint) };
}

/** Somebody else had voided the slot: this run's owner was taken for gone. */
export function overruled(): Change {
  const message = 'another owner had already given this run up, so its commit was refused';
  return { slot: 'void', ...decided('lost', 'host-away', message, 'the next run backs up what this one would have') };
}

/**
 * Nobody could be asked what the slot says. A run that had failed keeps the reason that it had, and one whose host stayed
 * away is lost: nothing else can be said of it.
 */
export function unsettled(context: RunContext, why: string): Change {
  const { ending, deadline, message } = context;
  if (ending === 'failed') return { ending };
  if (deadline === 'hostAway') {
    const said = ending === 'lost' ? message : `its host stayed away before it had ended as ${ending}`;
    return decided('lost', 'host-away', `${said}; nobody could ask whether it was committed: ${why}`, awayHint);
  }
  const hint = 'nothing of it is listed; make the repository reachable, and the sweeper settles the rest';
  return decided('failed', 'repository-unreachable', `its commit slot could not be settled: ${why}`, hint);
}

export function keptBehind(context: RunContext, kept: string[]): Change {
  return { kept: [...context.kept, ...kept.map(shortened)].slice(0, shownMax) };
}

export function ended(at: number): Change {
  return { endedAt: timeText(at), drain: null, suspendedBy: null };
}

/** RFC 3339 UTC with milliseconds. */
function timeText(at: number): string {
  return new Date(at).toISOString();
}

function deadlineReason(name: string): Reason {
  const reason: string = `deadline-${name}`;
  return reason === 'deadline-pending' ||
    reason === 'deadline-prepare' ||
    reason === 'deadline-run' ||
    reason === 'deadline-stall'
    ? reason
    : 'deadline-other';
}

function shown(skipped: Skipped): Skipped {
  let characters = 0;
  const first = skipped.first.slice(0, shownMax).filter(file => {
    characters += file.path.length;
    return characters <= shownCharactersMax;
  });
  return { ...skipped, first };
}

function shortened<Text extends string | null>(text: Text): Text {
  return (text === null || text.length <= textMax ? text : `${text.slice(0, textMax - 1)}…`) as Text;
}
