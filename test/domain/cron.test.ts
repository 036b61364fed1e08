/** Cron over time zones and changes of clocks, against a plain calculation that walks minute by minute. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultOfCron, isTimeZone, nextOfCron } from '../../src/domain/cron.ts';
import { repetitions } from '../support/repetitions.ts';

const minuteMs = 60_000;
/** Each with a year in which its clocks changed, where they ever do; some change by half an hour, by two, or at midnight. */
const zones: [zone: string, year: number][] = [
  ['UTC', 2026],
  ['Europe/Berlin', 2026],
  ['Europe/London', 2026],
  ['America/New_York', 2026],
  ['America/St_Johns', 2026],
  ['America/Sao_Paulo', 2018],
  ['America/Santiago', 2026],
  ['Asia/Kathmandu', 2026],
  ['Asia/Beirut', 2026],
  ['Africa/Casablanca', 2026],
  ['Australia/Lord_Howe', 2026],
  ['Pacific/Chatham', 2026],
  ['Antarctica/Troll', 2026],
];

interface Minute {
  at: number;
  /** Local, as minutes since the epoch if it were UTC. */
  local: number;
}
interface Pattern {
  minutes: number[] | '*' | number;
  hours: number[] | '*' | number;
  days: number[] | '*';
}

const pairs = (max: number) => fc.uniqueArray(fc.nat({ max }), { minLength: 1, maxLength: 3 });
const patterns: fc.Arbitrary<Pattern> = fc.record({
  minutes: fc.oneof({ weight: 6, arbitrary: pairs(59) }, fc.constant('*' as const), fc.constantFrom(7, 15, 30)),
  hours: fc.oneof({ weight: 3, arbitrary: pairs(4) }, pairs(23), fc.constant('*' as const), fc.constantFrom(2, 5)),
  days: fc.oneof({ weight: 3, arbitrary: fc.constant('*' as const) }, pairs(6)),
});

describe.each(zones)('in %s', (zone, year) => {
  const changes = changesOf(zone, year);
  const windows = [Date.UTC(year, 5, 1), ...changes].map(at => minutesAround(zone, at));

  it('its clocks change as often as this calculation thinks', () => {
    const changeless = ['UTC', 'Asia/Kathmandu'].includes(zone);
    expect(changes.length >= 2).toBe(!changeless);
  });

  it('a pattern comes when the walk through the minutes says, each time once', () => {
    let compared = 0;
    fc.assert(
      fc.property(patterns, pattern => {
        for (const window of windows) {
          const expected = expectedIn(window, pattern);
          const end = (window.at(-1) as Minute).at;
          const found: number[] = [];
          let next = nextOfCron(textOf(pattern), zone, (window[0] as Minute).at - 1);
          while (next !== null && next <= end && found.length <= expected.length) {
            found.push(next);
            next = nextOfCron(textOf(pattern), zone, next);
          }
          expect([textOf(pattern), found.map(text)]).toEqual([textOf(pattern), expected.map(text)]);
          compared += found.length;
        }
      }),
      { numRuns: repetitions(100), seed: 20260329 },
    );
    expect(compared).toBeGreaterThan(20);
  });
});

