/**
 * Stopping children by a deadline.
 *
 * 1. Each level keeps a part of the time for itself, so that the report reaches the top before the end.
 * 2. The stop ends in time, whatever the children do: who did not stop is reported.
 * 3. In reverse, each child is told when the one started after it has stopped; once three quarters of the time are used,
 *    the rest at once.
 */
import type { Clock } from '../core/clock.ts';

/** What did not stop in time. */
export interface Unstopped {
  kind: string;
  id: string;
  why: string;
}

export interface Stoppable {
  id: string;
  /** Ends it by `deadline` (ms since the epoch) and says what of it did not end. */
  stop: (deadline: number) => Promise<Unstopped[]>;
}

export interface StopOptions {
  /** Milliseconds since the epoch. */
  deadline: number;
  order: 'reverse' | 'together';
  clock: Clock;
}

/** What a level keeps for its own report: a twentieth of what is left, within these bounds. */
const reserveMs = { min: 50, max: 500 };
/** The part of the time in which children are stopped one after the other. */
const inTurnPart = 3 / 4;
/** What children have at least, also where the deadline is over. */
const leastMs = 600;

/** Stops children, which are given in the order of their start. Never rejects. */
export async function stopChildren(children: readonly Stoppable[], options: StopOptions): Promise<Unstopped[]> {
  if (children.length === 0) return [];
  const { deadline, order, clock } = options;
  const now = clock.now();
  const reserve = Math.min(reserveMs.max, Math.max(reserveMs.min, (deadline - now) / 20));
  const theirs = deadline - reserve;
  const hurry = alarmOf(clock, now + (theirs - now) * inTurnPart);
  const over = alarmOf(clock, Math.max(theirs + reserve / 2, now + leastMs));
  const stops: Promise<Unstopped[]>[] = [];
  for (const child of children.toReversed()) {
    const stop = stopWithin(child, theirs, over.rung);
    stops.push(stop);
    if (order === 'reverse' && !hurry.isOver()) await Promise.race([stop, hurry.rung]);
  }
  const unstopped = await Promise.all(stops);
  hurry.takeBack();
  over.takeBack();
  return unstopped.flat();
}

function alarmOf(clock: Clock, at: number) {
  const { promise: rung, resolve } = Promise.withResolvers<void>();
  return { rung, takeBack: clock.alarm(at, resolve), isOver: () => clock.now() >= at };
}

async function stopWithin(child: Stoppable, deadline: number, over: Promise<void>): Promise<Unstopped[]> {
  const { id } = child;
  const stopped = child.stop(deadline).catch(error => [unstoppedOf(id, `its stop failed: ${messageOf(error)}`)]);
  const late = over.then(() => [unstoppedOf(id, 'it did not stop in time')]);
  return await Promise.race([stopped, late]);
}

function unstoppedOf(id: string, why: string): Unstopped {
  return { kind: 'child', id, why };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
