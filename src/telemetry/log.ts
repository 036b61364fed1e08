/**
 * The log: one observer of facts that feeds pino. The message of a fact is constant and its data are fields; lines about
 * an actor come from a child logger that is bound to it. Text from outside is escaped. A repeated failure is a line when
 * it starts, a line when it changes and a line with its count when it ends.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import { printable } from '../core/printable.ts';
import type { Fact, FactName, Observer } from '../domain/facts.ts';
import { facts } from './facts.ts';
import { type EndedFailure, RepeatedFailures } from './repeated-failures.ts';

export interface LogOptions {
  /** Bound to each line, such as `{agent: 'nas-1'}`. */
  bindings?: Record<string, string>;
  /** Least level that is written; `info` by default. */
  level?: string;
  /** Where lines go; standard output by default. */
  destination?: DestinationStream;
  /** A failure that has been quiet for so long is over; 60 s by default. */
  quietMs?: number;
}

export interface Log {
  observe: Observer;
  /** Tells the counts of the failures that are still under way. Call it before the process ends. */
  close(): void;
}

/** Facts that may come again and again for one cause, each with what the cause is. */
const repeatable: Partial<Record<FactName, (fact: Fact) => string>> = {
  'actor.refused': fact => (fact.fact === 'actor.refused' ? `${fact.command} ${fact.code} ${fact.message}` : ''),
  'actor.crashed': fact => (fact.fact === 'actor.crashed' ? fact.message : ''),
  'actor.restarted': () => '',
  'dead-letter': fact => (fact.fact === 'dead-letter' ? `${fact.command}` : ''),
  'nats.away': fact => (fact.fact === 'nats.away' ? fact.message : ''),
  'http.not-listening': fact => (fact.fact === 'http.not-listening' ? fact.message : ''),
  defect: fact => (fact.fact === 'defect' ? fact.message : ''),
};

/** Which failures a fact ends: NATS that is back is not away, an actor that reached its end crashes no more. */
function endedBy(fact: Fact): FactName[] {
  if (fact.fact === 'nats.back') return ['nats.away'];
  if (fact.fact === 'http.listening') return ['http.not-listening'];
  if (fact.fact === 'actor.transition' && fact.final) return ['actor.crashed', 'actor.restarted', 'actor.refused'];
  return [];
}

/** Child loggers kept at hand; the oldest goes first. */
const childrenMax = 1_000;

export function createLog(options: LogOptions = {}): Log {
  const bindings = options.bindings ?? {};
  const settings = {
    base: bindings,
    level: options.level ?? 'info',
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const root = options.destination ? pino(settings, options.destination) : pino(settings);
  const failures = new RepeatedFailures<Fact>(options.quietMs === undefined ? {} : { quietMs: options.quietMs });
  const children = new Map<string, Logger>();

  const loggerOf = (fact: Fact): Logger => {
    if (!('kind' in fact)) return root;
    const key = `${fact.kind}.${fact.id}`;
    const logger = children.get(key) ?? root.child({ kind: printable(fact.kind), id: printable(fact.id) });
    children.delete(key);
    if (children.size >= childrenMax) children.delete(children.keys().next().value ?? '');
    if (!(fact.fact === 'actor.transition' && fact.final)) children.set(key, logger);
    return logger;
  };
  const tell = (fact: Fact, more: Record<string, unknown> = {}): void => {
    const { level, message } = facts[fact.fact];
    loggerOf(fact)[level]({ ...fieldsOf(fact, bindings), ...more }, message);
  };
  const tellEnd = ({ subject, count, firstAt, lastAt }: EndedFailure<Fact>): void => {
    if (count > 1) tell(subject, { ended: true, count, overMs: lastAt - firstAt });
  };

  return {
    observe(fact) {
      const now = Date.parse(fact.at);
      for (const over of failures.expired(now)) tellEnd(over);
      for (const name of endedBy(fact)) {
        const over = failures.ended(keyOf(name, fact));
        if (over) tellEnd(over);
      }
      const signature = repeatable[fact.fact]?.(fact);
      if (signature === undefined) return tell(fact);
      const occurrence = failures.occurred(keyOf(fact.fact, fact), signature, fact, now);
      if (occurrence !== 'repeated') tell(fact, occurrence === 'changed' ? { changed: true } : {});
    },
    close() {
      for (const over of failures.endAll()) tellEnd(over);
    },
  };
}

function keyOf(name: FactName, fact: Fact): string {
  if ('kind' in fact) return `${name} ${fact.kind}.${fact.id}`;
  return 'where' in fact ? `${name} ${fact.where}` : name;
}

/** The fact's data as fields of its line. What its logger says already is left out. */
function fieldsOf(fact: Fact, bindings: Record<string, string>): Record<string, unknown> {
  const { fact: name, ...data } = fact;
  const fields: Record<string, unknown> = { fact: name };
  for (const [field, value] of Object.entries(data)) {
    if ('kind' in fact && (field === 'kind' || field === 'id')) continue;
    if (bindings[field] === value) continue;
    fields[field] = field === 'stack' && typeof value === 'string' ? value.split('\n').map(printable) : escaped(value);
  }
  return fields;
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]));
  return value;
}
