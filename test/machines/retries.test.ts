/** What is worth another attempt, and when: over every reason, from every state whose effect can fail. */
import { describe, expect, test } from 'vitest';
import { type AnyMachineSnapshot, type EventObject, initialTransition, transition } from 'xstate';
import { runDeadlineMs, runMachine } from '../../machines/backup.ts';
import { FailureError } from '../../src/core/failure.ts';
import { reasons } from '../../src/domain/reasons.ts';
import type { RunContext } from '../../src/domain/run.ts';
import { pathOf } from './graph.ts';
import * as run from './runs.ts';

const prepared = [run.done('waitForSlot'), run.done('prepare')];
const stored = [...prepared, run.moved('completed')];
/** Each effect with the way to its state. */
const effects: [string, EventObject[]][] = [
  ['waitForSlot', []],
  ['prepare', prepared.slice(0, 1)],
  ['transfer', prepared],
  ['proveCompletion', stored],
  ['commit', [...stored, run.done('proveCompletion')]],
];

function taken(events: EventObject[], attempts = 2): AnyMachineSnapshot {
  const machine = runMachine('backup');
  let snapshot = initialTransition(machine, run.inputOf({ attempts }))[0] as AnyMachineSnapshot;
  for (const event of events)
    snapshot = transition(machine, snapshot as never, event as never)[0] as AnyMachineSnapshot;
  return snapshot;
}

function failure(kind: 'transient' | 'permanent', code: string, retryAfterMs?: number): FailureError {
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new FailureError({ kind, code, message: 'it failed', hint: '', ...asked });
}

describe.each(effects)('a failure of %s', (effect, way) => {
  test.each(reasons.filter(code => !code.startsWith('deadline-') && code !== 'user-cancelled'))(
    '%s is tried again where it is transient, as long as attempts are left, and never where it is permanent',
    code => {
      const once = [...way, run.failed(effect, failure('transient', code))];
      expect(pathOf(taken(once))).toBe('retrying');
      expect(pathOf(taken(once, 1))).toMatch(/^cleaning\./);
      expect(pathOf(taken([...way, run.failed(effect, failure('permanent', code))]))).toMatch(/^cleaning\./);
    },
  );

  test('that is a deadline of a call ends as timed out, whatever its kind', () => {
    for (const kind of ['transient', 'permanent'] as const)
      expect(pathOf(taken([...way, run.failed(effect, failure(kind, 'deadline-other'))]))).toBe('timing-out');
  });

  test('waits at least as long as the other side asked, and no longer than it must when it did not', () => {
    const asked = taken([...way, run.failed(effect, failure('transient', 'source-unreachable', 90_000))]);
    expect(runDeadlineMs('backoff', asked.context as RunContext, 0)).toBe(90_000);
    const unasked = taken([...way, run.failed(effect, failure('transient', 'source-unreachable'))]);
    expect(runDeadlineMs('backoff', unasked.context as RunContext, 0)).toBe(10_000);
  });
});

test('an engine that is gone waits for its own backoff, not as the failure of an attempt before it asked', () => {
  const first = [...prepared, run.failed('transfer', failure('transient', 'source-unreachable', 90_000))];
  const second = [...first, run.passed('backoff'), run.done('prepare')];
  const drained = taken(second, 3);
  const context = { ...(drained.context as RunContext) };
  context.policy = { ...context.policy, onDrain: 'detach' };
  const machine = runMachine('backup');
  let snapshot = machine.resolveState({ value: 'transferring', context } as never) as AnyMachineSnapshot;
  const gone = run.done('reattach', { found: 'gone', resumable: false, reason: 'rebooted' });
  for (const event of [run.drain, run.told('agent.returned'), gone])
    snapshot = transition(machine, snapshot as never, event as never)[0] as AnyMachineSnapshot;
  expect(pathOf(snapshot)).toBe('retrying');
  expect(runDeadlineMs('backoff', snapshot.context as RunContext, 0)).toBeLessThan(90_000);
});
