import { expect, test } from 'vitest';
import type { RestartType } from '../../machines/supervisor.ts';
import type { RuntimeFact } from '../../src/core/runtime-facts.ts';
import {
  type ChildExit,
  type ChildLife,
  type ChildSpec,
  Supervisor,
  type SupervisorOptions,
  type Unstopped,
} from '../../src/runtime/supervisor.ts';
import { ManualClock } from '../support/runtime-host.ts';

const crash: ChildExit = { exit: 'crash', error: new Error('boom') };
const turn = () => new Promise(resolve => setImmediate(resolve));

/** A supervisor of children that say what befalls them, each of which a test can make leave. */
function world(options: Partial<SupervisorOptions> = {}) {
  const clock = new ManualClock();
  const facts: RuntimeFact[] = [];
  const told: string[] = [];
  const restarted: string[] = [];
  const exits = new Map<string, (exit: ChildExit) => void>();
  const supervisor = new Supervisor({
    name: 'work',
    clock,
    observe: fact => facts.push(fact),
    random: () => 0,
    onRestarted: (id, crashes, afterMs) => restarted.push(`${id} ${crashes} ${afterMs}`),
    ...options,
  });
  const child = (id: string, restart: RestartType = 'permanent', more: Partial<ChildSpec> = {}): ChildSpec => ({
    id,
    restart,
    start: life => {
      told.push(`+${id}`);
      exits.set(id, exit => life.exited(exit));
      return {
        drain: async () => {
          told.push(`-${id}`);
          return [];
        },
      };
    },
    ...more,
  });
  const add = async (...ids: string[]) => {
    for (const id of ids) await supervisor.add(child(id));
  };
  const leave = async (id: string, exit: ChildExit = crash) => {
    exits.get(id)?.(exit);
    await turn();
  };
  /** What was told since the last look. */
  const since = () => told.splice(0).join(' ');
  return { supervisor, clock, facts, restarted, exits, child, add, leave, since };
}

test('children start in the order in which they are added, and stop in reverse', async () => {
  const { supervisor, clock, add, since } = world();
  await add('a', 'b', 'c');
  expect(since()).toBe('+a +b +c');
  expect(await supervisor.drain(clock.now() + 1_000)).toEqual([]);
  expect(since()).toBe('-c -b -a');
  expect(supervisor.state).toBe('stopped');
  expect(clock.alarms).toBe(0);
});

test('in reverse a child is told only when the one after it has stopped; together all are told at once', async () => {
  for (const [stopOrder, expected] of [
    ['reverse', ''],
    ['together', '-a'],
  ] as const) {
    const { supervisor, clock, add, child, since } = world({ stopOrder });
    await add('a');
    const gate = Promise.withResolvers<Unstopped[]>();
    await supervisor.add(child('b', 'permanent', { start: () => ({ drain: () => gate.promise }) }));
    since();
    const drained = supervisor.drain(clock.now() + 1_000);
    await turn();
    expect(since()).toBe(expected);
    gate.resolve([]);
    await drained;
  }
});

test('a start that fails is the caller’s to know, and the child is not kept', async () => {
  const { supervisor, child, add } = world();
  const fails = child('a', 'permanent', { start: () => Promise.reject(new Error('no')) });
  await expect(supervisor.add(fails)).rejects.toThrow('no');
  const throws = child('a', 'permanent', {
    start: () => {
      throw new Error('not at all');
    },
  });
  await expect(supervisor.add(throws)).rejects.toThrow('not at all');
  await add('a');
  await expect(supervisor.add(child('a'))).rejects.toThrow('has a child a already');
  expect(supervisor.size).toBe(1);
});

test('a child with nothing to run is not kept', async () => {
  const { supervisor, child } = world();
  await supervisor.add(child('a', 'permanent', { start: async () => undefined }));
  expect(supervisor.size).toBe(0);
});

