import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RepeatedFailures } from '../../src/telemetry/repeated-failures.ts';

test('a failure is told when it starts and when it changes, and repetitions are counted', () => {
  const failures = new RepeatedFailures<string>();
  expect(failures.occurred('nats', 'refused', 'a', 0)).toBe('started');
  expect(failures.occurred('nats', 'refused', 'b', 10)).toBe('repeated');
  expect(failures.occurred('nats', 'timeout', 'c', 20)).toBe('changed');
  expect(failures.ended('nats')).toMatchObject({ subject: 'c', count: 3, firstAt: 0, lastAt: 20 });
  expect(failures.ended('nats')).toBeUndefined();
  expect(failures.occurred('nats', 'timeout', 'd', 30)).toBe('started');
});

test('a failure that has been quiet for a while is over, and others are not', () => {
  const failures = new RepeatedFailures<string>({ quietMs: 100 });
  failures.occurred('one', '', '1', 0);
  failures.occurred('two', '', '2', 50);
  expect(failures.expired(99)).toEqual([]);
  expect(failures.expired(100).map(({ subject }) => subject)).toEqual(['1']);
  expect(failures.expired(150).map(({ subject }) => subject)).toEqual(['2']);
});

test('beyond the bound on what is remembered, the quietest ends first', () => {
  const failures = new RepeatedFailures<string>({ keysMax: 2 });
  for (const key of ['a', 'b', 'a', 'c']) failures.occurred(key, '', key, 0);
  expect(failures.expired(0).map(({ subject }) => subject)).toEqual(['b']);
});

test('however failures come, no occurrence is lost: the counts of what ended add up', () => {
  const occurrence = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    signature: fc.constantFrom('x', 'y'),
    gap: fc.nat(150),
  });
  fc.assert(
    fc.property(fc.array(occurrence, { maxLength: 60 }), occurrences => {
      const failures = new RepeatedFailures<string>({ quietMs: 100, keysMax: 2 });
      let now = 0;
      let counted = 0;
      let started = 0;
      let ended = 0;
      for (const { key, signature, gap } of occurrences) {
        now += gap;
        for (const { count } of failures.expired(now)) {
          counted += count;
          ended += 1;
        }
        if (failures.occurred(key, signature, key, now) === 'started') started += 1;
      }
      for (const { count } of failures.endAll()) {
        counted += count;
        ended += 1;
      }
      expect(counted).toBe(occurrences.length);
      expect(started).toBe(ended);
    }),
  );
});
