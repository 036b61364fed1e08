/** From the throw of an actor to its next life, the supervisor's decision between. */
import { createActor } from 'xstate';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { SystemClock } from '../../src/runtime/system-clock.ts';
import { type VolatileActor, VolatileChild } from '../../src/runtime/volatile-actor.ts';
import { lamp } from './lamp.ts';
import { median, ms, percentile, type Row } from './measure.ts';

const count = 3_000;

export async function run(): Promise<Row[]> {
  const clock = new SystemClock();
  const supervisor = new Supervisor({
    name: 'lamps',
    clock,
    observe: () => undefined,
    random: Math.random,
    intensity: 10 * count,
  });
  const kind = { definition: lamp, restart: 'permanent', clock, random: Math.random } as const;
  const lives: VolatileActor[][] = [];
  for (let n = 0; n < count; n += 1) {
    const own: VolatileActor[] = [];
    const child = new VolatileChild(kind, `lamp-${n}`, { room: 'hall' });
    const start = child.start.bind(child);
    const spec = {
      id: child.id,
      restart: child.restart,
      start: (exited: Parameters<typeof start>[0]) => {
        const actor = start(exited) as VolatileActor;
        own.push(actor);
        startedAt = performance.now();
        return actor;
      },
    };
    lives.push(own);
    await supervisor.add(spec);
  }
  const tookMs: number[] = [];
  const bareMs: number[] = [];
  for (const own of lives) {
    await new Promise(resolve => setImmediate(resolve)); // each crash in a turn of its own, as they come in life
    const crashedAt = performance.now();
    own[0]?.root.send({ type: 'lamp.broke' });
    if (own.length !== 2) throw new Error('the lamp was not started again in the turn of its crash');
    tookMs.push(startedAt - crashedAt);
    const start = performance.now();
    createActor(lamp.machine, { input: { room: 'hall' } }).start();
    bareMs.push(performance.now() - start);
  }
  await supervisor.drain(clock.now() + 10_000);
  clock.close();
  const p50 = median(tookMs);
  return [
    {
      figure: 'crash to restarted child, p50',
      value: `${ms(p50)} (p99 ${ms(percentile(tookMs, 0.99))})`,
      anchor: `bare createActor().start() ${ms(median(bareMs))}`,
      ratio: `${(p50 / median(bareMs)).toFixed(1)} times`,
      target: '< 0.2 ms',
      met: p50 < 0.2,
    },
  ];
}

let startedAt = 0;
