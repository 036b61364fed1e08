import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { repetitions, seedOf } from './repetitions.ts';

afterEach(() => vi.unstubAllEnvs());

test('a soak repeats in full', () => {
  vi.stubEnv('REEVE_SOAK', '1');
  expect(repetitions(1_000)).toBe(1_000);
});

test('an ordinary run has its seed, and a soak another each time, which a property that fails tells', () => {
  vi.stubEnv('REEVE_SOAK', '');
  expect(seedOf(7)).toEqual({ seed: 7 });
  vi.stubEnv('REEVE_SOAK', '1');
  const failing = () =>
    fc.check(
      fc.property(fc.nat(), () => false),
      seedOf(7),
    );
  const [one, other] = [failing(), failing()];
  expect(one.seed).not.toBe(other.seed);
  expect(fc.defaultReportMessage(one)).toContain(`seed: ${one.seed}`);
});

test('an ordinary run repeats a tenth, at least once', () => {
  vi.stubEnv('REEVE_SOAK', '');
  expect([1_000, 20, 3].map(full => repetitions(full))).toEqual([100, 2, 1]);
  expect(repetitions(1_000, 50)).toBe(20);
});
