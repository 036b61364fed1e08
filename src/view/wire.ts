/** What the view reads of the wire: records as agents send them, and progress. Anything else is ignored. */
import type { Progress } from '../domain/run.ts';

/** The parts of a record that the view relies on; the rest is kept as it came. */
export interface SeenRecord {
  kind: string;
  id: string;
  state: string;
  from: string | null;
  event: string;
  reason: string | null;
  note: string | null;
  at: string;
  since: string;
  final: boolean;
  after: number;
  context: Record<string, unknown>;
  deadlines: Record<string, string>;
  owner: { agent: string } | null;
  canTake: string[];
}

export interface SeenAgent {
  name: string;
  mode: string;
  lastSeen: string;
  actors: number;
}

/** A record in a value from the wire; undefined where it is none. Fields that lists leave out (context) become empty. */
export function recordOf(value: unknown): SeenRecord | undefined {
  if (!isObject(value)) return undefined;
  const { kind, id, state, at } = value;
  if (typeof kind !== 'string' || typeof id !== 'string' || typeof state !== 'string' || typeof at !== 'string')
    return undefined;
  return {
    kind,
    id,
    state,
    at,
    from: textOrNull(value.from),
    event: textOrNull(value.event) ?? '',
    reason: textOrNull(value.reason),
    note: textOrNull(value.note),
    since: textOrNull(value.since) ?? at,
    final: value.final === true,
    after: typeof value.after === 'number' ? value.after : 0,
    context: isObject(value.context) ? value.context : {},
    deadlines: isObject(value.deadlines) ? textsOf(value.deadlines) : {},
    owner: isObject(value.owner) && typeof value.owner.agent === 'string' ? { agent: value.owner.agent } : null,
    canTake: Array.isArray(value.canTake) ? value.canTake.filter(command => typeof command === 'string') : [],
  };
}

/** Progress in a value from the wire; what is missing is unknown. */
export function progressOf(value: unknown): Progress | undefined {
  if (!isObject(value)) return undefined;
  return {
    bytesDone: numberOrNull(value.bytesDone),
    bytesTotal: numberOrNull(value.bytesTotal),
    filesDone: numberOrNull(value.filesDone),
    filesTotal: numberOrNull(value.filesTotal),
    rateBytesPerS: numberOrNull(value.rateBytesPerS),
    etaS: numberOrNull(value.etaS),
  };
}

/** An agent in a value from the wire; undefined where it is none. */
export function agentOf(value: unknown): SeenAgent | undefined {
  if (!isObject(value) || typeof value.name !== 'string') return undefined;
  return {
    name: value.name,
    mode: textOrNull(value.mode) ?? '',
    lastSeen: textOrNull(value.lastSeen) ?? '',
    actors: numberOrNull(value.actors) ?? 0,
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function textsOf(object: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
