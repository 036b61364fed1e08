/** Schedules: what each event leads to, on the real machine by pure transitions, with runs as a model. */
import { describe, expect, it } from 'vitest';
import { scheduleCommands } from '../../machines/schedule.ts';
import { checkAgainst } from '../../src/core/schema.ts';
import { runIdOfTick } from '../../src/domain/run-id.ts';
import type { Schedule } from '../../src/domain/schedule.ts';
import { ScheduleModel, started } from './schedules.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

function schedule(fields: Partial<Schedule> = {}): ScheduleModel {
  return new ScheduleModel({ name: 'nightly', plan: 'docs', task: 'backup', every: '10m', ...fields });
}

const runAt = (minutes: number) => runIdOfTick('docs', started + minutes * minuteMs, 'nightly');

describe('a tick', () => {
  it('starts its run, whose id is made of it', () => {
    const model = schedule();
    model.advance(10 * minuteMs);
    expect(model.states).toEqual(['waiting', 'firing.asking', 'waiting']);
    expect([...model.runs.keys()]).toEqual([runAt(10)]);
    expect(model.fates).toEqual([
      {
        schedule: 'nightly',
        plan: 'docs',
        tick: '2026-03-01T00:10:00.000Z',
        fate: 'ran',
        reason: 'it was on time',
        run: runAt(10),
        at: '2026-03-01T00:10:00.000Z',
      },
    ]);
    expect(model.context).toMatchObject({ current: { run: runAt(10), kind: 'backup' }, lastFate: model.fates[0] });
    expect(model.context.next).toBe(started + 20 * minuteMs);
  });

  it('whose run is refused is missed, with the reason, and the next one is tried', () => {
    const model = schedule();
    model.refusal = 'its plan is paused';
    model.advance(10 * minuteMs);
    model.refusal = null;
    model.advance(10 * minuteMs);
    expect(model.told).toEqual(['600 missed', '1200 ran']);
    expect(model.fates[0]?.reason).toBe('its plan is paused');
  });

  it.each([0, 1, 2])('runs once where the agent dies after %i things are stored', after => {
    const model = schedule();
    model.diesAfter = after;
    model.advance(10 * minuteMs);
    expect([model.isAway, model.state]).toEqual([true, 'firing.asking']);
    model.advance(minuteMs);
    model.return();
    expect([model.state, model.told, [...model.runs.keys()]]).toEqual(['waiting', ['600 ran'], [runAt(10)]]);
  });

  it('runs as it was decided, also where others are due when it is asked again', () => {
    const model = schedule({ onMissed: 'run-once' });
    model.diesAfter = 1;
    model.advance(10 * minuteMs);
    expect(model.runs.size).toBe(1);
    model.advance(35 * minuteMs);
    model.return();
    expect(model.told).toEqual(['600 ran', '1200 missed', '1800 missed', '2400 skipped-overlap']);
  });

  it.each([
    ['schedule.pause', 'paused'],
    ['schedule.retire', 'retired'],
  ])('whose run was made runs, though it is told %s before that is known', (word, state) => {
    const model = schedule();
    model.diesAfter = 1;
    model.advance(10 * minuteMs);
    model.tell(word);
    model.return();
    expect([model.state, model.runs.size, model.told]).toEqual([state, 1, ['600 ran']]);
  });

  it('whose run was made runs as well where its agent drains, and another one has more that are due', () => {
    const model = schedule();
    model.diesAfter = 1;
    model.advance(10 * minuteMs);
    model.tell('schedule.drain', { deadline: model.now });
    model.advance(25 * minuteMs);
    model.return();
    expect(model.told).toEqual(['600 ran', '1200 missed', '1800 skipped-overlap']);
  });

  it('that could not be stored is tried again after a while', () => {
    const model = schedule();
    model.leave();
    model.advance(10 * minuteMs);
    model.isAway = false;
    const error = { type: 'xstate.error.actor.fire', error: new Error('no reply') };
    const firing = model.machineAfter([{ type: 'deadline.passed', name: 'next' }, error]);
    expect([firing.state, firing.context.message]).toEqual(['firing.retrying', 'no reply']);
    expect(firing.after([{ type: 'deadline.passed', name: 'backoff' }]).state).toBe('firing.asking');
  });
});

