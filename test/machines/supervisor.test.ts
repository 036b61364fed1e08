/**
 * The supervisor against OTP: supervisor.erl in the words of its documentation.
 *
 * - "A permanent child process is always restarted."
 * - "A temporary child process is never restarted (even when the supervisor's restart strategy is rest_for_one or
 *   one_for_all and a sibling's death causes the temporary process to be terminated)."
 * - "A transient child process is restarted only if it terminates abnormally, that is, with another exit reason than
 *   normal, shutdown, or {shutdown,Term}."
 */

import { describe, expect, it } from 'vitest';
import { type EventFromLogic, initialTransition, type SnapshotFrom, transition } from 'xstate';
import { emptyWindow, withRestart } from '../../machines/restart-window.ts';
import {
  type ExitKind,
  type RestartType,
  type Strategy,
  type SupervisorInput,
  supervisorMachine,
} from '../../machines/supervisor.ts';
import { reachable, restingStates, topOf } from './graph.ts';

const strategies: Strategy[] = ['one-for-one', 'one-for-all', 'rest-for-one'];
const exits: ExitKind[] = ['normal', 'shutdown', 'crash', 'killed'];

/** Whether a child of this restart type is restarted after this exit. */
const restarted: Record<RestartType, Record<ExitKind, boolean>> = {
  permanent: { normal: true, shutdown: true, crash: true, killed: true },
  transient: { normal: false, shutdown: false, crash: true, killed: true },
  temporary: { normal: false, shutdown: false, crash: false, killed: false },
};

/** Who is restarted with it. */
const withIt: Record<Strategy, object> = {
  'one-for-one': { type: 'child.restart', id: 'b' },
  'one-for-all': { type: 'children.restart', scope: 'all' },
  'rest-for-one': { type: 'children.restart', scope: { from: 'b' } },
};

const matrix = strategies.flatMap(strategy =>
  (Object.keys(restarted) as RestartType[]).flatMap(restart => exits.map(exit => ({ strategy, restart, exit }))),
);

describe('a running supervisor', () => {
  it.each(matrix)(
    'of strategy $strategy does with a $restart child after its $exit what OTP does',
    ({ strategy, restart, exit }) => {
      const { state, said } = play({ strategy }, [started, exited('b', restart, exit)]);
      if (restarted[restart][exit]) {
        expect(said).toEqual([withIt[strategy]]);
        expect(state).toBe(strategy === 'one-for-one' ? 'running' : 'restarting');
      } else {
        expect(said).toEqual([{ type: 'child.forget', id: 'b', spec: restart === 'temporary' ? 'removed' : 'kept' }]);
        expect(state).toBe('running');
      }
    },
  );

  it('was looked at in every row', () => {
    expect(matrix).toHaveLength(36);
  });
});

describe('the intensity of restarts', () => {
  const crash = (at: number) => exited('b', 'permanent', 'crash', at);
  const stops = { type: 'children.stop', why: 'escalation', deadline: null };

  it('is the most that is allowed: the next one stops all, and then escalates', () => {
    const within = play({ intensity: 2 }, [started, crash(1), crash(2)]);
    expect([within.state, within.said.length]).toEqual(['running', 2]);
    const beyond = play({ intensity: 2 }, [started, crash(1), crash(2), crash(3)]);
    expect([beyond.state, beyond.said.at(-1)]).toEqual(['draining', stops]);
    const over = play({ intensity: 2 }, [started, crash(1), crash(2), crash(3), stopped]);
    const why = { context: 'shutdown', reason: 'reached-max-restart-intensity', offender: 'b' };
    expect([over.state, over.said.at(-1)]).toEqual(['escalated', { type: 'escalate', ...why }]);
  });

  it('of none allows no restart at all', () => {
    expect(play({ intensity: 0 }, [started, crash(1)]).said).toEqual([stops]);
  });

  it('counts a restart that is exactly one period old, and forgets an older one', () => {
    expect(play({ intensity: 1, periodMs: 100 }, [started, crash(0), crash(100)]).state).toBe('draining');
    expect(play({ intensity: 1, periodMs: 100 }, [started, crash(0), crash(101)]).state).toBe('running');
  });

  it('does not count exits that nobody restarts', () => {
    const done = Array.from({ length: 20 }, (_, n) => exited(`b${n}`, 'temporary', 'crash', n));
    expect(play({ intensity: 1 }, [started, ...done]).state).toBe('running');
  });

  it('counts the restart of a group as one', () => {
    const { state } = play({ strategy: 'one-for-all', intensity: 1 }, [started, crash(1), restartedAll]);
    expect(state).toBe('running');
  });

  it('is counted over all children together', () => {
    const events = [started, exited('a', 'permanent', 'crash', 1), exited('b', 'permanent', 'crash', 2)];
    expect(play({ intensity: 1 }, events).state).toBe('draining');
  });
});

