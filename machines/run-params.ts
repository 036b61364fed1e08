/** What guards and actions of a run are told, taken from the event here so that they need not look at it. */
import type { DoneActorEvent, ErrorActorEvent } from 'xstate';
import { type Failure, failureOf } from '../src/core/failure.ts';
import type { DeadlinePassed } from '../src/core/machine-spec.ts';
import type { Progress } from '../src/domain/run.ts';
import { timeOf } from './event-time.ts';
import type { CleanUpOutput, ReattachOutput, SlotOutput, StopOutput, TransferOutput } from './run-effects.ts';
import type { EngineProgressed, HostAway, RunDrain, TurnObstructed } from './run-events.ts';

type Done<Output> = { event: DoneActorEvent<Output> };
type Failed = { event: ErrorActorEvent };

export const transfer = ({ event }: Done<TransferOutput>): TransferOutput => event.output;
export const stop = ({ event }: Done<StopOutput>): StopOutput => event.output;
export const slot = ({ event }: Done<SlotOutput>): SlotOutput => event.output;
export const reattached = ({ event }: Done<ReattachOutput>): ReattachOutput => event.output;
export const kept = ({ event }: Done<CleanUpOutput>): CleanUpOutput => event.output;

export const failure = ({ event }: Failed): { failure: Failure } => ({ failure: failureOf(event.error) });

export const survivors = ({ event }: Done<StopOutput>): { pids: number[]; why: string } => {
  const pids = event.output.gone ? [] : event.output.pids;
  return { pids, why: `its processes could not be ended: ${pids.join(', ')}` };
};
export const stopFailure = ({ event }: Failed): { pids: number[]; why: string } => ({
  pids: [],
  why: `its engine could not be stopped: ${failureOf(event.error).message}`,
});
export const slotFailure = ({ event }: Failed): { why: string } => ({ why: failureOf(event.error).message });
export const cleanUpFailure = ({ event }: Failed): { kept: string[] } => ({
  kept: [`what it left was not removed: ${failureOf(event.error).message}`],
});

export const drain = ({ event }: { event: RunDrain }): { at: number; deadline: number } => ({
  at: timeOf(event),
  deadline: event.deadline,
});
export const away = ({ event: { agent, since, cancelled } }: { event: HostAway }): { why: string } => {
  const told = cancelled ? ', and could not hear that it was cancelled' : '';
  return { why: `its agent ${agent} stayed away: it was last heard of at ${since}${told}` };
};
export const obstacle = ({ event: { reason, message, hint } }: { event: TurnObstructed }) => ({
  reason,
  message,
  hint,
});
export const progress = ({ event }: { event: EngineProgressed }): { progress: Progress } => ({
  progress: event.progress,
});

/** For the guard `isDeadline`: the deadline that passed, and the one that is meant. */
export const passed =
  (awaited: string) =>
  ({ event }: { event: DeadlinePassed }): { passed: string; awaited: string } => ({ passed: event.name, awaited });
