import { expect, test } from 'vitest';
import type { Fact } from '../../src/domain/facts.ts';
import { createLog, type LogOptions } from '../../src/telemetry/log.ts';

function logged(tell: (observe: (fact: Fact) => void) => void, options: LogOptions = {}) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLog({ ...options, destination });
  tell(log.observe);
  log.close();
  return lines;
}

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();

const transition = (change: Partial<Extract<Fact, { fact: 'actor.transition' }>> = {}): Fact => ({
  fact: 'actor.transition',
  kind: 'backup',
  id: 'photos-1',
  from: 'pending',
  state: 'preparing',
  event: 'slot.granted',
  reason: null,
  note: null,
  final: false,
  agent: 'nas-1',
  at: at(0),
  ...change,
});

const crash = (message: string, seconds: number): Fact => ({
  fact: 'actor.crashed',
  kind: 'backup',
  id: 'photos-1',
  state: 'preparing',
  message,
  stack: 'TypeError: x\n    at y',
  at: at(seconds),
});

test('a transition is one line with a constant message, bound to its actor, and its data in fields', () => {
  const [line, ...rest] = logged(observe => observe(transition()), { bindings: { agent: 'nas-1' } });
  expect(rest).toEqual([]);
  expect(line).toMatchObject({
    msg: 'actor changed state',
    fact: 'actor.transition',
    kind: 'backup',
    id: 'photos-1',
    from: 'pending',
    state: 'preparing',
    event: 'slot.granted',
    agent: 'nas-1',
    level: 30,
  });
});

test('a field that every line has by its binding is written once', () => {
  const lines: string[] = [];
  const log = createLog({ bindings: { agent: 'nas-1' }, destination: { write: line => void lines.push(line) } });
  log.observe(transition());
  log.observe(transition({ agent: 'nas-2' }));
  expect(lines.map(line => line.split('"agent":').length - 1)).toEqual([1, 2]);
});

test('text from outside is escaped', () => {
  const [line] = logged(observe => observe(transition({ note: 'a\u001b[2J\u202e' })));
  expect(line?.note).toBe('a\\x1b[2J\\u{202e}');
});

test('a stack is a list of lines', () => {
  const [line] = logged(observe => observe(crash('boom', 0)));
  expect(line?.stack).toEqual(['TypeError: x', '    at y']);
});

test('a crash that repeats is one line when it starts, one on change, and one with the count when it ends', () => {
  const lines = logged(observe => {
    for (const seconds of [0, 1, 2]) observe(crash('boom', seconds));
    observe(crash('bang', 3));
    observe(crash('bang', 4));
    observe(transition({ state: 'failed', final: true, at: at(5) }));
  });
  expect(
    lines.map(({ msg, message, changed, ended, count, overMs }) => ({ msg, message, changed, ended, count, overMs })),
  ).toEqual([
    { msg: 'actor crashed', message: 'boom' },
    { msg: 'actor crashed', message: 'bang', changed: true },
    { msg: 'actor crashed', message: 'bang', ended: true, count: 5, overMs: 4000 },
    { msg: 'actor changed state' },
  ]);
});

test('NATS that is away is one line however often it is tried, and its return tells the count', () => {
  const lines = logged(observe => {
    for (let second = 0; second < 50; second++) observe({ fact: 'nats.away', message: 'refused', at: at(second) });
    observe({ fact: 'nats.back', awayMs: 50_000, at: at(50) });
  });
  expect(lines.map(({ msg, count }) => [msg, count])).toEqual([
    ['NATS is away', undefined],
    ['NATS is away', 50],
    ['NATS is back', undefined],
  ]);
});

test('a failure that happened once and went away is told once', () => {
  expect(logged(observe => observe(crash('boom', 0)))).toHaveLength(1);
});

test('a failure that has been quiet ends with its count at the next fact', () => {
  const lines = logged(
    observe => {
      observe(crash('boom', 0));
      observe(crash('boom', 1));
      observe({ fact: 'clock.jumped', byMs: 5, at: at(12) });
    },
    { quietMs: 10_000 },
  );
  expect(lines.map(({ msg, count }) => [msg, count])).toEqual([
    ['actor crashed', undefined],
    ['actor crashed', 2],
    ['clock jumped', undefined],
  ]);
});

test('actors fail apart: the crash of one does not hide that of another', () => {
  const other = { ...crash('boom', 0), id: 'mail-1' } as Fact;
  expect(logged(observe => [crash('boom', 0), other].forEach(observe)).map(({ id }) => id)).toEqual([
    'photos-1',
    'mail-1',
  ]);
});