describe('cron', () => {
  it('answers the same whichever moment was asked about before', () => {
    const start = Date.UTC(2026, 9, 24, 20);
    let asked = 0;
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 600 }), { minLength: 2, maxLength: 20 }), steps => {
        for (const step of steps) {
          const after = start + step * minuteMs;
          asked += 1;
          const unasked = `*/20 1-3 ${' '.repeat(asked)}* * *`;
          expect(nextOfCron('*/20 1-3 * * *', 'Europe/Berlin', after)).toBe(
            nextOfCron(unasked, 'Europe/Berlin', after),
          );
        }
      }),
      { numRuns: 20 },
    );
    expect(asked).toBeGreaterThan(40);
  });

  it.each([
    ['30 2 * * *', '2026-03-28T12:00Z', '2026-03-29T01:00:00.000Z', 'runs when the clocks have gone forward'],
    ['0 2,14 * * *', '2026-03-28T14:00Z', '2026-03-29T01:00:00.000Z', 'also where it names several times'],
    ['30 2 * * *', '2026-10-25T00:30Z', '2026-10-26T01:30:00.000Z', 'runs the first time only'],
    ['30 * * * *', '2026-10-25T00:30Z', '2026-10-25T01:30:00.000Z', 'of every hour runs both times'],
  ])('"%s" after %s comes at %s in Berlin: %s', (cron, after, next) => {
    expect(text(nextOfCron(cron, 'Europe/Berlin', Date.parse(after)) as number)).toBe(next);
  });

  it.each([
    ['0 0 30 2 *', 'never comes: no year has the day that "0 0 30 2 *" names'],
    ['0 0 31 4,6 *', 'never comes'],
    ['60 * * * *', 'is not a cron pattern: Invalid value for minute: 60'],
    ['@reboot', 'is not a cron pattern: @reboot'],
    ['0 1 * *', 'five fields'],
    ['0 0 1 1 1 * 2030', 'five fields'],
    ['2026-03-03T00:00:00', 'five fields'],
    ['', 'five fields'],
  ])('"%s" is refused: %s', (cron, why) => {
    expect(faultOfCron(cron)).toContain(why);
  });

  it.each(['0 0 29 2 *', '@daily', '*/5 * * * * *', '0 3 * * MON-FRI', '0 0 L * *'])('"%s" is taken', cron => {
    expect(faultOfCron(cron)).toBeUndefined();
  });

  it('knows time zones', () => {
    expect(['UTC', 'Europe/Berlin', 'Mars/Phobos', ''].map(isTimeZone)).toEqual([true, true, false, false]);
  });
});

function textOf({ minutes, hours, days }: Pattern): string {
  const field = (part: number[] | '*' | number) =>
    part === '*' ? '*' : typeof part === 'number' ? `*/${part}` : part.join(',');
  return `${field(minutes)} ${field(hours)} * * ${field(days)}`;
}

/** The rules of cron.ts, over a walk of minutes. */
function expectedIn(window: Minute[], pattern: Pattern): number[] {
  const namesTimes = Array.isArray(pattern.minutes) && Array.isArray(pattern.hours);
  const seen = new Set<number>();
  const found = new Set<number>();
  for (const [index, { at, local }] of window.entries()) {
    const before = window[index - 1];
    const gap = namesTimes && before ? rangeOf(before.local + 1, local) : [];
    if (gap.some(missing => dayOf(missing) === dayOf(local) && fits(pattern, missing))) found.add(at);
    if (fits(pattern, local) && !(namesTimes && seen.has(local))) found.add(at);
    seen.add(local);
  }
  return [...found];
}

function fits({ minutes, hours, days }: Pattern, local: number): boolean {
  const date = new Date(local * minuteMs);
  const within = (part: number[] | '*' | number, value: number) =>
    part === '*' || (typeof part === 'number' ? value % part === 0 : part.includes(value));
  return within(minutes, date.getUTCMinutes()) && within(hours, date.getUTCHours()) && within(days, date.getUTCDay());
}

function dayOf(local: number): number {
  return Math.floor(local / 1_440);
}

function rangeOf(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, step) => from + step);
}

function minutesAround(zone: string, at: number): Minute[] {
  const local = localClock(zone);
  const from = at - 14 * 60 * minuteMs;
  return Array.from({ length: 28 * 60 }, (_, step) => from + step * minuteMs).map(each => ({
    at: each,
    local: local(each),
  }));
}

/** The moments of a year at which the clocks change, to the minute. */
function changesOf(zone: string, year: number): number[] {
  const local = localClock(zone);
  const offset = (at: number) => local(at) - at / minuteMs;
  const changes: number[] = [];
  const hours = 366 * 24;
  for (let hour = 0; hour < hours; hour += 6) {
    let low = Date.UTC(year, 0, 1, hour);
    let high = low + 6 * 60 * minuteMs;
    if (offset(low) === offset(high)) continue;
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / 2 / minuteMs) * minuteMs;
      if (offset(middle) === offset(low)) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}

function localClock(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  });
  return at => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute) / minuteMs;
  };
}

function text(at: number): string {
  return new Date(at).toISOString();
}