describe('a tick while the previous run still goes', () => {
  it('is skipped and blocks the schedule at once, which says since when and by what', () => {
    const model = schedule();
    model.advance(30 * minuteMs);
    expect(model.told).toEqual(['600 ran', '1200 skipped-overlap', '1800 skipped-overlap']);
    expect(model.state).toBe('blocked');
    expect(model.context.blocked).toEqual({
      run: runAt(10),
      kind: 'backup',
      state: 'transferring',
      since: '2026-03-01T00:20:00.000Z',
      why: 'the engine moves bytes',
    });
    expect(model.context.message).toContain(`${runAt(10)} is in the way`);
    model.endAll();
    expect([model.state, model.context.blocked, model.context.current]).toEqual(['waiting', null, null]);
    model.advance(10 * minuteMs);
    expect(model.fateAt(2_400)).toBe('ran');
  });

  it('waits in the one place of the queue, where the next one takes it', () => {
    const model = schedule({ overlap: 'queue-one' });
    model.advance(30 * minuteMs);
    expect(model.told).toEqual(['600 ran', '1200 skipped-overlap', '1800 queued']);
    expect(model.fates.map(({ fate }) => fate)).toEqual(['ran', 'queued', 'skipped-overlap', 'queued']);
    model.endAll();
    expect([model.state, model.fateAt(1_800)]).toEqual(['waiting', 'ran']);
    expect(model.context.current?.run).toBe(runAt(30));
  });

  it('cancels it, and runs when it is over', () => {
    const model = schedule({ overlap: 'cancel-previous' });
    model.advance(20 * minuteMs);
    expect([model.state, model.cancelled, model.told]).toEqual(['blocked', [runAt(10)], ['600 ran', '1200 queued']]);
    model.endAll();
    expect([model.state, model.told]).toEqual(['waiting', ['600 ran', '1200 ran']]);
  });
});

describe('ticks that nobody ran', () => {
  const away = (fields: Partial<Schedule>, minutes: number) => {
    const model = schedule(fields);
    model.leave();
    model.advance(minutes * minuteMs);
    model.return();
    return model;
  };

  it('are not made up for, where the schedule says so', () => {
    const model = away({ onMissed: 'skip' }, 35);
    expect(model.told).toEqual(['600 missed', '1200 missed', '1800 missed']);
    expect(model.fates[0]?.reason).toBe(
      'nobody ran the schedule when it came; what was missed is not made up for (onMissed: skip)',
    );
  });

  it('are on time for a minute, for an agent that restarts', () => {
    expect(away({ onMissed: 'skip' }, 31).told).toEqual(['600 missed', '1200 missed', '1800 ran']);
  });

  it('are made up for by the newest', () => {
    const model = away({ onMissed: 'run-once' }, 35);
    expect(model.told).toEqual(['600 missed', '1200 missed', '1800 ran']);
    expect(model.fates.at(-1)?.reason).toBe('it is made up for: nobody ran the schedule when it came');
  });

  it('are all made up for, in order, one at a time', () => {
    const model = away({ onMissed: 'run-all' }, 35);
    expect([model.state, model.told]).toEqual(['blocked', ['600 ran', '1200 queued', '1800 queued']]);
    model.endAll();
    expect([model.state, model.told]).toEqual(['blocked', ['600 ran', '1200 ran', '1800 queued']]);
    model.endAll();
    expect([model.state, model.told]).toEqual(['waiting', ['600 ran', '1200 ran', '1800 ran']]);
    expect([...model.runs.keys()]).toEqual([10, 20, 30].map(runAt));
  });

  it('are only told where they are older than the window', () => {
    const model = away({ missedWindow: '25m', onMissed: 'run-all' }, 55);
    expect(model.told.slice(0, 3)).toEqual(['600 missed', '1200 missed', '1800 ran']);
    expect(model.fates[0]?.reason).toContain('longer ago than its missedWindow of 25m');
    expect(away({ missedWindow: '1s' }, 35).told).toEqual(['600 missed', '1200 missed', '1800 missed']);
  });

  it('are told one by one, in visits of 500, however many there are', () => {
    const model = away({ every: '2s' }, 24 * 60);
    expect([model.holding.size, model.runs.size, model.top]).toEqual([43_200, 1, 'waiting']);
    expect(model.context.lastFate).toMatchObject({ tick: '2026-03-02T00:00:00.000Z', fate: 'ran' });
  });

  it('stay in one line, where the newest is left to a visit of its own', () => {
    const model = away({ every: '1m', onMissed: 'run-all' }, 501);
    expect([model.context.backlog.length, model.fateAt(501 * 60)]).toEqual([100, 'queued']);
  });
});

