import { expect, test } from 'vitest';
import { pauseNow, untilMs } from '../../src/domain/pause.ts';

const now = Date.parse('2026-05-01T00:00:00Z');

test.each([
  ['12h', '2026-05-01T12:00:00.000Z'],
  ['2026-05-02T06:00:00Z', '2026-05-02T06:00:00.000Z'],
  ['2026-05-02T06:00+02:00', '2026-05-02T04:00:00.000Z'],
])('%s is the moment %s', (text, moment) => {
  expect(new Date(untilMs(text, now) ?? 0).toISOString()).toBe(moment);
});

test.each(['tomorrow', '2026-05-02', '2026-13-01T00:00:00Z', '', '12'])('%j names no moment', text => {
  expect(untilMs(text, now)).toBeUndefined();
});

test('a pause is over by itself when its moment has come', () => {
  const pause = { until: '2026-05-01T00:00:00.000Z', note: null };
  expect(pauseNow(pause, now - 1)).toBe(pause);
  expect(pauseNow(pause, now)).toBeNull();
  expect(pauseNow({ ...pause, until: null }, now)).toEqual({ until: null, note: null });
  expect(pauseNow(null, now)).toBeNull();
});
