import { expect, test } from 'vitest';
import { previewOf } from '../../src/domain/schedule-preview.ts';

const of = (timezone: string, cron: string, after: string, count = 3) =>
  previewOf({ name: 's', cron, timezone }, 'p', Date.parse(after), count).map(({ local, note }) => [local, note]);

test('ticks are shown on the clock of the zone, and a change of clocks before one is told', () => {
  expect(of('Europe/Berlin', '0 4 * * *', '2026-03-28T00:00:00Z')).toEqual([
    ['2026-03-28 04:00:00 +01:00', ''],
    ['2026-03-29 04:00:00 +02:00', 'the clocks go forward by 1h before it'],
    ['2026-03-30 04:00:00 +02:00', ''],
  ]);
  expect(of('America/New_York', '0 4 * * *', '2026-10-31T12:00:00Z', 2)).toEqual([
    ['2026-11-01 04:00:00 -05:00', 'the clocks go back by 1h before it'],
    ['2026-11-02 04:00:00 -05:00', ''],
  ]);
});

test('a local time that comes twice is told, whichever of the two it is', () => {
  const hourly = of('Europe/Berlin', '30 * * * *', '2026-10-24T23:45:00Z', 3);
  expect(hourly).toEqual([
    ['2026-10-25 02:30:00 +02:00', 'this local time comes twice; it is the first'],
    ['2026-10-25 02:30:00 +01:00', 'the clocks go back by 1h before it; this local time comes twice; it is the second'],
    ['2026-10-25 03:30:00 +01:00', ''],
  ]);
});

test('a zone without whole hours, and one that changes by half an hour', () => {
  expect(of('Asia/Kathmandu', '0 4 * * *', '2026-01-01T00:00:00Z', 1)).toEqual([['2026-01-02 04:00:00 +05:45', '']]);
  expect(of('Australia/Lord_Howe', '0 4 * * *', '2026-10-03T12:00:00Z', 1)).toEqual([
    ['2026-10-04 04:00:00 +11:00', 'the clocks go forward by 30m before it'],
  ]);
});

test('without a plan the spread is left out and told; for a plan it is in its ticks', () => {
  const spread = { name: 's', every: '1h', spread: '30m' };
  const [bare] = previewOf(spread, undefined, 0, 1);
  expect(bare).toEqual({
    at: '1970-01-01T01:00:00.000Z',
    local: '1970-01-01 01:00:00 +00:00',
    note: 'each plan up to 30m later',
  });
  const own = new Set(['a', 'b', 'c', 'd'].map(plan => previewOf(spread, plan, 0, 1)[0]?.at));
  expect(own.size).toBeGreaterThan(1);
});