test('the first restart is at once; then waits double, and a stable uptime makes them begin again', async () => {
  const { clock, add, leave, since, restarted } = world({ backoff: { minMs: 100, maxMs: 1_000 }, stableMs: 60_000 });
  await add('a');
  await leave('a');
  expect(since()).toBe('+a +a');
  for (const waitMs of [100, 100, 200, 400]) {
    await leave('a');
    await clock.advance(waitMs - 1);
    expect(since()).toBe('');
    await clock.advance(1);
    expect(since()).toBe('+a');
  }
  await clock.advance(60_000);
  await leave('a');
  expect(since()).toBe('+a');
  expect(restarted).toEqual(['a 1 0', 'a 2 100', 'a 3 100', 'a 4 200', 'a 5 400', 'a 1 0']);
});

test('a permanent child that keeps being done at once is held back like one that crashes', async () => {
  const { add, leave, since } = world();
  await add('a');
  since();
  await leave('a', { exit: 'normal' });
  await leave('a', { exit: 'normal' });
  expect(since()).toBe('+a');
});

test.each([
  ['permanent', 'normal', '+a'],
  ['permanent', 'crash', '+a'],
  ['transient', 'normal', ''],
  ['transient', 'shutdown', ''],
  ['transient', 'killed', '+a'],
  ['temporary', 'crash', ''],
] as const)('a %s child that leaves as %s is started again: "%s"', async (restart, exit, expected) => {
  const { supervisor, child, leave, since } = world();
  await supervisor.add(child('a', restart));
  since();
  await leave('a', { exit });
  expect(since()).toBe(expected);
  expect(supervisor.size).toBe(expected === '' ? 0 : 1);
});

test('a child says only once that it left, and what an earlier life says is not heard', async () => {
  const { add, exits, leave, since } = world();
  await add('a');
  const first = exits.get('a');
  await leave('a');
  first?.(crash);
  first?.(crash);
  await turn();
  expect(since()).toBe('+a +a');
});

test('a restart whose start fails counts as a crash and is tried again after the backoff', async () => {
  const { supervisor, clock, child, leave, since, restarted } = world();
  let starts = 0;
  const spec = child('a');
  const start: ChildSpec['start'] = async life => {
    starts += 1;
    if (starts === 2 || starts === 3) throw new Error('not yet');
    return await spec.start(life);
  };
  await supervisor.add({ ...spec, start });
  await leave('a');
  expect(starts).toBe(2);
  await clock.advance(100);
  await clock.advance(100);
  expect(since()).toBe('+a +a');
  expect(restarted).toEqual(['a 3 100']);
});

test('too many restarts in the period stop all in reverse, then the parent is told, with the cause', async () => {
  const { supervisor, facts, add, leave, since, clock } = world({ intensity: 2, periodMs: 1_000 });
  const errors: Error[] = [];
  supervisor.onEscalated(error => errors.push(error));
  await add('a', 'b', 'c');
  since();
  await leave('b');
  await leave('b');
  await clock.advance(100);
  expect(errors).toEqual([]);
  await leave('b');
  expect(since()).toBe('+b +b -c -a');
  expect(errors[0]?.message).toBe('the supervisor work gave up on b: reached-max-restart-intensity');
  expect(errors[0]?.cause).toBe(crash.error);
  expect(facts).toMatchObject([{ fact: 'supervisor.escalated', supervisor: 'work', offender: 'b' }]);
  expect(supervisor.state).toBe('escalated');
  await expect(supervisor.add({ id: 'd', restart: 'permanent', start: () => undefined })).rejects.toThrow('escalated');
  expect(await supervisor.drain(clock.now() + 100)).toEqual([]);
});

test('a nested supervisor that gave up is started again with its children, but for the temporary ones', async () => {
  const top = world({ name: 'top', intensity: 1 });
  const nested = world({ name: 'nested', intensity: 0 });
  await top.supervisor.add(nested.supervisor.asChild());
  await nested.add('a', 'b');
  await nested.supervisor.add(nested.child('gone', 'temporary'));
  nested.since();
  await nested.leave('a');
  expect(nested.since()).toBe('-gone -b +a +b');
  expect(nested.supervisor.state).toBe('running');
  expect(nested.supervisor.size).toBe(2);
  expect(top.restarted).toEqual(['nested 1 0']);
  await nested.add('c');
  await nested.leave('c');
  expect(nested.supervisor.state).toBe('escalated');
  expect(top.supervisor.state).toBe('escalated');
  expect(nested.since()).toBe('+c -b -a');
});

