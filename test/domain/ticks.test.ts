/** When schedules come: multiples, spread, bounds and cost. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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

function perCallUs(calls: number, call: (n: number) => unknown): number {
  const began = performance.now();
  for (let n = 0; n < calls; n++) call(n);
  return ((performance.now() - began) / calls) * 1_000;
}
