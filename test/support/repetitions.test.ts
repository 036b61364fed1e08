import { afterEach, expect, test, vi } from 'vitest';
import { repetitions } from './repetitions.ts';

afterEach(() => vi.unstubAllEnvs());

test('a soak repeats in full', () => {
  vi.stubEnv('REEVE_SOAK', '1');
  expect(repetitions(1_000)).toBe(1_000);
});

test('an ordinary run repeats a tenth, at least once', () => {
  vi.stubEnv('REEVE_SOAK', '');
  expect([1_000, 20, 3].map(full => repetitions(full))).toEqual([100, 2, 1]);
  expect(repetitions(1_000, 50)).toBe(20);
});