test('one-for-all stops all in reverse and starts all in order, and drops the temporary ones', async () => {
  const { supervisor, child, add, leave, since } = world({ strategy: 'one-for-all' });
  await add('a', 'b');
  await supervisor.add(child('t', 'temporary'));
  await add('c');
  since();
  await leave('b');
  expect(since()).toBe('-c -t -a +a +b +c');
  expect(supervisor.state).toBe('running');
  expect(supervisor.size).toBe(3);
});

test('rest-for-one concerns only those that were started after', async () => {
  const { add, leave, since } = world({ strategy: 'rest-for-one' });
  await add('a', 'b', 'c');
  since();
  await leave('b');
  expect(since()).toBe('-c +b +c');
});

test('rest-for-one finds its scope also after an earlier temporary child is gone', async () => {
  const { supervisor, child, add, leave, since } = world({ strategy: 'rest-for-one' });
  await supervisor.add(child('t', 'temporary'));
  await add('a', 'b', 'c');
  await leave('t');
  since();
  await leave('b');
  expect(since()).toBe('-c +b +c');
});

test('a transient child that was done is started again with its group, as OTP does', async () => {
  const { supervisor, child, add, leave, since } = world({ strategy: 'one-for-all' });
  await supervisor.add(child('done', 'transient'));
  await add('a');
  await leave('done', { exit: 'normal' });
  since();
  await leave('a');
  expect(since()).toBe('+done +a');
});

test('a child that crashes while its group restarts begins the restart anew, over the wider scope', async () => {
  const { supervisor, child, add, leave, since, clock } = world({ strategy: 'rest-for-one' });
  await add('a');
  const gate = Promise.withResolvers<void>();
  let starts = 0;
  const slow = child('b');
  const start: ChildSpec['start'] = async life => {
    starts += 1;
    if (starts === 2) await gate.promise;
    return await slow.start(life);
  };
  await supervisor.add({ ...slow, start });
  await add('c');
  since();
  await leave('b');
  expect(since()).toBe('-c');
  await leave('a');
  gate.resolve();
  await turn();
  expect(since()).toBe('+b -b +a +b +c');
  expect(supervisor.state).toBe('running');
  expect(clock.alarms).toBe(0);
});

test('a group whose child crashes again and again is held back too, and a drain does not wait for that', async () => {
  const { supervisor, clock, add, leave, since } = world({ strategy: 'one-for-all' });
  await add('a', 'b');
  await leave('b');
  since();
  await leave('b');
  expect(since()).toBe('-a');
  await clock.advance(99);
  expect(since()).toBe('');
  await clock.advance(1);
  expect(since()).toBe('+a +b');
  await leave('b');
  since();
  expect(await supervisor.drain(clock.now() + 1_000)).toEqual([]);
  await clock.advance(10_000);
  expect(since()).toBe('');
});

test('a drain takes a waiting restart back', async () => {
  const { supervisor, clock, add, leave, since } = world();
  await add('a');
  await leave('a');
  await leave('a');
  since();
  await supervisor.drain(clock.now() + 1_000);
  await clock.advance(60_000);
  expect(since()).toBe('');
  expect(clock.alarms).toBe(0);
});

test('a child that is still being started when all are stopped is waited for and stopped', async () => {
  const { supervisor, clock, child, since } = world();
  const gate = Promise.withResolvers<void>();
  const spec = child('slow');
  const start = (life: ChildLife) => gate.promise.then(() => spec.start(life));
  const added = supervisor.add({ ...spec, start });
  const drained = supervisor.drain(clock.now() + 1_000);
  gate.resolve();
  expect(await drained).toEqual([]);
  expect(since()).toBe('+slow -slow');
  await added;
});

