import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { jumpMinMs, SystemClock, sleepMaxMs } from '../../src/runtime/system-clock.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const yearMs = 365 * 24 * 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  now = start;
  monotonic = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

let now = start;
let monotonic = 0;

/** A clock on which time goes on only as a test says, timers included. */
function manual() {
  const jumps: number[] = [];
  const clock = new SystemClock({ wall: () => now, monotonic: () => monotonic, onJump: byMs => jumps.push(byMs) });
  /** Time goes on by `ms`, in steps, so that each timer sees its own time. */
  const pass = (ms: number) => {
    for (let left = ms; left > 0; ) {
      const step = Math.min(left, 1_000);
      now += step;
      monotonic += step;
      left -= step;
      vi.advanceTimersByTime(step);
    }
  };
  return { clock, jumps, pass };
}

test('alarms ring at or after their times, in the order of times, and of one time in the order in which they were set', () => {
  const { clock, pass } = manual();
  const rung: string[] = [];
  for (const [name, inMs] of [
    ['c', 3_000],
    ['a', 1_000],
    ['b', 2_000],
    ['b2', 2_000],
    ['b3', 2_000],
  ] as const)
    clock.alarm(start + inMs, () => rung.push(`${name} ${now - start}`));
  pass(2_000);
  expect(rung).toEqual(['a 1000', 'b 2000', 'b2 2000', 'b3 2000']);
  pass(1_000);
  expect(rung.at(-1)).toBe('c 3000');
  expect(clock.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('an alarm in the past rings in a later turn, never inside the call', () => {
  const { clock } = manual();
  const rung: number[] = [];
  clock.alarm(start - 1_000, () => rung.push(now));
  expect(rung).toEqual([]);
  vi.advanceTimersByTime(0);
  expect(rung).toEqual([start]);
});

test('an alarm that sets itself anew for now rings once a turn, and starves nobody', () => {
  const { clock } = manual();
  let rings = 0;
  let others = 0;
  const again = () => {
    rings += 1;
    clock.alarm(now, again);
  };
  clock.alarm(now, again);
  vi.advanceTimersByTime(0);
  expect(rings).toBe(1);
  clock.alarm(now, () => {
    others += 1;
  });
  vi.advanceTimersByTime(1);
  expect([rings, others]).toEqual([2, 1]);
  clock.close();
});

test('a year’s deadline does not fire at once, and fires when the year is over', () => {
  const { clock } = manual();
  let rung = 0;
  clock.alarm(start + yearMs, () => {
    rung += 1;
  });
  vi.advanceTimersByTime(10);
  expect(rung).toBe(0);
  now = start + yearMs - 1;
  clock.check();
  expect(rung).toBe(0);
  now += 1;
  clock.check();
  expect(rung).toBe(1);
});

test('a real clock of Node holds a year’s deadline, where a single timer would fire at once', async () => {
  vi.useRealTimers();
  const clock = new SystemClock();
  let rung = 0;
  const takeBack = clock.alarm(Date.now() + yearMs, () => {
    rung += 1;
  });
  await new Promise<void>(resolve => void clock.alarm(Date.now() + 20, resolve));
  expect(rung).toBe(0);
  takeBack();
  clock.close();
});

test('a long sleep is split, so that a clock that was set on is noticed within a minute, and what is due rings', () => {
  const { clock, jumps, pass } = manual();
  let rung = 0;
  clock.alarm(start + 3_600_000, () => {
    rung += 1;
  });
  now += 3_600_000;
  pass(sleepMaxMs - 1_000);
  expect([rung, jumps]).toEqual([0, []]);
  pass(1_000);
  expect([rung, jumps]).toEqual([1, [3_600_000]]);
});

test('a machine that slept is noticed when it wakes: the monotonic clock stood still', () => {
  const { clock, jumps } = manual();
  let rung = 0;
  clock.alarm(start + 120_000, () => {
    rung += 1;
  });
  now += 10 * 3_600_000;
  vi.advanceTimersByTime(sleepMaxMs);
  expect(rung).toBe(1);
  expect(jumps).toEqual([10 * 3_600_000]);
});

test('a clock that is set back delays what is due by that much, and is told; a small correction is not', () => {
  const { clock, jumps, pass } = manual();
  const rung: number[] = [];
  clock.alarm(start + 30_000, () => rung.push(now));
  now -= 20_000;
  pass(30_000);
  expect([rung, jumps]).toEqual([[], [-20_000]]);
  pass(20_000);
  expect(rung).toEqual([start + 30_000]);
  now += jumpMinMs - 1;
  clock.check();
  expect(jumps).toHaveLength(1);
});

test('an alarm that was taken back never rings, also when it is taken back by one that rings before it', () => {
  const { clock, pass } = manual();
  const rung: string[] = [];
  const takeBack = clock.alarm(start + 2_000, () => rung.push('late'));
  clock.alarm(start + 2_000, () => rung.push('kept'));
  clock.alarm(start + 1_000, () => {
    takeBack();
    takeBack();
  });
  pass(3_000);
  takeBack();
  expect(rung).toEqual(['kept']);
});

test('alarms that are set and taken back again and again do not pile up until their times', () => {
  const { clock } = manual();
  clock.alarm(start + 1_000, () => undefined);
  for (let n = 0; n < 50_000; n += 1) clock.alarm(start + yearMs + n, () => undefined)();
  expect(clock.size).toBeLessThan(5_000);
  expect(vi.getTimerCount()).toBe(1);
});

test('one that throws does not keep the others from ringing', () => {
  const { clock } = manual();
  const rung: string[] = [];
  clock.alarm(start, () => {
    throw new Error('boom');
  });
  clock.alarm(start, () => rung.push('other'));
  expect(() => clock.check()).toThrow('boom');
  vi.advanceTimersByTime(0);
  expect(rung).toEqual(['other']);
});

test('alarms of one moment that take long let other things have their turn, and all ring once, in order', async () => {
  vi.useRealTimers();
  const clock = new SystemClock();
  const rung: number[] = [];
  const at = Date.now() + 20;
  const meanwhile: number[] = [];
  await new Promise<void>(resolve => {
    for (let n = 0; n < 100; n += 1)
      clock.alarm(at, () => {
        for (const began = performance.now(); performance.now() < began + 0.5; ) rung.length += 0;
        rung.push(n);
        if (n === 0) setImmediate(() => meanwhile.push(rung.length));
        if (n === 99) resolve();
      });
  });
  expect(rung).toEqual(Array.from({ length: 100 }, (_, n) => n));
  expect(meanwhile[0]).toBeLessThan(50);
  clock.close();
});

test('a closed clock rings nothing', () => {
  const { clock, pass } = manual();
  const rung: string[] = [];
  clock.alarm(start + 1_000, () => rung.push('late'));
  clock.close();
  pass(2_000);
  expect(rung).toEqual([]);
});

test('for any sequence it rings what a plain sorted list would, when it would', () => {
  const deed = fc.oneof(
    fc.record({ do: fc.constant('set' as const), inMs: fc.integer({ min: -1_000, max: 400_000 }) }),
    fc.record({ do: fc.constant('take back' as const), which: fc.nat(50) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 50_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 80 }), deeds => {
      now = start;
      monotonic = 0;
      const { clock } = manual();
      const rung: number[] = [];
      const expected: number[] = [];
      const list: { n: number; at: number }[] = [];
      const takeBacks: (() => void)[] = [];
      for (const each of deeds) {
        if (each.do === 'set') {
          const n = takeBacks.length;
          takeBacks.push(clock.alarm(now + each.inMs, () => rung.push(n)));
          list.push({ n, at: now + each.inMs });
        } else if (each.do === 'take back') {
          const n = takeBacks.length === 0 ? 0 : each.which % takeBacks.length;
          takeBacks[n]?.();
          const at = list.findIndex(alarm => alarm.n === n);
          if (at >= 0) list.splice(at, 1);
        } else {
          now += each.ms;
          monotonic += each.ms;
          vi.advanceTimersByTime(each.ms);
          clock.check();
          list.sort((one, other) => one.at - other.at || one.n - other.n);
          while (list[0] && list[0].at <= now) expected.push(list.shift()?.n ?? -1);
        }
      }
      clock.close();
      expect(rung).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});
