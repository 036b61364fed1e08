/** A hundred engines at once: what their runners take, what it takes to follow them, and how fast an agent drains them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessIdentity } from '../../../src/runner/process-identity.ts';
import { RunDirectory } from '../../../src/runner/run-directory.ts';
import { readRunnerFile, readStartFile } from '../../../src/runner/run-files.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';
import { ms, type Row } from '../measure.ts';

const engines = 100;
const followedMs = 10_000;
/** Ticks of a processor a second, as /proc counts them. */
const ticksPerS = 100;
const none = { ratio: '', target: '', met: true };

export async function run(): Promise<Row[]> {
  return [...(await measure('cancel')), ...(await measure('detach')).filter(({ figure }) => figure.includes('drain'))];
}

async function measure(onDrain: 'cancel' | 'detach'): Promise<Row[]> {
  const world = await World.open();
  try {
    const exec = { sleeps: { backup: ['/bin/sh', '-c', 'exec sleep 1000', '{output}'] } };
    const repositories = { dumps: { type: 'directory', path: join(world.directory, 'dumps') } };
    const document = { limits: { runs: engines }, exec, repositories };
    const agent = await world.runAgent({ config: world.agentFile('here', document) });
    const idle = await shareOf(() => ticksOf(agent.pid));
    for (let n = 0; n < engines; n += 1) {
      const engine = { type: 'exec', use: 'sleeps' };
      await world.plan(`plan-${n}`, { engine, repository: 'dumps', onDrain });
      await world.start(`plan-${n}`);
    }
    const sleepers = () => world.workers().filter(({ command }) => command.join(' ').startsWith('sleep 1000'));
    await eventually('every engine runs', () => sleepers().length === engines, 60_000);
    const following = await shareOf(() => ticksOf(agent.pid));
    const shells = shellsOf(world);
    const watching = await shareOf(() => shells.reduce((sum, { pid }) => sum + ticksOf(pid), 0));
    const memory = memoryOf(shells);
    const bareShell = await bareShellMemory();
    const bareStopMs = await bareStop();
    const { status, tookMs } = await agent.terminate();
    const left = sleepers().length;
    const expected = onDrain === 'cancel' ? 0 : engines;
    return [
      {
        ...none,
        figure: `memory of a runner and its watcher, ${engines} at once (${shells.length} shells)`,
        value: memoryText(memory, engines),
        anchor: `two bare shells that wait ${memoryText(bareShell, engines)}`,
        ratio: `${(memory.pss / bareShell.pss).toFixed(1)} times`,
        met: shells.length === 2 * engines,
      },
      {
        ...none,
        figure: `processor time of ${engines} runners with what they call`,
        value: `${percentOf(watching)} of a core`,
        anchor: '',
      },
      {
        ...none,
        figure: `processor time of an agent that follows ${engines} engines`,
        value: `${percentOf(following)} of a core`,
        anchor: `the same agent without any ${percentOf(idle)}`,
      },
      {
        ...none,
        figure: `drain of an agent with ${engines} engines, onDrain ${onDrain}`,
        value: `${ms(tookMs)}, exit ${status}, ${left} engines left`,
        anchor: `SIGTERM to ${engines} bare \`sleep\` ${ms(bareStopMs)}`,
        target: '< grace of 25 s',
        met: status === 0 && tookMs < 25_000 && left === expected,
      },
    ];
  } finally {
    await world.close();
  }
}

/** The runners and their watchers, as their runs name them: what a shell forks for a command is none. */
function shellsOf(world: World): ProcessIdentity[] {
  return world.runDirectories().flatMap(run => {
    const { path } = new RunDirectory(world.data, run);
    const start = readStartFile(path);
    const file = start && readRunnerFile(path, start);
    return file ? [file.runner, file.watcher] : [];
  });
}

/** What part of a core was used, by ticks that are counted twice. */
async function shareOf(ticks: () => number): Promise<number> {
  const [before, since] = [ticks(), performance.now()];
  await sleep(followedMs);
  return (ticks() - before) / ticksPerS / ((performance.now() - since) / 1_000);
}

/** Of a process and of those that it has waited for. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

/** In KiB; of `pss` each page that is shared counts by its share. */
interface Memory {
  rss: number;
  pss: number;
}

function memoryOf(processes: readonly { pid: number }[]): Memory {
  const sum = { rss: 0, pss: 0 };
  for (const { pid } of processes) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    sum.rss += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1]);
    sum.pss += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
  }
  return sum;
}

/** As many shells as the runners have, each waiting for a process. */
async function bareShellMemory(): Promise<Memory> {
  const shells = Array.from({ length: 2 * engines }, () =>
    spawn('/bin/sh', ['-c', 'sleep 1000; :'], { stdio: 'ignore', detached: true }),
  );
  try {
    await sleep(1_000);
    return memoryOf(shells.map(({ pid = 0 }) => ({ pid })));
  } finally {
    for (const { pid = 0 } of shells) process.kill(-pid, 'SIGKILL');
  }
}

async function bareStop(): Promise<number> {
  const sleeps = Array.from({ length: engines }, () => spawn('sleep', ['1000'], { stdio: 'ignore' }));
  await Promise.all(sleeps.map(child => once(child, 'spawn')));
  const since = performance.now();
  await Promise.all(
    sleeps.map(async child => {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    }),
  );
  return performance.now() - since;
}

function memoryText({ rss, pss }: Memory, count: number): string {
  const mebibytes = (kibibytes: number) => (kibibytes / count / 1024).toFixed(2);
  return `PSS ${mebibytes(pss)} MiB, RSS ${mebibytes(rss)} MiB`;
}

function percentOf(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
