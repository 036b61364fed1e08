/** A machine's JSON definition as a Mermaid state diagram: what `reeve machines KIND --format mermaid` prints. Pure. */
import { isObject } from './wire.ts';

/** The diagram's text. Nodes that are not states of XState's JSON are left out. */
export function mermaidOf(machine: unknown): string {
  const lines = ['stateDiagram-v2'];
  if (isObject(machine)) drawChildren(machine, [], lines, '  ');
  return `${lines.join('\n')}\n`;
}

function drawChildren(node: Record<string, unknown>, path: string[], lines: string[], indent: string): void {
  const states = isObject(node.states) ? node.states : {};
  const initial = initialOf(node.initial);
  if (initial !== undefined) lines.push(`${indent}[*] --> ${idOf([...path, initial])}`);
  for (const [key, child] of Object.entries(states)) {
    if (!isObject(child)) continue;
    const childPath = [...path, key];
    const nested = isObject(child.states) && Object.keys(child.states).length > 0;
    if (nested) {
      lines.push(`${indent}state "${key}" as ${idOf(childPath)} {`);
      drawChildren(child, childPath, lines, `${indent}  `);
      lines.push(`${indent}}`);
    } else lines.push(`${indent}state "${key}" as ${idOf(childPath)}`);
    for (const [event, target] of arrowsOf(child)) {
      lines.push(`${indent}${idOf(childPath)} --> ${idOf(absolute(target, path))}: ${labelOf(event)}`);
    }
    if (child.type === 'final') lines.push(`${indent}${idOf(childPath)} --> [*]`);
  }
}

/** `[event, target]` of each transition that goes somewhere, whether its target is a string, a list or inside objects. */
function arrowsOf(node: Record<string, unknown>): [string, string][] {
  const on = isObject(node.on) ? Object.entries(node.on) : [];
  const invokes = [node.invoke ?? []].flat().filter(isObject);
  const ends = invokes.flatMap(({ id, onDone, onError }) => [
    [`${String(id)} done`, onDone],
    [`${String(id)} failed`, onError],
  ]);
  const known = new Set(on.map(([event]) => event));
  const all = [...on, ...(known.size === 0 || ![...known].some(event => event.startsWith('xstate.')) ? ends : [])];
  return all.flatMap(([event, transitions]) =>
    [transitions ?? []].flat().flatMap(transition => {
      const target = isObject(transition) ? transition.target : transition;
      return [target ?? []].flat().map((one): [string, string] => [String(event), String(one)]);
    }),
  );
}

/** The path of a target: `#machine.a.b` from the root, `.a` below the state, else beside it. */
function absolute(target: string, parent: string[]): string[] {
  if (target.startsWith('#')) return target.split('.').slice(1);
  return [...parent, ...target.split('.').filter(Boolean)];
}

function initialOf(initial: unknown): string | undefined {
  if (typeof initial === 'string') return initial;
  const target = isObject(initial) ? [initial.target ?? []].flat()[0] : undefined;
  return target === undefined ? undefined : String(target).split('.').at(-1);
}

function idOf(path: string[]): string {
  return path.join('_').replaceAll('-', '_');
}

function labelOf(event: string): string {
  const done = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event);
  if (done) return `${done[2]} ${done[1] === 'done' ? 'done' : 'failed'}`;
  return event.replaceAll(':', ' ');
}
