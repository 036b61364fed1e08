/** How fast actors in memory start under a supervisor, what each takes, and how fast they stop in order. */
import { createActor } from 'xstate';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { SystemClock } from '../../src/runtime/system-clock.ts';
import { VolatileChild } from '../../src/runtime/volatile-actor.ts';
import { lamp } from './lamp.ts';
import { heapBytes, inTurns, median, ms, percent, type Row, rate, ratioOf, timed } from './measure.ts';

const count = 10_000;
const rounds = 30;

async function supervised(many: number) {
  const clock = new SystemClock();
  const supervisor = new Supervisor({ name: 'lamps', clock, observe: () => undefined, random: Math.random });
  const kind = { definition: lamp, restart: 'permanent', clock, random: Math.random } as const;
  const tookMs = await timed(async () => {
    // Each of these starts is done when `add` returns; only the last promise is looked at.
    let last: Promise<void> | undefined;
    for (let n = 0; n < many; n += 1) last = supervisor.add(new VolatileChild(kind, `lamp-${n}`, { room: 'hall' }));
    await last;
  });
  return { supervisor, clock, tookMs };
}

function bare(many: number) {
  const start = performance.now();
  const actors = Array.from({ length: many }, (_, n) =>
    createActor(lamp.machine, { input: { room: 'hall' }, id: `lamp-${n}` }).start(),
  );
  return { actors, tookMs: performance.now() - start };
}

async function startMs(many: number): Promise<number> {
  const { supervisor, clock, tookMs } = await supervised(many);
  await supervisor.drain(clock.now() + 60_000);
  clock.close();
  return tookMs;
}

async function stopMs(): Promise<number> {
  const { supervisor, clock } = await supervised(count);
  const tookMs = await timed(() => supervisor.drain(clock.now() + 60_000));
  clock.close();
  return tookMs;
}

function bareStopMs(): number {
  const { actors } = bare(count);
  const start = performance.now();
  for (const actor of actors.reverse()) actor.stop();
  return performance.now() - start;
}

async function heapEach(): Promise<{ own: number; bare: number }> {
  const before = heapBytes();
  const { actors } = bare(count);
  const withBare = heapBytes();
  actors.length = 0;
  const between = heapBytes();
  const { supervisor, clock } = await supervised(count);
  const withOwn = heapBytes();
  await supervisor.drain(clock.now() + 60_000);
  clock.close();
  return { own: (withOwn - between) / count, bare: (withBare - before) / count };
}

export async function run(): Promise<Row[]> {
  const starts = await inTurns(rounds, { own: () => startMs(count), bare: () => bare(count).tookMs });
  const [own, anchor] = [median(starts.own), median(starts.bare)];
  const ratio = ratioOf(starts.bare, starts.own);
  const heap = await heapEach();
  const few = await inTurns(25, { own: () => startMs(1_000), bare: () => bare(1_000).tookMs });
  const many = await inTurns(5, { own: () => startMs(50_000), bare: () => bare(50_000).tookMs });
  const growth = median(many.own) / 50 / median(few.own);
  const bareGrowth = median(many.bare) / 50 / median(few.bare);
  const stops = await inTurns(5, { own: stopMs, bare: async () => bareStopMs() });
  const stop = median(stops.own);
  return [
    {
      figure: '10,000 supervised actors with a deadline each, start',
      value: rate(count, own),
      anchor: `bare createActor().start() ${rate(count, anchor)}`,
      ratio: percent(ratio),
      target: '>= 80 %',
      met: ratio >= 0.8,
    },
    {
      figure: 'heap of each',
      value: `${(heap.own / 1_000).toFixed(1)} kB`,
      anchor: `bare ${(heap.bare / 1_000).toFixed(1)} kB`,
      ratio: percent(heap.own / heap.bare),
      target: '<= 6 kB',
      met: heap.own <= 6_000,
    },
    {
      // What a heap fifty times as large costs the collector, bare actors pay too.
      figure: `start of 50,000 (${rate(50_000, median(many.own))}), time each against 1,000`,
      value: percent(growth),
      anchor: `bare ${percent(bareGrowth)}`,
      ratio: percent(growth / bareGrowth),
      target: '<= 125 %',
      met: growth / bareGrowth <= 1.25,
    },
    {
      figure: '10,000 stopped in order, last first',
      value: ms(stop),
      anchor: `bare stop() ${ms(median(stops.bare))}`,
      ratio: percent(stop / median(stops.bare)),
      target: '<= 300 ms',
      met: stop <= 300,
    },
  ];
}
