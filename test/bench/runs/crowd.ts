/** A hundred engines at once: what their runners take, what it takes to follow them, and how fast an agent drains them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';
import { ms, type Row } from '../measure.ts';

const engines = 100;
const followedMs = 10_000;
/** Ticks of a processor a second, as /proc counts them. */
const ticksPerS = 100;

export async function run(): Promise<Row[]> {
  const rows = await measure('cancel');
  const [detach] = (await measure('detach')).filter(({ figure }) => figure.includes('drain'));
  return detach ? [...rows, detach] : rows;
}

async function measure(onDrain: 'cancel' | 'detach'): Promise<Row[]> {
  const world = await World.open();
  try {
    const exec = { sleeps: { backup: ['/bin/sh', '-c', 'exec sleep 1000', '{output}'] } };
    const repositories = { dumps: { type: 'directory', path: join(world.directory, 'dumps') } };
    const document = { limits: { runs: engines }, exec, repositories };
    const agent = await world.runAgent({ config: world.agentFile('here', document) });
    for (let n = 0; n < engines; n += 1) {
      const engine = { type: 'exec', use: 'sleeps' };
      await world.plan(`plan-${n}`, { engine, repository: 'dumps', onDrain });
      await world.start(`plan-${n}`);
    }
    const sleepers = () => world.workers().filter(({ command }) => command.join(' ').startsWith('sleep 1000'));
    await eventually('every engine runs', () => sleepers().length === engines, 60_000);
    const runners = world.workers().filter(({ command }) => command.some(word => word.endsWith('runner.sh')));
    const [before, since] = [ticksOf(agent.pid), performance.now()];
    await sleep(followedMs);
    const share = (ticksOf(agent.pid) - before) / ticksPerS / ((performance.now() - since) / 1_000);
    const { status, tookMs } = await agent.terminate();
    const left = sleepers().length;
    const expected = onDrain === 'cancel' ? 0 : engines;
    return [
      {
        figure: `memory of a runner and its watcher, ${engines} at once`,
        value: `${(kibibytesOf(runners.map(({ pid }) => pid)) / engines / 1024).toFixed(2)} MiB`,
        anchor: '',
        ratio: '',
        target: '',
        met: true,
      },
      {
        figure: `processor time of an agent that follows ${engines} engines`,
        value: `${(share * 100).toFixed(1)} % of a core`,
        anchor: '',
        ratio: '',
        target: '',
        met: true,
      },
      {
        figure: `drain of an agent with ${engines} engines, onDrain ${onDrain}`,
        value: `${ms(tookMs)}, exit ${status}, ${left} engines left`,
        anchor: 'the grace of 25 s',
        ratio: '',
        target: '< 25 s',
        met: status === 0 && tookMs < 25_000 && left === expected,
      },
    ];
  } finally {
    await world.close();
  }
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** What processes hold, shared pages by their share. */
function kibibytesOf(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids)
    try {
      sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It ended meanwhile, as the short processes of a watcher do.
    }
  return sum;
}
