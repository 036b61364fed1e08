import { expect, test } from 'vitest';
import { parseDuration } from '../../src/core/durations.ts';
import { wrongOf } from '../../src/domain/invalid.ts';
import { momentMs } from '../../src/domain/moments.ts';
import { untilMs } from '../../src/domain/pause.ts';
import { planDocumentSchema } from '../../src/domain/plan.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

test('what is written is read in milliseconds, and what is none is undefined', () => {
  expect(['500ms', '1.5s', '0s', '15m', '2h', '7d'].map(parseDuration)).toEqual([
    500, 1_500, 0, 900_000, 7_200_000, 604_800_000,
  ]);
  for (const text of ['', '5', 's', '-1s', '1 s', '1w', '1e9d', '١s']) expect(parseDuration(text)).toBeUndefined();
});

test('a duration is at most a century, so that every moment that one leads to can be written down', () => {
  const longest = '36500d';
  expect(new Date(untilMs(longest, now) ?? Number.NaN).toISOString()).toMatch(/^2125-/);
  expect(new Date(momentMs(longest, now) ?? Number.NaN).toISOString()).toMatch(/^1926-/);
  for (const text of ['36501d', '999999999999d', `${'9'.repeat(400)}d`]) {
    expect(untilMs(text, now)).toBeUndefined();
    expect(momentMs(text, now)).toBeUndefined();
    const plan = {
      name: 'p',
      engine: { type: 'files', path: '/srv' },
      repository: 'nas',
      deadlines: { pending: text, run: text },
    };
    const checked = planDocumentSchema.safeParse(plan);
    expect(checked.error && wrongOf(checked.error, planDocumentSchema, plan)).toMatch(
      /deadlines.pending: is not a duration.*deadlines.run: is neither none nor a duration/,
    );
  }
});
