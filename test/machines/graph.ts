/** Walks over a machine's graph, by pure transitions: what can be reached, and what must follow. */
import { type AnyMachineSnapshot, type AnyStateMachine, type AnyStateNode, type EventObject, transition } from 'xstate';
import { getShortestPaths } from 'xstate/graph';

export interface Walk {
  machine: AnyStateMachine;
  input: unknown;
  /** What tells configurations apart: the value, and the context that guards read. */
  keyOf: (snapshot: AnyMachineSnapshot) => string;
}

/** Every configuration that these events can lead to, by key. */
export function reachable(walk: Walk, events: EventObject[]): Map<string, AnyMachineSnapshot> {
  const { machine, input, keyOf } = walk;
  const options = { input, events, serializeState: keyOf, limit: 200_000 };
  const paths = getShortestPaths(machine, options as never) as { state: AnyMachineSnapshot }[];
  return new Map(paths.map(path => [keyOf(path.state), path.state]));
}

/** Takes one step by a pure transition. */
export function step(machine: AnyStateMachine, snapshot: AnyMachineSnapshot, event: EventObject): AnyMachineSnapshot {
  return transition(machine, snapshot, event as never)[0] as AnyMachineSnapshot;
}

export interface Endings {
  /** The values at which the walks came to rest. */
  ends: Set<string>;
  /** Each configuration on the way. */
  passed: Set<string>;
  /** Configurations that nothing leads out of though they may not stay, and those that lead back to themselves. */
  wrong: string[];
}

/** From one configuration, every way that `outcomes` can go, until `isRest`. Finds dead ends and cycles. */
export function outcomesFrom(
  walk: Walk,
  from: AnyMachineSnapshot,
  outcomes: EventObject[],
  isRest: (snapshot: AnyMachineSnapshot) => boolean,
): Endings {
  const { keyOf } = walk;
  const found: Endings = { ends: new Set(), passed: new Set(), wrong: [] };
  const under = new Set<string>();
  const visit = (snapshot: AnyMachineSnapshot): void => {
    const key = keyOf(snapshot);
    if (under.has(key)) found.wrong.push(`${key} leads back to itself`);
    if (under.has(key) || found.passed.has(key)) return;
    found.passed.add(key);
    if (isRest(snapshot)) {
      found.ends.add(pathOf(snapshot));
      return;
    }
    under.add(key);
    const next = followersOf(walk, snapshot, outcomes);
    if (next.length === 0) found.wrong.push(`nothing leads out of ${key}`);
    for (const follower of next) visit(follower);
    under.delete(key);
  };
  visit(from);
  return found;
}

/** What follows a configuration, by machine, list of outcomes and key: computed once, for it is asked in every walk. */
const followers = new WeakMap<AnyStateMachine, Map<EventObject[], Map<string, AnyMachineSnapshot[]>>>();

function followersOf(
  { machine, keyOf }: Walk,
  from: AnyMachineSnapshot,
  outcomes: EventObject[],
): AnyMachineSnapshot[] {
  const ofMachine = followers.get(machine) ?? new Map<EventObject[], Map<string, AnyMachineSnapshot[]>>();
  followers.set(machine, ofMachine);
  const byKey = ofMachine.get(outcomes) ?? new Map<string, AnyMachineSnapshot[]>();
  ofMachine.set(outcomes, byKey);
  const key = keyOf(from);
  const known = byKey.get(key);
  if (known) return known;
  const found = outcomes.filter(outcome => from.can(outcome as never)).map(outcome => step(machine, from, outcome));
  byKey.set(key, found);
  return found;
}

/** `{cleaning: 'removing'}` as `cleaning.removing`. */
export function pathOf({ value }: { value: unknown }): string {
  if (typeof value === 'string') return value;
  return Object.entries(value as object)
    .map(([key, inner]) => `${key}.${pathOf({ value: inner })}`)
    .join(' and ');
}

/** The first part of a configuration's path: the state of the fixed list. */
export function topOf(snapshot: { value: unknown }): string {
  return pathOf(snapshot).split('.', 1)[0] as string;
}

/** Paths of the states in which a machine can come to rest: atomic, and not merely passed through. */
export function restingStates(machine: AnyStateMachine): string[] {
  return nodesOf(machine.root)
    .filter(node => Object.keys(node.states).length === 0 && (node.always ?? []).length === 0)
    .map(node => node.path.join('.'))
    .sort();
}

/** A state and all states within it. */
export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(inner => nodesOf(inner as AnyStateNode))];
}
