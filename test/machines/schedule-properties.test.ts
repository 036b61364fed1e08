/** Whatever happens to a schedule, over random histories of the real machine. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/domain/schedule.ts';
import { backlogMax } from '../../src/domain/tick-decision.ts';
import { nextTick, ticksBetween } from '../../src/domain/ticks.ts';
import { repetitions, seedOf } from '../support/repetitions.ts';
import { ScheduleModel, started } from './schedules.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const plan = 'docs';

const documents: fc.Arbitrary<Schedule> = fc
  .record({
    name: fc.constant('nightly'),
    plan: fc.constant(plan),
    task: fc.constant('backup' as const),
    timing: fc.constantFrom(
      { every: '30m' },
      { every: '2h', spread: '30m' },
      { cron: '0 */4 * * *', timezone: 'Europe/Berlin' },
      { cron: '30 2 * * *', timezone: 'Europe/Berlin', spread: '1h' },
    ),
    overlap: fc.constantFrom('skip' as const, 'queue-one' as const, 'cancel-previous' as const),
    onMissed: fc.constantFrom('skip' as const, 'run-once' as const, 'run-all' as const),
    missedWindow: fc.constantFrom('1h', '24h', '7d'),
  })
  .map(({ timing, ...rest }) => ({ ...rest, ...timing }));

type Event =
  | { do: 'wait'; ms: number }
  | { do: 'away'; ms: number }
  | { do: 'die'; after: number; ms: number; meanwhile: Word[] }
  | Word
  | { do: 'jump'; days: number }
  | { do: Plain };
/** What it may be told in any state. */
type Word =
  | { do: 'pause'; untilMs?: number | undefined }
  | { do: 'change'; document: Schedule }
  | { do: 'resume' | 'trigger' | 'drain' | 'retire' };
type Plain = 'refuse' | 'allow' | 'resume' | 'trigger' | 'drain' | 'retire' | 'end' | 'endAll';

const length = fc.oneof(
  fc.integer({ min: 1, max: 30 * minuteMs }),
  fc.integer({ min: 1, max: dayMs }),
  fc.constantFrom(1, 10 * minuteMs, 60 * minuteMs, 7 * dayMs),
);
const words: fc.Arbitrary<Word> = fc.oneof(
  fc.record({ do: fc.constant('pause' as const), untilMs: fc.option(length, { nil: undefined }) }),
  documents.map(document => ({ do: 'change' as const, document })),
  fc.constantFrom('resume' as const, 'trigger' as const, 'drain' as const).map(plain => ({ do: plain })),
);
const lastWord = fc.constant<Word>({ do: 'retire' });
const calm: fc.Arbitrary<Event>[] = [
  length.map(ms => ({ do: 'wait' as const, ms })),
  length.map(ms => ({ do: 'wait' as const, ms })),
  length.map(ms => ({ do: 'away' as const, ms })),
  fc.record({
    do: fc.constant('die' as const),
    after: fc.nat({ max: 4 }),
    ms: length,
    meanwhile: fc.array(fc.oneof({ weight: 9, arbitrary: words }, lastWord), { maxLength: 2 }),
  }),
  words,
  fc.constantFrom<Plain>('refuse', 'allow', 'allow').map(plain => ({ do: plain })),
  fc.constantFrom<Plain>('end', 'end', 'endAll').map(plain => ({ do: plain })),
];
const jumps = fc.constantFrom(-1, 1).map(days => ({ do: 'jump' as const, days }));
const historyOf = (events: fc.Arbitrary<Event>[]) =>
  fc.tuple(documents, fc.array(fc.oneof(...events), { minLength: 5, maxLength: 40 }));