test('a child that comes to be only after the deadline is reported, and stopped all the same', async () => {
  const { supervisor, clock, child, since } = world();
  const gate = Promise.withResolvers<void>();
  const spec = child('slow');
  const start = (life: ChildLife) => gate.promise.then(() => spec.start(life));
  const added = supervisor.add({ ...spec, start });
  const drained = supervisor.drain(clock.now() + 1_000);
  await clock.advance(1_000);
  expect(await drained).toEqual([{ kind: 'child', id: 'slow', why: 'it did not stop in time' }]);
  gate.resolve();
  await added;
  await turn();
  expect(since()).toBe('+slow -slow');
});

test('the time of a drain shrinks at each level, so that the report of what did not stop reaches the top in time', async () => {
  const clock = new ManualClock();
  const of = (name: string) => world({ name, clock }).supervisor;
  const levels = [of('top'), of('middle'), of('bottom')];
  for (let n = 2; n > 0; n -= 1) await levels[n - 1]?.add((levels[n] as Supervisor).asChild());
  const deadlines: number[] = [];
  const stuck: ChildSpec = {
    id: 'stuck',
    restart: 'permanent',
    start: () => ({
      drain: by => {
        deadlines.push(by);
        return new Promise(() => undefined);
      },
    }),
  };
  await levels[2]?.add(stuck);
  const startedAt = clock.now();
  let report: Unstopped[] | undefined;
  void levels[0]?.drain(startedAt + 10_000).then(unstopped => {
    report = unstopped;
  });
  await clock.advance(9_999);
  expect(report).toEqual([{ kind: 'child', id: 'stuck', why: 'it did not stop in time' }]);
  const [theirs = 0] = deadlines;
  expect(theirs - startedAt).toBeLessThan(9_000);
  expect(theirs - startedAt).toBeGreaterThan(8_000);
});

test('a child that does not stop holds nobody else up beyond the deadline', async () => {
  const { supervisor, clock, add, since, child } = world();
  await add('a', 'b');
  await supervisor.add(child('stuck', 'permanent', { start: () => ({ drain: () => new Promise(() => undefined) }) }));
  since();
  const drained = supervisor.drain(clock.now() + 1_000);
  await clock.advance(999);
  expect(await drained).toEqual([{ kind: 'child', id: 'stuck', why: 'it did not stop in time' }]);
  expect(since()).toBe('-b -a');
});

test('a stop that fails is reported, and the others are stopped', async () => {
  const { supervisor, clock, add, child, since } = world();
  await add('a');
  const broken = () => ({ drain: () => Promise.reject(new Error('no way')) });
  await supervisor.add(child('broken', 'permanent', { start: broken }));
  const unstopped = await supervisor.drain(clock.now() + 1_000);
  expect(unstopped).toEqual([{ kind: 'child', id: 'broken', why: 'its stop failed: no way' }]);
  expect(since()).toBe('+a -a');
});

test('a second drain with a nearer deadline ends by that', async () => {
  const { supervisor, clock, child } = world();
  await supervisor.add(child('stuck', 'permanent', { start: () => ({ drain: () => new Promise(() => undefined) }) }));
  void supervisor.drain(clock.now() + 60_000);
  const sooner = supervisor.drain(clock.now() + 1_000);
  await clock.advance(1_000);
  expect(await sooner).toHaveLength(1);
});

test('ten thousand children start, one of them crashes and comes back, and all stop in reverse', async () => {
  const { supervisor, clock, child, leave, since } = world();
  for (let n = 0; n < 10_000; n += 1) await supervisor.add(child(`c${n}`));
  expect(supervisor.size).toBe(10_000);
  since();
  await leave('c5000');
  expect(since()).toBe('+c5000');
  expect(await supervisor.drain(clock.now() + 10_000)).toEqual([]);
  const order = since().split(' ');
  expect(order).toHaveLength(10_000);
  expect(order[0]).toBe('-c9999');
  expect(order.at(-1)).toBe('-c0');
});