describe('a pause', () => {
  it('of a week, made up for in full, runs the last hundred in order, and tells the others', () => {
    const model = schedule({ every: '1h', onMissed: 'run-all', missedWindow: '7d' });
    model.tell('schedule.pause', { note: 'moving house' });
    expect([model.state, model.context.pause?.note]).toEqual(['paused', 'moving house']);
    model.advance(7 * 24 * hourMs);
    expect(model.fates).toEqual([]);
    model.tell('schedule.resume');
    for (let runs = 0; runs < 100; runs++) {
      expect(model.runs.size).toBe(runs + 1);
      model.endAll();
    }
    expect(model.state).toBe('waiting');
    const ran = [...model.holding.values()].filter(({ fate }) => fate === 'ran').map(({ tick }) => tick);
    expect(ran).toEqual([...model.runs.values()].map(({ tick }) => new Date(tick).toISOString()));
    expect([ran.length, [...ran].sort()]).toEqual([100, ran]);
    expect([...model.holding.values()].filter(({ fate }) => fate === 'missed')).toHaveLength(68);
    expect(model.fates.find(({ fate }) => fate === 'missed')?.reason).toContain('more than 100 ticks wait');
  });

  it('ends by itself, and without a burst', () => {
    const model = schedule();
    model.advance(9 * minuteMs);
    model.tell('schedule.pause', { until: '2026-03-01T01:05:00.000Z' });
    model.advance(55 * minuteMs);
    expect([model.state, model.runs.size]).toEqual(['paused', 0]);
    model.advance(minuteMs);
    expect([model.state, [...model.runs.keys()]]).toEqual(['waiting', [runAt(60)]]);
    expect(model.fates.map(({ fate }) => fate)).toEqual([...Array(5).fill('missed'), 'ran']);
    expect(model.fates[0]?.reason).toContain('the schedule was paused when it came');
  });

  it('that is said again keeps its beginning and takes the new end', () => {
    const model = schedule();
    model.tell('schedule.pause', { until: '2026-03-01T01:00:00.000Z' });
    model.advance(minuteMs);
    model.tell('schedule.pause');
    expect(model.context.pause).toEqual({ at: started, until: null, note: null });
    model.advance(24 * hourMs);
    expect(model.state).toBe('paused');
  });

  it('is not made while one is not paused, nor taken back', () => {
    expect(schedule().takes('schedule.resume')).toBe(false);
  });
});

describe('a trigger by hand', () => {
  it('starts the run that it names, whatever the time', () => {
    const model = schedule();
    model.advance(minuteMs);
    model.tell('schedule.trigger', { run: 'docs-0123456789abcdef' });
    expect([model.state, [...model.runs.keys()]]).toEqual(['waiting', ['docs-0123456789abcdef']]);
    expect(model.fates).toMatchObject([
      { fate: 'ran', reason: 'it was triggered by hand', run: 'docs-0123456789abcdef' },
    ]);
    model.advance(9 * minuteMs);
    expect(model.fateAt(600)).toBe('skipped-overlap');
  });

  it('works in a pause, which goes on', () => {
    const model = schedule({ overlap: 'queue-one' });
    model.advance(20 * minuteMs);
    model.tell('schedule.pause');
    model.tell('schedule.trigger', { run: 'by-hand' });
    expect([model.state, model.context.queued?.run]).toEqual(['paused', 'by-hand']);
    expect(model.fateAt(1_200)).toBe('skipped-overlap');
    model.endAll();
    expect([model.state, [...model.runs.keys()]]).toEqual(['paused', [runAt(10), 'by-hand']]);
    model.endAll();
    model.tell('schedule.trigger', { run: 'by-hand-2' });
    expect([model.state, model.runs.size]).toEqual(['paused', 3]);
  });

  it('in a pause decides nothing else: what came is made up for when the pause ends', () => {
    const model = schedule();
    model.tell('schedule.pause');
    model.advance(15 * minuteMs);
    model.tell('schedule.trigger', { run: 'by-hand' });
    expect(model.fates.map(({ run }) => run)).toEqual(['by-hand']);
    model.endAll();
    model.tell('schedule.resume');
    expect(model.fateAt(600)).toBe('ran');
  });

  it('is refused beside a run that is in the way, where ticks are skipped', () => {
    const model = schedule();
    model.advance(20 * minuteMs);
    expect([model.state, model.takes('schedule.trigger', { run: 'by-hand' })]).toEqual(['blocked', false]);
  });

  it('waits for that run, where ticks wait', () => {
    const model = schedule({ overlap: 'queue-one' });
    model.advance(20 * minuteMs);
    expect(model.tell('schedule.trigger', { run: 'by-hand' })).toBe(true);
    expect([model.fateAt(1_200), model.context.queued?.run]).toEqual(['skipped-overlap', 'by-hand']);
    model.endAll();
    expect([...model.runs.keys()]).toEqual([runAt(10), 'by-hand']);
  });

  it('while something is being decided is decided next, and there is one at most', () => {
    const model = schedule();
    model.diesAfter = 1;
    model.advance(10 * minuteMs);
    expect(model.state).toBe('firing.asking');
    expect(model.tell('schedule.trigger', { run: 'one' })).toBe(true);
    expect(model.tell('schedule.trigger', { run: 'two' })).toBe(false);
    model.return();
    expect([model.told.length, [...model.runs.keys()]]).toEqual([2, [runAt(10)]]);
  });
});