describe('a supervisor that restarts a group', () => {
  const group = { strategy: 'rest-for-one' as const };

  it('asks again when another child needs it meanwhile, and counts that', () => {
    const events = [started, exited('c', 'permanent', 'crash'), exited('a', 'permanent', 'crash')];
    const { state, said } = play({ ...group, intensity: 2 }, events);
    expect(state).toBe('restarting');
    expect(said).toEqual([
      { type: 'children.restart', scope: { from: 'c' } },
      { type: 'children.restart', scope: { from: 'a' } },
    ]);
    expect(play({ ...group, intensity: 1 }, events).state).toBe('draining');
  });

  it('runs again once the group does', () => {
    expect(play(group, [started, exited('b', 'permanent', 'crash'), restartedAll]).state).toBe('running');
  });

  it('forgets a child that nobody restarts, and goes on', () => {
    const { state, said } = play(group, [
      started,
      exited('b', 'permanent', 'crash'),
      exited('c', 'temporary', 'crash'),
    ]);
    expect([state, said.at(-1)]).toEqual(['restarting', { type: 'child.forget', id: 'c', spec: 'removed' }]);
  });
});

describe('a draining supervisor', () => {
  const drain = { type: 'supervisor.drain' as const, deadline: 500, at: 10 };

  it.each([
    { name: 'starting', before: [] },
    { name: 'running', before: [started] },
    { name: 'restarting', before: [started, exited('b', 'permanent', 'crash')] },
  ])('that was $name stops its children by the deadline', ({ before }) => {
    const { state, said } = play({ strategy: 'one-for-all' }, [...before, drain]);
    expect([state, said.at(-1)]).toEqual(['draining', { type: 'children.stop', why: 'drain', deadline: 500 }]);
  });

  it.each(exits)('restarts nobody after a %s', exit => {
    const { state, said } = play({}, [started, drain, exited('b', 'permanent', exit)]);
    expect([state, said.at(-1)]).toEqual(['draining', { type: 'child.forget', id: 'b', spec: 'kept' }]);
  });

  it('is stopped when its children are', () => {
    expect(play({}, [started, drain, stopped])).toMatchObject({ state: 'stopped', status: 'done' });
  });

  it('that is told again passes the new deadline on', () => {
    const { said } = play({}, [started, drain, { ...drain, deadline: 20 }]);
    expect(said.at(-1)).toEqual({ type: 'children.stop', why: 'drain', deadline: 20 });
  });

  it('that was giving up escalates all the same', () => {
    const { state } = play({ intensity: 0 }, [started, exited('b', 'permanent', 'crash'), drain, stopped]);
    expect(state).toBe('escalated');
  });
});

describe('the graph of the supervisor', () => {
  it('reaches every state that it declares, whatever the strategy', () => {
    const reached = new Set<string>();
    for (const strategy of strategies) {
      const walk = { machine: supervisorMachine, input: inputOf({ strategy, intensity: 1 }), keyOf: topOf };
      const events = [started, restartedAll, stopped, { type: 'supervisor.drain', deadline: 1, at: 1 }];
      // Two crashes at one time: the second is beyond an intensity of 1.
      const keyOf = (snapshot: { value: unknown; context: { restarts: { count: number }; escalation: unknown } }) =>
        `${topOf(snapshot)} ${snapshot.context.restarts.count} ${snapshot.context.escalation !== null}`;
      const all = [...events, exited('b', 'permanent', 'crash')];
      for (const snapshot of reachable({ ...walk, keyOf }, all).values()) reached.add(topOf(snapshot));
    }
    expect([...reached].sort()).toEqual(restingStates(supervisorMachine));
  });
});

describe('the window of restarts', () => {
  it('agrees with a plain list, whatever the times', () => {
    let window = emptyWindow;
    let list: number[] = [];
    let at = 0;
    for (let n = 0; n < 2_000; n += 1) {
      at += (n * 7_919) % 23;
      window = withRestart(window, at, 100);
      list = [...list, at].filter(time => at - time <= 100);
      expect(window.count).toBe(list.length);
    }
  });

  it('costs the same among ten thousand: 10,000 restarts are counted in well under a second', () => {
    let window = emptyWindow;
    const before = performance.now();
    for (let at = 0; at < 10_000; at += 1) window = withRestart(window, at, 1_000_000);
    expect(window.count).toBe(10_000);
    expect(performance.now() - before).toBeLessThan(1_000);
  });
});

type Snapshot = SnapshotFrom<typeof supervisorMachine>;
type Event = EventFromLogic<typeof supervisorMachine>;

const started = { type: 'children.started' as const, at: 0 };
const restartedAll = { type: 'children.restarted' as const, at: 5 };
const stopped = { type: 'children.stopped' as const, at: 9 };

function exited(id: string, restart: RestartType, exit: ExitKind, at = 1) {
  return { type: 'child.exited' as const, id, restart, exit, at };
}

function inputOf(input: Partial<SupervisorInput>): SupervisorInput {
  return { strategy: 'one-for-one', intensity: 10, periodMs: 60_000, ...input };
}

function play(input: Partial<SupervisorInput>, events: Event[]) {
  let [snapshot]: [Snapshot, unknown] = initialTransition(supervisorMachine, inputOf(input));
  const said: unknown[] = [];
  for (const event of events) {
    const [next, actions] = transition(supervisorMachine, snapshot, event);
    snapshot = next;
    for (const { type, params } of actions as { type: string; params: unknown }[])
      if (type === 'xstate.emit') said.push((params as { event: unknown }).event);
  }
  return { state: snapshot.value, status: snapshot.status, said };
}
