import { expect, test } from 'vitest';
import { SteadyClock } from '../../src/actors/steady-clock.ts';

const day = 86_400_000;

/** A machine whose clocks a test moves. */
function machine() {
  const at = { wall: 1_000_000, monotonic: 50, uptime: 9_000 };
  const clock = new SteadyClock({ wall: () => at.wall, monotonic: () => at.monotonic, uptime: () => at.uptime });
  const pass = (ms: number) => {
    at.wall += ms;
    at.monotonic += ms;
    at.uptime += ms;
  };
  return { at, clock, pass };
}

test('goes on with the time that passes', () => {
  const { clock, pass } = machine();
  pass(4_000);
  expect(clock.now()).toBe(1_004_000);
});

test.each([day, -day])('is not moved by a wall clock that is set by %i ms, once or again', by => {
  const { at, clock, pass } = machine();
  for (let times = 1; times <= 3; times += 1) {
    at.wall += by;
    pass(1_000);
    expect(clock.now()).toBe(1_000_000 + times * 1_000);
  }
});

test('is moved by the sleep of the machine, also where the clock is set right after it', () => {
  const { at, clock, pass } = machine();
  at.wall += 7_200_000;
  at.uptime += 7_200_000;
  expect(clock.now()).toBe(8_200_000);
  at.wall -= day;
  pass(1_000);
  expect(clock.now()).toBe(8_201_000);
});

test('of this machine tells its time', () => {
  expect(Math.abs(new SteadyClock().now() - Date.now())).toBeLessThan(50);
});
