/** A machine's JSON definition as a Mermaid state diagram: what `reeve machines KIND --format mermaid` prints. Pure. */
import { isObject } from './wire.ts';

type Node = Record<string, unknown>;
/** Paths of states by their ids, as targets name them. */
type Ids = ReadonlyMap<string, string[]>;

/** The diagram's text. Nodes that are not states of XState's JSON are left out. */
export function mermaidOf(machine: unknown): string {
  const lines = ['stateDiagram-v2'];
  if (isObject(machine)) {
    const ids = new Map<string, string[]>();
    collectIds(machine, String(machine.id), [], ids);
    drawChildren(machine, [], ids, lines, '  ');
  }
  return `${lines.join('\n')}\n`;
}

/** A state's id is its own, or else the machine's with its path; both may be used. */
function collectIds(node: Node, machineId: string, path: string[], ids: Map<string, string[]>): void {
  ids.set([machineId, ...path].join('.'), path);
  if (typeof node.id === 'string') ids.set(node.id, path);
  for (const [key, child] of childrenOf(node)) collectIds(child, machineId, [...path, key], ids);
}

function drawChildren(node: Node, path: string[], ids: Ids, lines: string[], indent: string): void {
  const initial = isObject(node.initial) ? [node.initial.target ?? []].flat()[0] : node.initial;
  if (initial !== undefined) lines.push(`${indent}[*] --> ${idOf(absolute(String(initial), path, ids))}`);
  for (const [key, child] of childrenOf(node)) {
    const childPath = [...path, key];
    const isNested = childrenOf(child).length > 0;
    lines.push(`${indent}state "${key}" as ${idOf(childPath)}${isNested ? ' {' : ''}`);
    if (isNested) {
      drawChildren(child, childPath, ids, lines, `${indent}  `);
      lines.push(`${indent}}`);
    }
    const arrows = arrowsOf(child).map(
      ([event, target]) => `${indent}${idOf(childPath)} --> ${idOf(absolute(target, path, ids))}: ${labelOf(event)}`,
    );
    lines.push(...new Set(arrows));
    if (child.type === 'final') lines.push(`${indent}${idOf(childPath)} --> [*]`);
  }
}

function childrenOf(node: Node): [string, Node][] {
  if (!isObject(node.states)) return [];
  return Object.entries(node.states).filter((entry): entry is [string, Node] => isObject(entry[1]));
}

/** `[event, target]` of each transition that goes somewhere, whether its target is a string, a list or inside objects. */
function arrowsOf(node: Record<string, unknown>): [string, string][] {
  const on = isObject(node.on) ? Object.entries(node.on) : [];
  const invokes = [node.invoke ?? []].flat().filter(isObject);
  const ends = invokes.flatMap(({ id, onDone, onError }) => [
    [`${String(id)} done`, onDone],
    [`${String(id)} failed`, onError],
  ]);
  // A definition lists the ends of its invokes among its events; a configuration has them only there.
  const all = on.some(([event]) => event.startsWith('xstate.')) ? on : [...on, ...ends];
  return all.flatMap(([event, transitions]) =>
    [transitions ?? []].flat().flatMap(transition => {
      const target = isObject(transition) ? transition.target : transition;
      return [target ?? []].flat().map((one): [string, string] => [String(event), String(one)]);
    }),
  );
}

/** The path of a target: `#id` anywhere (with a path below it), else beside the state that names it. */
function absolute(target: string, parent: string[], ids: Ids): string[] {
  if (!target.startsWith('#')) return [...parent, ...target.split('.').filter(Boolean)];
  const steps = target.slice(1).split('.');
  for (let length = steps.length; length > 0; length--) {
    const path = ids.get(steps.slice(0, length).join('.'));
    if (path) return [...path, ...steps.slice(length)];
  }
  return steps;
}

function idOf(path: string[]): string {
  return path.join('_').replaceAll('-', '_');
}

function labelOf(event: string): string {
  const done = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event);
  if (done) return `${done[2]} ${done[1] === 'done' ? 'done' : 'failed'}`;
  return event.replaceAll(':', ' ');
}