describe('whatever happens to a schedule', () => {
  it('every tick from its start to its end has one fate that holds, and no tick runs twice', () => {
    const seen = new Map<string, number>();
    each(
      historyOf(calm),
      model => {
        finish(model.it);
        const expected = model.epochs.flatMap(({ document, from, to }) =>
          ticks(document, from, to ?? model.it.context.retiring ?? model.it.now),
        );
        const held = [...model.it.holding].filter(
          ([, fate]) => !fate.reason.includes('hand') || isTick(model, fate.tick),
        );
        const byTick = new Map(held);
        expect(expected.filter(tick => !byTick.has(tick)).map(text)).toEqual([]);
        for (const [tick, { fate, run }] of model.it.holding) {
          seen.set(fate, (seen.get(fate) ?? 0) + 1);
          expect([text(tick), fate]).not.toEqual([text(tick), 'queued']);
          const made = [...model.it.runs.values()].filter(each => each.tick === tick);
          expect([text(tick), fate, made.length]).toEqual([text(tick), fate, fate === 'ran' ? 1 : 0]);
          if (fate === 'ran') expect(run).toBe(made[0]?.id);
        }
      },
      true,
    );
    expect([...seen.keys()].sort()).toEqual(['cancelled', 'missed', 'ran', 'skipped-overlap']);
    expect(Math.min(...seen.values())).toBeGreaterThan(5);
  });

  it('its ticks run in order, and one at a time', () => {
    let compared = 0;
    each(historyOf(calm), ({ it: model }) => {
      const made = [...model.runs.values()].map(run => run.tick).filter(tick => tick % 1_000 === 0);
      expect(made).toEqual([...made].sort((one, other) => one - other));
      compared += made.length;
      const { current } = model.context;
      const going = [...model.runs.values()].filter(run => !run.over);
      expect(going.length).toBeLessThanOrEqual(1);
      if (going[0] && !model.context.visit) expect(current?.run).toBe(going[0].id);
    });
    expect(compared).toBeGreaterThan(200);
  });

  it('it is never silent: where it waits, its next tick is the next one there is', () => {
    let waited = 0;
    each(historyOf(calm), ({ it: model }) => {
      if (model.isAway || !['waiting', 'blocked'].includes(model.top)) return;
      waited += 1;
      expect(model.context.next).toBe(nextTick(model.context.document, plan, model.now));
      if (model.top === 'waiting') expect([model.context.queued, model.context.backlog]).toEqual([null, []]);
      if (model.top === 'blocked') expect(model.context.blocked?.run).toBe(model.context.current?.run);
    });
    expect(waited).toBeGreaterThan(200);
  });

  it('it stays small, survives JSON, and what was decided stays decided', () => {
    let through = Number.NEGATIVE_INFINITY;
    each(historyOf(calm), ({ it: model, isFirst }) => {
      const { context } = model;
      if (isFirst) through = Number.NEGATIVE_INFINITY;
      expect(context.tickedThrough).toBeGreaterThanOrEqual(through);
      through = context.tickedThrough;
      expect(context.backlog.length).toBeLessThanOrEqual(backlogMax);
      expect(JSON.parse(JSON.stringify(context))).toEqual(context);
      expect(JSON.stringify(context).length).toBeLessThan(8_000);
    });
  });

  it('a clock that jumps by a day and back lets nothing run twice, and it does not go silent', () => {
    let behind = 0;
    each(historyOf([...calm, jumps]), ({ it: model, epochs }) => {
      if (model.isAway || !['waiting', 'blocked'].includes(model.top)) return;
      const { document, next } = model.context;
      const second = nextTick(document, plan, nextTick(document, plan, model.now) as number) as number;
      expect(next).toBeLessThanOrEqual(second);
      if (model.context.ahead !== null) behind += 1;
      for (const [tick, { fate }] of model.holding) {
        const made = [...model.runs.values()].filter(run => run.tick === tick).length;
        expect(made).toBeLessThanOrEqual(1);
        if (made === 1 && epochs.length === 1) expect([text(tick), fate]).toEqual([text(tick), 'ran']);
      }
    });
    expect(behind).toBeGreaterThan(20);
  });
});

interface Moment {
  it: ScheduleModel;
  /** Which document held from when to when. */
  epochs: { document: Schedule; from: number; to?: number }[];
  isFirst: boolean;
}

/** Plays histories, and looks after each event, or once each is over. */
function each(histories: fc.Arbitrary<[Schedule, Event[]]>, check: (moment: Moment) => void, looksAtEnd = false): void {
  fc.assert(
    fc.property(histories, ([document, events]) => {
      const model = new ScheduleModel(document, plan);
      const epochs: Moment['epochs'] = [{ document, from: started }];
      let isFirst = true;
      for (const event of events) {
        play(model, event);
        const last = epochs.at(-1) as Moment['epochs'][number];
        if (model.context.document !== last.document) {
          last.to = model.now;
          epochs.push({ document: model.context.document, from: model.now });
        }
        if (!looksAtEnd) check({ it: model, epochs, isFirst });
        isFirst = false;
      }
      if (looksAtEnd) check({ it: model, epochs, isFirst });
    }),
    { numRuns: repetitions(600), ...seedOf(20260301) },
  );
}

type EventOf<Do> = Do extends Plain ? { do: Do } : Extract<Event, { do: Do }>;

let revision = 1;

const plays: { [Do in Event['do']]: (model: ScheduleModel, event: EventOf<Do>) => void } = {
  wait: (model, { ms }) => model.advance(ms),
  away: (model, { ms }) => {
    model.leave();
    model.advance(ms);
    model.return();
  },
  /** Its agent dies in its next visit, and it is told things before another runs it. */
  die: (model, { after, ms, meanwhile }) => {
    model.diesAfter = after;
    model.advance(ms);
    if (model.isAway) for (const word of meanwhile) play(model, word);
    model.return();
  },
  pause: (model, { untilMs }) => {
    const until = untilMs === undefined ? null : text(model.now + untilMs);
    model.tell('schedule.pause', { until });
  },
  change: (model, { document }) => {
    revision += 1;
    model.tell('schedule.changed', { document, revision });
  },
  jump: (model, { days }) => {
    model.now += days * dayMs;
    model.return();
  },
  drain: model => {
    const isLeft = model.isAway;
    model.tell('schedule.drain', { deadline: model.now + 10_000 });
    if (isLeft) return;
    model.leave();
    model.advance(minuteMs);
    model.return();
  },
  retire: model => void model.tell('schedule.retire'),
  trigger: model => {
    model.now += 1;
    model.tell('schedule.trigger', { run: `by-hand-${model.now}` });
  },
  refuse: model => {
    model.refusal = 'its plan is paused';
  },
  allow: model => {
    model.refusal = null;
  },
  resume: model => void model.tell('schedule.resume'),
  end: model => model.end(model.context.current?.run ?? ''),
  endAll: model => model.endAll(),
};

function play(model: ScheduleModel, event: Event): void {
  (plays[event.do] as (model: ScheduleModel, event: Event) => void)(model, event);
}

/** Brings a schedule to its end. */
function finish(model: ScheduleModel): void {
  if (model.isAway) model.return();
  model.tell('schedule.retire');
  expect(model.state).toBe('retired');
}

function isTick({ epochs, it: model }: Moment, tick: string): boolean {
  const at = Date.parse(tick);
  return epochs.some(({ document, from, to }) => ticks(document, from, to ?? model.now).includes(at));
}

function ticks(document: Schedule, from: number, to: number): number[] {
  return ticksBetween(document, plan, from, to, 1_000_000).ticks;
}

function text(at: number): string {
  return new Date(at).toISOString();
}