describe('a changed document', () => {
  const hourly: Schedule = { name: 'nightly', plan: 'docs', task: 'backup', every: '1h' };

  it('holds from then on, and what was due before is decided by the old one', () => {
    const model = schedule();
    model.leave();
    model.advance(25 * minuteMs);
    model.isAway = false;
    model.tell('schedule.changed', { document: hourly, revision: 2 });
    expect(model.told).toEqual(['600 missed', '1200 ran']);
    expect(model.context).toMatchObject({ document: hourly, revision: 2, change: null, next: started + hourMs });
  });

  it('takes effect in a pause, whose ticks are missed', () => {
    const model = schedule();
    model.tell('schedule.pause');
    model.advance(25 * minuteMs);
    model.tell('schedule.changed', { document: hourly, revision: 2 });
    expect([model.state, model.told]).toEqual(['paused', ['600 missed', '1200 missed']]);
    expect(model.fates[0]?.reason).toContain('paused when it came, and was changed meanwhile');
    model.advance(hourMs);
    model.tell('schedule.resume');
    expect(model.told).toEqual(['600 missed', '1200 missed', '3600 ran']);
  });

  it('that it has already changes nothing', () => {
    expect(schedule().takes('schedule.changed', { document: hourly, revision: 1 })).toBe(false);
  });
});

describe('the end of a schedule', () => {
  it('tells what waited that it is cancelled, and lets the run go on', () => {
    const model = schedule({ overlap: 'queue-one' });
    model.advance(20 * minuteMs);
    model.tell('schedule.retire');
    expect([model.state, model.told]).toEqual(['retired', ['600 ran', '1200 cancelled']]);
    expect(model.runs.get(runAt(10))?.over).toBe(false);
  });

  it('tells what was paused that it was missed', () => {
    const model = schedule();
    model.tell('schedule.pause');
    model.advance(25 * minuteMs);
    model.tell('schedule.retire');
    expect([model.state, model.told]).toEqual(['retired', ['600 missed', '1200 missed']]);
  });

  it('that is told while its agent is away leaves no tick before it without a fate', () => {
    const model = schedule();
    model.diesAfter = 0;
    model.advance(25 * minuteMs);
    model.tell('schedule.retire');
    model.return();
    expect([model.state, model.told]).toEqual(['retired', ['600 ran', '1200 missed']]);
  });

  it('that is told while its agent is away cancels what the last visit let wait', () => {
    const model = schedule({ overlap: 'queue-one' });
    model.advance(15 * minuteMs);
    model.diesAfter = 0;
    model.advance(5 * minuteMs);
    model.tell('schedule.retire');
    model.return();
    expect([model.state, model.told]).toEqual(['retired', ['600 ran', '1200 cancelled']]);
  });

  it('is taken back where the schedule is put again before it came', () => {
    const model = schedule();
    model.tell('schedule.drain', { deadline: model.now + 1_000 });
    model.tell('schedule.retire');
    model.tell('schedule.changed', { document: model.context.document, revision: 1 });
    model.return();
    expect([model.state, model.context.retiring]).toEqual(['waiting', null]);
  });
});

