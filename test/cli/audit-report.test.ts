import { expect, test } from 'vitest';
import { type Audited, auditOf } from '../../src/cli/audit-report.ts';

const at = (hour: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + hour * 3_600_000).toISOString();
const fate = (hour: number, fate: string, run: string | null = null) => ({
  schedule: 'hourly',
  plan: 'a',
  tick: at(hour),
  fate,
  reason: `it was ${fate}`,
  run,
});
const schedule = { name: 'hourly', plan: 'a', task: 'backup', every: '1h', actors: [{ plan: 'a' }] };
const run = (kind: string, id: string, startedAt: string | null, state = 'completed') => ({
  kind,
  id,
  plan: 'a',
  state,
  reason: null,
  at: at(9),
  startedAt,
});

function audit(change: Partial<Audited>) {
  const [sinceMs, untilMs] = [Date.parse(at(0)), Date.parse(at(10))];
  const base = { sinceMs, untilMs, nowMs: untilMs, fates: [], runs: [], backups: [], schedules: [] };
  const { rows, notes } = auditOf({ ...base, ...change });
  return { rows: rows.map(({ at, what, outcome }) => `${at.slice(11, 13)} ${what} ${outcome}`), notes, all: rows };
}

test('ticks, backups and drills of the time stand in one table, oldest first', () => {
  const { rows } = audit({
    fates: [fate(2, 'missed'), fate(1, 'ran', 'a-1')],
    runs: [
      run('backup', 'a-1', at(1)),
      run('drill', 'd-1', at(3)),
      run('backup', 'old', at(-1)),
      run('backup', 'q', null, 'pending'),
    ],
  });
  expect(rows).toEqual([
    '01 tick hourly ran',
    '01 backup completed',
    '02 tick hourly missed',
    '03 drill completed',
    '09 backup pending',
  ]);
});

test('ticks without a fate are gaps, runs of them one row, and none before the first fate or of the last minute', () => {
  const { rows, all, notes } = audit({ schedules: [schedule], fates: [2, 3, 6].map(hour => fate(hour, 'ran')) });
  expect(rows).toEqual([
    '02 tick hourly ran',
    '03 tick hourly ran',
    '04 gap hourly no fate',
    '06 tick hourly ran',
    '07 gap hourly no fate',
  ]);
  expect(all[2]?.why).toBe(`2 ticks until ${at(5)} by the schedule as it is written now, and no fate is recorded`);
  expect(all[4]?.why).toContain(`3 ticks until ${at(9)}`);
  expect(notes).toContain('gaps: 2');
  expect(audit({ schedules: [schedule], fates: [5, 6, 7, 8, 9].map(hour => fate(hour, 'ran')) }).notes).not.toContain(
    'gaps: 1',
  );
});

test('the ticks of a pause that goes on are no gap', () => {
  const paused = { ...schedule, actors: [{ plan: 'a', state: 'paused' }] };
  const { rows, all, notes } = audit({ schedules: [paused], fates: [2, 4].map(hour => fate(hour, 'ran')) });
  expect(rows).toEqual([
    '02 tick hourly ran',
    '03 gap hourly no fate',
    '04 tick hourly ran',
    '05 pause hourly not decided yet',
  ]);
  expect(all[3]?.why).toBe(`5 ticks until ${at(9)}: the schedule is paused, and decides them when it goes on`);
  expect(notes).toContain('gaps: 1');
});

test('what no record reaches back to is said, and told from the catalog as far as that goes', () => {
  const { rows, notes } = audit({
    runs: [{ ...run('backup', 'a-9', at(9)), at: at(9) }],
    backups: [
      { id: 'a-9', plan: 'a', outcome: 'completed', completedAt: at(9) },
      { id: 'a-4', plan: 'a', outcome: 'partial', completedAt: at(4) },
      { id: 'a-0', plan: 'a', outcome: 'completed', completedAt: at(-4) },
    ],
  });
  expect(rows).toEqual(['04 backup partial', '09 backup completed']);
  expect(notes).toEqual([
    'no fate of a tick is known of this time',
    `runs are known from ${at(9)} on; of earlier ones only the backups that the catalog has`,
  ]);
});
