/** The document of a schedule: what is taken, and what is refused with which words. */
import { describe, expect, it } from 'vitest';
import { wrongOf } from '../../src/domain/invalid.ts';
import { schedulePolicyOf, scheduleSchema } from '../../src/domain/schedule.ts';

const nightly = { name: 'nightly', plan: 'ledger', task: 'backup', cron: '0 1 * * *' };
const { cron: _, ...timeless } = nightly;
const { plan: __, ...planless } = nightly;

describe('the document of a schedule', () => {
  it.each([
    nightly,
    { ...timeless, every: '2s' },
    {
      ...planless,
      plans: { labels: { tier: 'db' } },
      labels: { team: 'a' },
      timezone: 'Europe/Berlin',
      spread: '4h',
      overlap: 'queue-one',
      onMissed: 'run-all',
      missedWindow: '24h',
    },
    ...['backup', 'snapshot', 'verify', 'drill', 'prune'].map(task => ({ ...nightly, task })),
  ])('is taken: %j', document => {
    expect(scheduleSchema.parse(document)).toEqual(document);
  });

  it.each([
    [{ ...nightly, cron: '0 0 30 2 *' }, 'cron: never comes: no year has the day that "0 0 30 2 *" names'],
    [{ ...nightly, cron: '61 * * * *' }, 'cron: is not a cron pattern: Invalid value for minute: 61'],
    [
      { ...nightly, timezone: 'Mars/Phobos' },
      'timezone: is not a time zone that this agent knows; write for example UTC or Europe/Berlin',
    ],
    [{ ...nightly, every: '1h' }, 'every: stands beside cron; say when it comes by one of them'],
    [timeless, 'cron: is missing; say when it comes, by cron or by every'],
    [{ ...nightly, plans: { labels: {} } }, 'plans: stands beside plan; name one plan, or select several by labels'],
    [planless, 'plan: is missing; name a plan, or select several by plans: { labels }'],
    [{ ...timeless, every: '500ms' }, 'every: is not a whole number of seconds, at least one'],
    [{ ...timeless, every: '1500ms' }, 'every: is not a whole number of seconds, at least one'],
    [{ ...timeless, every: '0s' }, 'every: is not a whole number of seconds, at least one'],
    [{ ...nightly, spread: '1500ms' }, 'spread: is not a whole number of seconds'],
    [
      { ...nightly, name: 'a'.repeat(31) },
      'name: is not a name: lower-case letters, digits and single dashes inside, at most 30 characters',
    ],
    [{ ...nightly, task: 'restore' }, 'task: must be backup or snapshot or verify or drill or prune'],
    [{ ...nightly, overlapp: 'skip' }, 'overlapp: is not a known field; did you mean overlap?'],
    [{ ...nightly, missedWindow: 'soon' }, 'missedWindow: is not a duration'],
  ])('is refused: %j', (document, why) => {
    const { error } = scheduleSchema.safeParse(document);
    expect(error && wrongOf(error, scheduleSchema, document)).toContain(why);
  });

  it('has the documented defaults', () => {
    expect(schedulePolicyOf(scheduleSchema.parse(nightly))).toEqual({
      overlap: 'skip',
      onMissed: 'run-once',
      missedWindowMs: 86_400_000,
    });
  });
});
