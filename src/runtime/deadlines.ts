/** Deadlines as data: which a configuration has, and when each is over. */
import type { AnyMachineSnapshot, AnyStateNode } from 'xstate';
import type { StateMeta } from '../core/machine-spec.ts';
import type { MachineDefinition } from './definition.ts';

/** Absolute times (ms since the epoch) by the deadlines' names. */
export type Deadlines = Record<string, number>;

/**
 * The deadlines of `next`. One that the context says is as the context says. Of the others, one whose state was already
 * there in `previous` keeps its time, whatever happened within the state, and one whose state was entered starts at `at`.
 */
export function deadlinesOf(
  definition: MachineDefinition,
  next: AnyMachineSnapshot,
  at: number,
  random: () => number,
  previous?: { snapshot: AnyMachineSnapshot; deadlines: Deadlines },
): Deadlines {
  const deadlines: Deadlines = {};
  const { deadlineAt, deadlineMs } = definition;
  if (next.status !== 'active' || !(deadlineAt || deadlineMs)) return deadlines;
  const context = next.context as never;
  for (const node of next._nodes) {
    for (const name of namedBy(node)) {
      const said = deadlineAt?.(name, context);
      if (said === null) continue;
      const kept = said ?? (previous?.snapshot._nodes.includes(node) ? previous.deadlines[name] : undefined);
      const lengthMs = kept === undefined ? deadlineMs?.(name, context, random()) : undefined;
      const time = kept ?? (lengthMs === undefined ? undefined : at + lengthMs);
      if (time !== undefined) deadlines[name] = time;
    }
  }
  return deadlines;
}

/** The time of the nearest that is to come, `Infinity` where none is; those that `isOver` holds for do not count. */
export function nearestOf(deadlines: Deadlines, isOver?: (name: string) => boolean): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const name in deadlines) {
    const at = deadlines[name] as number;
    if (at < nearest && !isOver?.(name)) nearest = at;
  }
  return nearest;
}

const none: readonly string[] = [];

function namedBy(node: AnyStateNode): readonly string[] {
  return (node.meta as StateMeta | undefined)?.deadlines ?? none;
}

/** What the innermost state that says so waits for. */
export function waitsForOf(snapshot: AnyMachineSnapshot): string | null {
  const said = snapshot._nodes.map(node => (node.meta as StateMeta | undefined)?.waitsFor).filter(Boolean);
  return said.at(-1) ?? null;
}