describe('a drain', () => {
  it('releases it at once, and it goes on where it was', () => {
    for (const [prepare, state] of [
      [() => schedule(), 'waiting'],
      [() => blocked(), 'blocked'],
      [() => paused(), 'paused'],
    ] as const) {
      const model = prepare();
      expect(model.tell('schedule.drain', { deadline: model.now + 10_000 })).toBe(true);
      expect(model.state).toBe('released');
      model.return();
      expect([model.state, model.context.drain]).toEqual([state, null]);
    }
  });

  it('waits for what is being decided, within its bound', () => {
    const model = schedule();
    model.diesAfter = 1;
    model.advance(10 * minuteMs);
    expect(model.tell('schedule.drain', { deadline: model.now + 10_000 })).toBe(true);
    expect(model.state).toBe('draining');
    const late = model.machineAfter([{ type: 'deadline.passed', name: 'drain' }]);
    expect([late.state, late.context.visit?.at]).toEqual(['released', started + 10 * minuteMs]);
    model.isAway = false;
    model.diesAfter = null;
    model.settle();
    expect([model.state, model.told]).toEqual(['released', ['600 ran']]);
    model.advance(10 * minuteMs);
    model.return();
    expect([model.state, model.told]).toEqual(['blocked', ['600 ran', '1200 skipped-overlap']]);
  });

  it('lets words for it be kept for whoever takes it', () => {
    const model = schedule();
    model.tell('schedule.drain', { deadline: model.now + 10_000 });
    model.tell('schedule.pause');
    model.return();
    expect(model.state).toBe('paused');
  });

  const blocked = () => {
    const model = schedule();
    model.advance(20 * minuteMs);
    return model;
  };
  const paused = () => {
    const model = schedule();
    model.tell('schedule.pause');
    return model;
  };
});

describe('a clock', () => {
  it('that was a day ahead and is right again lets no tick run twice, and leaves none out', () => {
    const model = schedule();
    model.advance(10 * minuteMs);
    model.endAll();
    model.now += 24 * hourMs;
    model.return();
    model.advance(0);
    const ahead = runAt(24 * 60 + 10);
    expect([...model.runs.keys()]).toEqual([runAt(10), ahead]);
    model.endAll();
    model.now -= 24 * hourMs;
    model.return();
    expect(model.context.ahead).toBe(started + 24 * hourMs + 10 * minuteMs);
    expect(model.context.message).toContain('the clock was ahead, up to 2026-03-02T00:10:00.000Z');
    for (let tick = 0; tick < 144; tick++) {
      model.advance(10 * minuteMs);
      model.endAll();
    }
    const all = Array.from({ length: 145 }, (_, tick) => `${(tick + 1) * 600} ran`);
    expect([model.told, model.runs.size, model.context.ahead]).toEqual([all, 145, null]);
  });

  it('that is set back while ticks wait for their turn lets each stand in line once', () => {
    const model = schedule({ onMissed: 'run-all', missedWindow: '24h', overlap: 'queue-one' });
    model.leave();
    model.advance(hourMs);
    model.return();
    expect(model.context.backlog).toHaveLength(5);
    model.now -= 50 * minuteMs;
    model.return();
    model.advance(10 * minuteMs);
    model.end(runAt(10));
    expect(model.context.current?.run).toBe(runAt(20));
    model.refusal = 'its plan is paused';
    model.end(runAt(20));
    expect(model.told.filter(told => told.startsWith('1200 '))).toEqual(['1200 ran']);
  });

  it('that is a little behind what it was changes nothing', () => {
    const model = schedule();
    model.advance(10 * minuteMs);
    model.now -= 2_000;
    expect(model.tell('agent.returned')).toBe(false);
    expect(model.context.tickedThrough).toBe(started + 10 * minuteMs);
  });
});

describe('the commands of a schedule', () => {
  it.each([
    [{ type: 'schedule.pause', until: '2026-03-01T02:00:00+01:00', note: 'moving', requestId: 'r1' }, true],
    [{ type: 'schedule.pause', until: 'tomorrow' }, false],
    [{ type: 'schedule.pause', untill: null }, false],
    [{ type: 'schedule.resume' }, true],
    [{ type: 'schedule.trigger', run: 'docs-0123456789abcdef' }, true],
    [{ type: 'schedule.trigger', run: '../etc' }, false],
    [{ type: 'schedule.trigger' }, false],
  ] as const)('are taken by their schemas: %j: %s', (command, isTaken) => {
    const checked = checkAgainst(scheduleCommands[command.type], command);
    expect(checked.wrong === undefined).toBe(isTaken);
  });
});
