/** When schedules come: multiples, spread, bounds, cost, and what a preview says of clocks that change. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { previewOf } from '../../src/domain/preview.ts';
import { nextTick, spreadOffsetMs, ticksBetween } from '../../src/domain/ticks.ts';

const start = Date.UTC(2026, 0, 1);
const name = fc.stringMatching(/^[a-z][a-z0-9]{0,28}$/);
const moment = fc.integer({ min: start, max: Date.UTC(2100, 0, 1) });
const seconds = fc.integer({ min: 1, max: 90_000 });

describe('every', () => {
  it('comes at the multiples of it since the epoch, the spread apart', () => {
    fc.assert(
      fc.property(name, name, moment, seconds, seconds, (schedule, plan, after, every, spread) => {
        const timing = { name: schedule, every: `${every}s`, spread: `${spread}s` };
        const next = nextTick(timing, plan, after) as number;
        expect(next).toBeGreaterThan(after);
        expect(next - after).toBeLessThanOrEqual(every * 1_000);
        expect((next - spreadOffsetMs(timing, plan)) % (every * 1_000)).toBe(0);
      }),
    );
  });
});

describe('the spread of a plan', () => {
  it('is stable, whole seconds, and less than the spread', () => {
    fc.assert(
      fc.property(name, name, seconds, (schedule, plan, spread) => {
        const offset = spreadOffsetMs({ name: schedule, spread: `${spread}s` }, plan);
        expect(offset).toBe(spreadOffsetMs({ name: schedule, spread: `${spread}s` }, plan));
        expect(offset % 1_000).toBe(0);
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(offset).toBeLessThan(spread * 1_000);
      }),
    );
    expect(spreadOffsetMs({ name: 'nightly', spread: '4h' }, 'ledger')).toBe(5_049_000);
  });

  it('spreads a thousand plans over all of it', () => {
    const offsets = Array.from({ length: 1_000 }, (_, plan) =>
      spreadOffsetMs({ name: 'nightly', spread: '10m' }, `p${plan}`),
    );
    const tenths = new Set(offsets.map(offset => Math.floor(offset / 60_000)));
    expect(tenths.size).toBe(10);
  });

  it('moves a cron pattern without losing or doubling a tick where clocks change', () => {
    const cron = { name: 'hourly', cron: '*/30 * * * *', timezone: 'Europe/Berlin', spread: '3h' };
    const from = Date.parse('2026-10-24T00:00Z');
    const { ticks, more } = ticksBetween(cron, 'docs', from, from + 48 * 3_600_000, 1_000);
    expect([ticks.length, new Set(ticks).size, more]).toEqual([96, 96, false]);
    expect(new Set(ticks.map(tick => tick % 1_800_000)).size).toBe(1);
  });
});

describe('the ticks between two moments', () => {
  it('are those that one asks for one by one, oldest first, and no more than asked for', () => {
    const timing = { name: 's', every: '10s' };
    expect(ticksBetween(timing, 'p', start, start + 30_000, 10)).toEqual({
      ticks: [start + 10_000, start + 20_000, start + 30_000],
      more: false,
    });
    expect(ticksBetween(timing, 'p', start, start + 30_000, 2)).toEqual({
      ticks: [start + 10_000, start + 20_000],
      more: true,
    });
    expect(ticksBetween(timing, 'p', start, start + 30_000, 3).more).toBe(false);
    expect(ticksBetween(timing, 'p', start, start - 1, 3)).toEqual({ ticks: [], more: false });
  });
});

describe('what it costs', () => {
  it('is little for many schedules of one pattern, and bounded for many patterns', () => {
    const shared = { name: 's', cron: '0 1 * * *', timezone: 'Europe/Berlin', spread: '4h' };
    const sharedUs = perCallUs(20_000, n => nextTick(shared, `p${n}`, start));
    const each = (n: number) => ({ name: 's', cron: `${n % 60} ${n % 24} * * *`, timezone: 'Europe/Berlin' });
    const eachUs = perCallUs(2_000, n => nextTick(each(n), 'p', start + n));
    expect(sharedUs).toBeLessThan(100);
    expect(eachUs).toBeLessThan(1_000);
  });
});

describe('a preview', () => {
  const berlin = { name: 's', cron: '30 2 * * *', timezone: 'Europe/Berlin' };

  it('says where a time does not exist', () => {
    expect(previewOf(berlin, null, Date.parse('2026-03-27T12:00Z'), 3)).toEqual([
      { at: '2026-03-28T01:30:00.000Z', local: '2026-03-28 02:30:00 +01:00', note: null },
      {
        at: '2026-03-29T01:00:00.000Z',
        local: '2026-03-29 03:00:00 +02:00',
        note: 'the clocks go forward from 02:00 to 03:00: what names a time between runs at 03:00',
      },
      { at: '2026-03-30T00:30:00.000Z', local: '2026-03-30 02:30:00 +02:00', note: null },
    ]);
  });

  it('says where a time comes twice', () => {
    const notes = (cron: string) =>
      previewOf({ ...berlin, cron }, null, Date.parse('2026-10-24T23:10Z'), 3).map(({ at, note }) => [
        at.slice(11, 16),
        note,
      ]);
    expect(notes('30 2 * * *')).toEqual([
      ['00:30', 'the clocks go back: it is 02:30 for the first time of two'],
      ['01:30', null],
      ['01:30', null],
    ]);
    expect(notes('30 * * * *')).toEqual([
      ['23:30', null],
      ['00:30', 'the clocks go back: it is 02:30 for the first time of two'],
      ['01:30', 'the clocks went back: it is 02:30 for the second time'],
    ]);
  });

  it('has the spread of a plan in it, and knows half hours', () => {
    const howe = { name: 's', cron: '45 1 * * *', timezone: 'Australia/Lord_Howe', spread: '2h' };
    const after = Date.parse('2026-04-04T10:00Z');
    const [bare] = previewOf(howe, null, after, 1);
    const [spread] = previewOf(howe, 'docs', after, 1);
    expect(bare).toEqual({
      at: '2026-04-04T14:45:00.000Z',
      local: '2026-04-05 01:45:00 +11:00',
      note: 'the clocks go back: it is 01:45 for the first time of two',
    });
    expect(Date.parse(spread?.at ?? '') - Date.parse(bare?.at ?? '')).toBe(spreadOffsetMs(howe, 'docs'));
    expect(spread?.note).toBe(bare?.note);
  });

  it('of every has no clocks in it', () => {
    expect(previewOf({ name: 's', every: '6h' }, null, start, 2)).toEqual([
      { at: '2026-01-01T06:00:00.000Z', local: '2026-01-01 06:00:00 +00:00', note: null },
      { at: '2026-01-01T12:00:00.000Z', local: '2026-01-01 12:00:00 +00:00', note: null },
    ]);
  });
});

function perCallUs(calls: number, call: (n: number) => unknown): number {
  const began = performance.now();
  for (let n = 0; n < calls; n++) call(n);
  return ((performance.now() - began) / calls) * 1_000;
}
